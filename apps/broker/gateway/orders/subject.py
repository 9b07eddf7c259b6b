from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from apps.broker.choices import OrderPurpose
from apps.broker.models import Order


@dataclass(frozen=True, slots=True)
class Subject:
    """An order as stops and cancels see it, kept in memory so that both work without the database."""

    id: UUID | None
    purpose: OrderPurpose
    account: str
    strategy: str
    con_id: int
    symbol: str
    client_id: int | None
    order_id: int | None
    perm_id: int | None = None

    def __str__(self) -> str:
        number = f"order {self.order_id} of client {self.client_id}" if self.order_id else f"order {self.perm_id}"
        return f"{self.symbol} {number}"


def subject_of(order: Order) -> Subject:
    """`account` and `instrument` must be loaded."""
    return Subject(
        id=order.pk,
        purpose=OrderPurpose(order.purpose),
        account=order.account.code,
        strategy=order.strategy,
        con_id=order.instrument.con_id,
        symbol=order.instrument.symbol,
        client_id=order.client_id,
        order_id=order.order_id,
        perm_id=order.perm_id,
    )
