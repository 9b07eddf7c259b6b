"""An order as the gateway keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ..types import Contract
from .requests import OrderRequest

Status = Literal["PendingSubmit", "PreSubmitted", "Submitted", "Filled", "Cancelled", "Inactive"]
WORKING: frozenset[Status] = frozenset({"PendingSubmit", "PreSubmitted", "Submitted"})


@dataclass(frozen=True, slots=True)
class Margins:
    """Initial and maintenance margin and equity with loan value, base currency."""

    initial: Decimal
    maintenance: Decimal
    equity_with_loan: Decimal


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What an order would change."""

    before: Margins
    after: Margins
    commission: Decimal
    commission_currency: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class OrderLeg:
    """What one unit of the order trades: `ratio` is positive where buying the order buys the contract."""

    contract: Contract
    ratio: int


@dataclass(slots=True)
class Charge:
    """What an order filled of one contract so far, and the commission charged for it."""

    filled: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)


@dataclass(slots=True, eq=False)
class Order:
    """`request` carries the present terms; a modification replaces it. `perm_id` never repeats."""

    request: OrderRequest
    contract: Contract
    legs: tuple[OrderLeg, ...]  # one for a plain order, several for a combo
    perm_id: int
    account: str
    placed_at: datetime
    client_id: int
    order_id: int  # 0 by hand, negative once bound to client 0
    status: Status = "PendingSubmit"
    why_held: str = ""
    transmitted: bool = True
    filled: Decimal = Decimal(0)
    average_fill_price: float = 0.0
    last_fill_price: float = 0.0
    charges: dict[int, Charge] = field(default_factory=dict)
    triggered: bool = False
    trail_stop_price: float | None = None
    oca_group: str = ""
    oca_type: int = 0
    expires_at: datetime | None = None
    auction_at: datetime | None = None
    parent: Order | None = None
    children: list[Order] = field(default_factory=list)
    what_if: WhatIf | None = None
    reason: str = ""  # why it was rejected or cancelled
    completed_at: datetime | None = None

    @property
    def remaining(self) -> Decimal:
        return self.request.quantity - self.filled

    @property
    def commission(self) -> Decimal:
        return sum((charge.commission for charge in self.charges.values()), Decimal(0))

    @property
    def is_working(self) -> bool:
        return self.status in WORKING

    @property
    def is_by_hand(self) -> bool:
        return self.order_id <= 0

    @property
    def is_buy(self) -> bool:
        return self.request.action == "BUY"

    @property
    def parent_perm_id(self) -> int:
        return self.parent.perm_id if self.parent else 0
