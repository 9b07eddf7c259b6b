"""What the broker said, copied at once into values that never change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.broker.choices import Side

OPTIONS = ("OPT", "FOP")


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """`detailed` when the contract's details were fetched; else only what orders and positions tell."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchange: str
    primary_exchange: str
    local_symbol: str
    trading_class: str
    expires_on: date | None
    strike: Decimal | None
    right: str
    multiplier: Decimal
    as_of: datetime
    min_tick: Decimal | None = None
    price_magnifier: int = 1
    long_name: str = ""
    time_zone: str = ""
    under_con_id: int | None = None
    under_sec_type: str = ""

    @property
    def detailed(self) -> bool:
        return self.min_tick is not None

    @property
    def is_complete(self) -> bool:
        """Is there nothing more that details could tell? Of an option they name the underlying."""
        return self.detailed and (self.sec_type not in OPTIONS or bool(self.under_sec_type))


@dataclass(frozen=True, slots=True)
class ValueRow:
    account: str
    tag: str
    currency: str
    value: str
    as_of: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.tag, self.currency


@dataclass(frozen=True, slots=True)
class PnlRow:
    account: str
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class EquityRow:
    account: str
    at: datetime
    currency: str
    net_liquidation: Decimal
    cash: Decimal | None
    daily_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class PositionRow:
    """`priced_at` None: the message told the quantity only, so what the table knows of prices stays.

    `realized_pnl` None: not told, so the table's stays too.
    """

    account: str
    instrument: InstrumentRow
    quantity: Decimal
    average_cost: Decimal
    as_of: datetime
    market_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    price_source: str = ""
    priced_at: datetime | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.account, self.instrument.con_id


@dataclass(frozen=True, slots=True)
class OrderRow:
    perm_id: int
    order_id: int
    client_id: int
    account: str
    instrument: InstrumentRow
    side: Side
    order_type: str
    quantity: Decimal
    filled: Decimal
    remaining: Decimal
    limit_price: Decimal | None
    aux_price: Decimal | None
    average_fill_price: Decimal | None
    time_in_force: str
    status: str
    is_open: bool
    order_ref: str
    oca_group: str
    parent_perm_id: int | None
    reason: str
    as_of: datetime
    trailing_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    exec_id: str
    exec_key: str
    revision: int
    perm_id: int
    order_id: int
    client_id: int
    order_ref: str
    account: str
    instrument: InstrumentRow
    side: Side
    quantity: Decimal
    price: Decimal
    exchange: str
    executed_at: datetime
    cumulative_quantity: Decimal
    average_price: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CommissionRow:
    exec_id: str
    amount: Decimal
    currency: str
    realized_pnl: Decimal | None
    as_of: datetime
