"""One order of the ledger and what the broker said of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apps.broker import ledger
from apps.broker.choices import OrderState, OrderType
from apps.broker.domain.orders import ENDED, may_follow
from apps.broker.following.executed import Executed
from apps.broker.following.rules import Filled, Source, Verdict, shows, verdict
from apps.broker.gateway.rows import OrderRow
from apps.broker.models import BrokerOrder, Order
from apps.journal.choices import Level
from tradeops.lib import clock

ACTOR = "broker"
NEVER_SENT = [OrderState.PROPOSED, OrderState.DENIED]
SECOND = "second_perm_id"


def is_settled(order: Order, row: OrderRow | None, executed: Executed) -> bool:
    """Nothing new: the lists tell the same of most orders, every few seconds."""
    if row is None or order.perm_id != row.perm_id or order.wanted_changes or row.filled > order.filled_quantity:
        return False
    counted = executed.of(order, row.perm_id).quantity
    if counted and counted != order.filled_quantity:
        return False
    if order.is_external and row.is_open and _terms(row).items() - _known_terms(order).items():
        return False
    return order.state == OrderState.WORKING if row.is_open else order.state in ENDED


def _terms(row: OrderRow) -> dict[str, Any]:
    return {"quantity": row.quantity, "limit_price": row.limit_price, "stop_price": row.aux_price}


def _known_terms(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in ("quantity", "limit_price", "stop_price")}


def apply(order: Order, row: OrderRow | None, source: Source, executed: Executed) -> None:
    order.refresh_from_db()
    if order.state in NEVER_SENT:
        return
    perm_id = row.perm_id if row is not None else executed.perm_id_of(order) or order.perm_id
    if order.perm_id is not None and perm_id != order.perm_id:
        return _report_second(order, perm_id)
    filled = _filled(order, row, executed.of(order, perm_id))
    found = verdict(row, source, filled, wanted=order.quantity, cancel_requested=order.cancel_requested_at is not None)
    values = _values(order, row, perm_id, filled)
    if found is not None and found.state != order.state:
        _move(order, found, values)
    else:
        _update(order, values, filled)
    if row is not None and row.is_open:
        _confirm_changes(order, row)


def _filled(order: Order, row: OrderRow | None, executed: Filled) -> Filled:
    """The order's own count may be ahead of its executions by a message, or they may be of a day that is over."""
    if row is not None and row.filled > executed.quantity:
        return Filled(row.filled, row.average_fill_price)
    if executed.quantity:
        return executed
    return Filled(order.filled_quantity, order.average_fill_price)


def _values(order: Order, row: OrderRow | None, perm_id: int | None, filled: Filled) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if order.perm_id is None and perm_id:
        values["perm_id"] = perm_id
    if order.acknowledged_at is None and perm_id:
        values["acknowledged_at"] = row.as_of if row is not None else clock.now()
    if filled.quantity != order.filled_quantity or filled.average != order.average_fill_price:
        values |= {"filled_quantity": filled.quantity, "average_fill_price": filled.average}
    if order.is_external and row is not None and row.is_open:
        values |= dict(_terms(row).items() - _known_terms(order).items())
    return values


def _move(order: Order, found: Verdict, values: dict[str, Any]) -> None:
    state = OrderState(order.state)
    if state is OrderState.APPROVED:
        # It was taken for lost and is about to be sent again: the broker has it after all.
        ledger.move(order.pk, before=[state], after=OrderState.SUBMITTING, message="the broker has it", actor=ACTOR)
        state = OrderState.SUBMITTING
    if not may_follow(state, found.state):
        return
    if found.state in ENDED:
        values |= {"wanted_changes": {}, "modify_sent_at": None}
    if found.state is OrderState.WORKING and state in ENDED:
        found = Verdict(found.state, f"it still works: {found.message}")
    values |= {"looks": 0, "looked_at": None}
    ledger.move(order.pk, before=[state], after=found.state, message=found.message, actor=ACTOR, **values)


def _update(order: Order, values: dict[str, Any], filled: Filled) -> None:
    if not values:
        return
    before = order.filled_quantity
    Order.objects.filter(pk=order.pk).update(**values, updated_at=clock.now())
    if filled.quantity != before:
        price = f" at {filled.average.normalize():f}" if filled.average is not None else ""
        told = f"{filled.quantity.normalize():f} of {order.quantity.normalize():f} filled{price}"
        ledger.note(order, message=told, actor=ACTOR)


def _confirm_changes(order: Order, row: OrderRow) -> None:
    """The new terms enter the ledger in the statement that ends the modification."""
    order.refresh_from_db(fields=["wanted_changes", "modify_sent_at", "state"])
    changes, sent_at = order.wanted_changes, order.modify_sent_at
    if not changes or sent_at is None or row.as_of < sent_at:
        return
    if not shows(row, changes, OrderType(order.order_type)):
        return
    terms = {name: Decimal(value) for name, value in changes.items()}
    Order.objects.filter(pk=order.pk).update(**terms, wanted_changes={}, modify_sent_at=None, updated_at=clock.now())
    ledger.note(order, message="the broker has the new terms", actor=ACTOR, data={"changes": changes})


def _report_second(order: Order, perm_id: int | None) -> None:
    if perm_id is None or order.events.filter(data__contains={SECOND: perm_id}).exists():
        return
    message = f"the broker holds a second order under the same reference: permanent id {perm_id}. Look at it in TWS"
    ledger.note(order, message=message, actor=ACTOR, data={SECOND: perm_id}, level=Level.ERROR)


def vanished(order: Order) -> None:
    """A working order is in no list of the broker any more; the mirror has counted its executions."""
    shown = BrokerOrder.objects.filter(perm_id=order.perm_id or 0).first()
    if shown is not None and shown.is_open:
        return
    if shown is not None and shown.status == "Filled":
        found = Verdict(OrderState.FILLED, "filled, as its executions show")
        return _move(order, found, {"filled_quantity": shown.filled, "average_fill_price": shown.average_fill_price})
    message = "the broker lists it neither as open nor as completed"
    _move(order, Verdict(OrderState.UNRESOLVED, message), {})
