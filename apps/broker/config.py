"""What the operator decided about the broker connection, frozen at start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apps.broker.domain.restart_window import RestartCalendar
from apps.broker.domain.weekly_login import WeeklyLogin

DATA_CLIENT_ID_OFFSET = 1000
DOCTOR_CLIENT_ID = 999


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """`account` empty means: the only account of the login. A file at `halt_flag` stops trading without a database."""

    host: str
    port: int
    client_id: int
    account: str
    paper_trading: bool
    restarts: RestartCalendar
    market_data_lines: int
    simulated: bool
    halt_flag: Path | None = None
    weekly_login: WeeklyLogin | None = None

    @property
    def data_client_id(self) -> int:
        return self.client_id + DATA_CLIENT_ID_OFFSET
