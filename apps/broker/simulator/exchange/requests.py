"""What a client asks for when it places an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ..types import Query


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a combo. The last four fields only travel back to the client."""

    con_id: int
    ratio: int
    action: str  # BUY, SELL
    exchange: str
    open_close: int = 0
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


@dataclass(frozen=True, slots=True)
class DeltaNeutral:
    con_id: int
    delta: float
    price: float


@dataclass(frozen=True, slots=True)
class Condition:
    """`kind` is IB's number: 1 price, 3 time, 4 margin, 5 execution, 6 volume, 7 percent change.

    `fields` are the wire texts after the kind, the first is the conjunction with the next condition ("a" or "o").
    """

    kind: int
    fields: tuple[str, ...]


@dataclass(slots=True)
class OrderRequest:
    """The attributes the exchange acts upon, and in `raw` all others as wire text by IB's name."""

    client_id: int
    order_id: int
    query: Query
    action: str
    quantity: Decimal
    order_type: str
    limit_price: float | None = None
    aux_price: float | None = None
    tif: str = "DAY"
    oca_group: str = ""
    oca_type: int = 0
    account: str = ""
    order_ref: str = ""
    transmit: bool = True
    parent_id: int = 0
    outside_rth: bool = False
    what_if: bool = False
    trail_stop_price: float | None = None
    trailing_percent: float | None = None
    limit_price_offset: float | None = None
    good_after_time: str = ""
    good_till_date: str = ""
    all_or_none: bool = False
    auto_cancel_parent: bool = False
    legs: tuple[Leg, ...] = ()
    leg_prices: tuple[float | None, ...] = ()
    routing_params: tuple[tuple[str, str], ...] = ()
    algo_params: tuple[tuple[str, str], ...] = ()
    delta_neutral: DeltaNeutral | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: bool = False
    conditions_cancel_order: bool = False
    raw: Mapping[str, str] = field(default_factory=dict)
