"""The one way in which the state of an order changes: a conditional update, its event, and a line in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.broker.choices import OrderState
from apps.broker.models import Order, OrderEvent
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import breaking, clock

STEP, SCOPE = "Order", "broker"
LEVELS = {OrderState.REJECTED: Level.WARN, OrderState.UNRESOLVED: Level.ERROR, OrderState.DENIED: Level.WARN}
MESSAGE_LENGTH = 500
# How a sending ended, for the circuit breaker; an order that was put back or denied was not sent.
PLACEMENT_FAILED = frozenset({OrderState.REJECTED, OrderState.UNRESOLVED})
# What the broker cancelled or let expire at once it had taken.
PLACEMENT_TAKEN = frozenset({OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED})
PLACEMENT_ENDS = PLACEMENT_FAILED | PLACEMENT_TAKEN


@transaction.atomic
def move(
    order_id: UUID,
    /,
    *,
    before: Iterable[OrderState],
    after: OrderState,
    message: str,
    actor: str = "",
    data: Mapping[str, Any] | None = None,
    level: Level | None = None,
    **values: Any,
) -> Order | None:
    """Bring the order from one of the states `before` to `after`; None when it is in none of them (any more).

    `message` is one sentence for people and becomes the order's `state_reason`.
    """
    now = clock.now()
    row = Order.objects.select_for_update().filter(pk=order_id, state__in=list(before)).first()
    if row is None:
        return None
    was = OrderState(row.state)
    text = message[:MESSAGE_LENGTH]
    values |= {"state": after, "state_reason": text, "state_since": now, "updated_at": now}
    Order.objects.filter(pk=order_id).update(**values)
    order = Order.objects.select_related("account", "instrument").get(pk=order_id)
    note(order, message=text, before=was, actor=actor, data=data, level=level)
    if was is OrderState.SUBMITTING and after in PLACEMENT_ENDS:
        problem = text if after in PLACEMENT_FAILED else ""
        transaction.on_commit(lambda: breaking.keeper().note(breaking.ORDER_PLACEMENT, problem), robust=True)
    return order


def note(
    order: Order,
    *,
    message: str,
    before: OrderState | str = "",
    actor: str = "",
    data: Mapping[str, Any] | None = None,
    level: Level | None = None,
) -> None:
    """Record something that happened to an order; call it inside the transaction that did it."""
    state = OrderState(order.state)
    details = dict(data or {})
    OrderEvent.objects.create(
        order=order,
        at=clock.now(),
        before=before or state,
        after=state,
        message=message[:MESSAGE_LENGTH],
        data=details,
        actor=actor,
        epoch=order.epoch,
    )
    journal.record(
        step=STEP,
        message=f"{order}: {state.label.lower()}: {message}",
        level=level or LEVELS.get(state, Level.INFO),
        scope=SCOPE,
        symbol=order.instrument.symbol,
        data={"order": str(order.pk), "state": state.value, **details},
        actor=actor or order.requested_by,
    )
