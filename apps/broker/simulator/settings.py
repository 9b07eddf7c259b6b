"""What a simulated gateway is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .types import MarketSettings

DEFAULT_ACCOUNT = "DU1234567"


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """IB's documented limits. Tests narrow or widen them."""

    messages_per_second: int = 50  # per client; 0 switches the limit off
    pace_messages: bool = False  # delay what exceeds the rate instead of refusing it
    market_data_lines: int = 100  # over all clients
    depth_requests: int = 3
    tick_by_tick_requests: int = 5
    account_summaries: int = 2  # per client
    open_history_requests: int = 50
    history_pacing: bool = True
    clients: int = 32
    connections: int = 128  # including those that have not logged in
    login_seconds: float = 30.0
    unsent_bytes: int = 32 * 1024 * 1024  # a client that reads slower than this is disconnected
    unprocessed_messages: int = 20_000


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    accounts: tuple[str, ...] = (DEFAULT_ACCOUNT,)
    master_client_id: int | None = None
    reject_status_first: bool = False  # orderStatus Inactive before error 201; both orders happen at IB
    state_file: Path | None = None  # None: everything is forgotten when the process ends
    market: MarketSettings = field(default_factory=MarketSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
