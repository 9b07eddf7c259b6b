"""What a verdict is made from. Whatever nobody can say is Unknown, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.broker.choices import OrderPurpose, OrderType, PriceSource, Side, TradingPermission
from apps.broker.domain.orders import CLOSING
from apps.risk.choices import DenialCode, LimitName
from tradeops.lib.known import Known, Unknown

OPTIONS = frozenset({"OPT", "FOP"})
PUT = "P"
LIVE_SOURCES = frozenset({PriceSource.MARKET, PriceSource.MID})
DELAYED_SOURCES = frozenset({PriceSource.DELAYED, PriceSource.DELAYED_LAST})


@dataclass(frozen=True, slots=True)
class Intent:
    """The order to be judged. Prices as quoted; one unit is worth price * multiplier / price_magnifier in `currency`.

    `parent_quantity` is that of the entry to which a protective order of a bracket belongs; `strike`, as quoted, and
    `right` those of an option. `is_collared`: a market order, whose limit follows from the quote of its proposal.
    """

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    purpose: OrderPurpose
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    price_magnifier: Decimal = Decimal(1)
    min_tick: Decimal | None = None
    outside_regular_hours: bool = False
    oca_group: str = ""
    parent_quantity: Decimal | None = None
    strike: Decimal | None = None
    right: str = ""
    is_collared: bool = False

    @property
    def is_closing(self) -> bool:
        return self.purpose in CLOSING

    @property
    def is_written(self) -> bool:
        """An option sold: what it obliges to is the strike, whatever little was paid for it."""
        return self.sec_type in OPTIONS and self.side is Side.SELL

    @property
    def takes_funds(self) -> bool:
        """A written put may have to be paid for as a purchase is."""
        return self.side is Side.BUY or self.right == PUT

    @property
    def signed_quantity(self) -> Decimal:
        return self.quantity if self.side is Side.BUY else -self.quantity


@dataclass(frozen=True, slots=True)
class Quote:
    """Price, bid and ask as quoted; `at` is the time of the tick, `is_halted` that the exchange has stopped trading."""

    price: Decimal
    source: PriceSource
    at: datetime
    bid: Decimal | None = None
    ask: Decimal | None = None
    is_halted: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """A position, signed, and its value in the account's currency (None: cannot be valued). `owed`, unsigned: what
    written options oblige to."""

    con_id: int
    quantity: Decimal
    value: Decimal | None
    owed: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that the broker has or may come to have. `value` of what remains, in the account's currency, unsigned;
    None: cannot be valued; of written options what they oblige to. `is_settling`: a fill that the position does not
    show yet, the order itself has ended.
    """

    con_id: int
    side: Side
    remaining: Decimal
    purpose: OrderPurpose
    created_at: datetime
    price: Decimal | None = None
    value: Decimal | None = None
    stop_price: Decimal | None = None
    oca_group: str = ""
    quantity: Decimal = Decimal(0)
    is_settling: bool = False
    right: str = ""
    is_collared: bool = False

    @property
    def is_closing(self) -> bool:
        return self.purpose in CLOSING

    @property
    def takes_funds(self) -> bool:
        return self.side is Side.BUY or self.right == PUT

    @property
    def signed_remaining(self) -> Decimal:
        return self.remaining if self.side is Side.BUY else -self.remaining


@dataclass(frozen=True, slots=True)
class Facts:
    """Amounts are in the account's currency. `exchange_rate` turns the instrument's currency into it.

    `clock_skew`: seconds by which the database's clock and this machine's differ. `broker_clock_offset`: by which the
    broker's is ahead of the gateway's, None: not known. `watched_at`: when the account's losses were last compared with
    their limits; None: never. `market_is_open` by the exchange's calendar, `broker_says_open` by the hours that the
    broker states. `given_lately`: orders that wait or have ended, by which only a repetition is told.

    Counts of orders include the changes asked of working ones, for each is a message to the broker.
    `orders_last_second` are those of the same strategy; `traded_today` counts the orders of today that were filled,
    in part at least.
    """

    now: datetime
    permission: TradingPermission
    stop_reasons: tuple[str, ...]
    clock_skew: float
    broker_clock_offset: float | None
    watched_at: datetime | None
    session_problem: str
    restart_is_near: bool
    mode_problem: str
    restriction: str
    break_problem: str
    market_is_open: Known[bool] | Unknown
    broker_says_open: Known[bool] | Unknown
    quote: Known[Quote] | Unknown
    equity: Known[Decimal] | Unknown
    available_funds: Known[Decimal] | Unknown
    exchange_rate: Known[Decimal] | Unknown
    average_volume: Known[Decimal] | Unknown
    holdings: Known[tuple[Holding, ...]] | Unknown
    open_orders: tuple[OpenOrder, ...]
    orders_last_second: int
    orders_last_minute: int
    orders_today: int
    traded_today: int
    given_lately: tuple[OpenOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """`sentence` is for people and names the figures; `limit` is the one that a person would have to change."""

    code: DenialCode
    sentence: str
    data: Mapping[str, Any] = field(default_factory=dict)
    limit: LimitName | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every reason against the order, not only the first; none: it may be sent. `note` says what was not checked."""

    reasons: tuple[Reason, ...]
    note: str = ""

    @property
    def is_approved(self) -> bool:
        return not self.reasons

    @property
    def codes(self) -> frozenset[DenialCode]:
        return frozenset(reason.code for reason in self.reasons)

    @property
    def sentence(self) -> str:
        told = " ".join(reason.sentence for reason in self.reasons) or "Within all limits."
        return f"{told} {self.note}".strip()
