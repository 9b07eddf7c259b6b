"""What the exchange hands out: executions, commission reports, positions, account values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..types import Contract


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill. `side` is BOT or SLD; `order_id` is 0 for orders entered by hand."""

    exec_id: str
    order_id: int
    client_id: int
    perm_id: int
    contract: Contract
    at: datetime  # aware UTC
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: float
    cumulative: Decimal
    average_price: float
    order_ref: str = ""
    model_code: str = ""
    liquidity: int = 2  # 1 added, 2 removed liquidity


@dataclass(frozen=True, slots=True)
class CommissionReport:
    """`realized_pnl` is None for an opening trade (unset on the wire)."""

    exec_id: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Empty fields match everything. `side` is BUY or SELL; `since` is aware UTC."""

    client_id: int = 0
    account: str = ""
    since: datetime | None = None
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """`average_cost` is per unit, includes the multiplier and commissions, as IB reports it."""

    account: str
    contract: Contract
    quantity: Decimal
    average_cost: float


@dataclass(frozen=True, slots=True)
class PortfolioItem:
    """A position with its market value, in the contract's currency."""

    account: str
    contract: Contract
    quantity: Decimal
    market_price: float
    market_value: float
    average_cost: float
    unrealized_pnl: float
    realized_pnl: float  # today


@dataclass(frozen=True, slots=True)
class AccountValue:
    key: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True)
class Pnl:
    """In the base currency."""

    daily: float
    unrealized: float
    realized: float


@dataclass(frozen=True, slots=True)
class PnlSingle:
    """One position, in the base currency."""

    quantity: Decimal
    daily: float
    unrealized: float
    realized: float
    value: float
