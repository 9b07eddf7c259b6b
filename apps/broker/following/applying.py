"""One order of the ledger and what the broker said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from apps.broker import ledger
from apps.broker.choices import OrderState, OrderType
from apps.broker.domain.orders import ENDED, may_follow
from apps.broker.following.executed import Executed
from apps.broker.following.rules import FILLED, Filled, Known, Source, Verdict, count_filled, shows, verdict
from apps.broker.gateway.orders.escalation import on_escalation
from apps.broker.gateway.rows import OrderRow
from apps.broker.models import BrokerOrder, Order
from apps.broker.services.second_orders import halt_on_second_order, is_halted_on
from apps.journal.choices import Level
from tradeops.lib import clock

ACTOR = "broker"
SECOND = "second_perm_id"
S = OrderState
# From where the ledger last knew it to where the broker's word can be taken.
WAYS = {S.PROPOSED: (S.APPROVED, S.SUBMITTING), S.APPROVED: (S.SUBMITTING,)}
# A fill and its execution are told apart, moments from each other.
RESTED = timedelta(seconds=5)
ROUNDED = 8
# Terms that others may change, with the places to which the ledger keeps them.
ROUNDED_TO = {"quantity": 6, "limit_price": 8, "stop_price": 8, "trailing_amount": 8, "trailing_fraction": 6}


@dataclass(frozen=True, slots=True)
class Said:
    """What the broker said of one order; without a row, only executions tell of it."""

    row: OrderRow | None
    source: Source


@dataclass(frozen=True, slots=True)
class Reading:
    """An order, what was said of it, and what follows."""

    perm_id: int | None
    filled: Filled
    verdict: Verdict | None


def read(order: Order, said: Said, executed: Executed) -> Reading:
    row = said.row
    perm_id = row.perm_id if row is not None else executed.perm_id_of(order) or order.perm_id
    counted = executed.of(order, perm_id)
    told = Filled(order.filled_quantity, order.average_fill_price)
    filled = count_filled(row, counted.filled, counted.most, told)
    known = Known(
        state=S(order.state),
        quantity=_quantity(order, row),
        executed=counted.filled,
        filled=filled,
        cancel_requested=order.cancel_requested_at is not None,
    )
    return Reading(perm_id, filled, verdict(row, said.source, known))


def _quantity(order: Order, row: OrderRow | None) -> Decimal:
    """The largest that the broker may be working on: an order is not filled while more of it is wanted."""
    if not order.quantity:
        return order.quantity
    wanted = Decimal(order.wanted_changes.get("quantity", 0)) if order.modify_sent_at else Decimal(0)
    shown = row.quantity if row is not None and row.is_open else Decimal(0)
    return max(order.quantity, wanted, shown)


def is_settled(order: Order, said: Said, executed: Executed) -> bool:
    """Nothing new: the lists tell the same of most orders, every few seconds."""
    row, found = said.row, read(order, said, executed)
    if order.state in WAYS or order.perm_id != found.perm_id or _news(order, row, found):
        return False
    if row is not None and changed_terms(order, row):
        return False
    if row is not None and (order.wanted_changes or (row.status == FILLED and order.state != S.FILLED)):
        return False
    return found.verdict is None or found.verdict.state == order.state


def apply(order: Order, said: Said, executed: Executed) -> None:
    order.refresh_from_db()
    if order.state == S.DENIED:
        return
    row = said.row
    if row is not None and (row.is_open or row.status == FILLED):
        _confirm_changes(order, row)
        _adopt_changes(order, row)
    if said.source is Source.COMPLETED and row is not None and row.status == FILLED and _has_rested(row):
        said = Said(row, Source.RESTED)
    found = read(order, said, executed)
    if order.perm_id is not None and found.perm_id != order.perm_id:
        return _report_second(order, found.perm_id)
    values = _news(order, row, found)
    if found.perm_id and order.perm_id is None:
        values["perm_id"] = found.perm_id
    if found.perm_id and order.acknowledged_at is None:
        values["acknowledged_at"] = row.as_of if row is not None else clock.now()
    if found.verdict is None or not _move(order, found.verdict, values):
        _update(order, values, found.filled)


def _has_rested(row: OrderRow) -> bool:
    ended = BrokerOrder.objects.filter(perm_id=row.perm_id, is_open=False, as_of__lte=row.as_of - RESTED)
    return ended.exists()


def _news(order: Order, row: OrderRow | None, found: Reading) -> dict[str, Any]:
    values: dict[str, Any] = {}
    filled = found.filled
    if filled.quantity != order.filled_quantity or filled.average != order.average_fill_price:
        values |= {"filled_quantity": filled.quantity, "average_fill_price": filled.average}
    if order.is_external and row is not None and row.is_open:
        values |= dict(terms_of(row).items() - {name: getattr(order, name) for name in terms_of(row)}.items())
    return values


def changed_terms(order: Order, row: OrderRow) -> dict[str, Decimal]:
    """Where the broker shows other terms of our order than the ledger; none while a modification is under way."""
    is_ours = not order.is_external and order.perm_id == row.perm_id
    if not is_ours or order.state != S.WORKING or order.wanted_changes or not row.is_open:
        return {}
    known = {name: getattr(order, name) for name in ROUNDED_TO}
    shown = terms_of(row)
    return {
        name: shown[name]
        for name, places in ROUNDED_TO.items()
        if known[name] and shown[name] and round(known[name], places) != round(shown[name], places)
    }


def terms_of(row: OrderRow) -> dict[str, Any]:
    """The terms of an order that was given by others, which they may change."""
    trails = row.order_type == OrderType.TRAILING_STOP
    percent = row.trailing_percent if trails else None
    return {
        "quantity": row.quantity,
        "limit_price": row.limit_price,
        "stop_price": None if trails else row.aux_price,
        "trailing_amount": row.aux_price if trails else None,
        "trailing_fraction": None if percent is None else round(percent / 100, 6),
    }


def _move(order: Order, found: Verdict, values: dict[str, Any]) -> bool:
    """False where the verdict changes nothing: then only the values do."""
    state, way = S(order.state), WAYS.get(S(order.state), ())
    before = way[-1] if way else state
    if found.state == state or not may_follow(before, found.state):
        return False
    for step in way:
        # It was not to be there: taken for lost and about to be sent again, or the ledger was restored from a backup.
        ledger.move(order.pk, before=[state], after=step, message="the broker has it already", actor=ACTOR)
        state = step
    if found.state in ENDED:
        values |= {"wanted_changes": {}, "modify_sent_at": None}
    if found.state is S.WORKING and state in ENDED:
        found = Verdict(found.state, f"it still works: {found.message}")
    values |= {"looks": 0, "looked_at": None}
    ledger.move(order.pk, before=[state], after=found.state, message=found.message, actor=ACTOR, **values)
    return True


def _update(order: Order, values: dict[str, Any], filled: Filled) -> None:
    if not values:
        return
    before, state = order.filled_quantity, S(order.state)
    Order.objects.filter(pk=order.pk).update(**values, updated_at=clock.now())
    if "filled_quantity" not in values:
        return
    price = f" at {filled.average.normalize():f}" if filled.average is not None else ""
    told = f"{filled.quantity.normalize():f} of {order.quantity.normalize():f} filled{price}"
    is_correction = state in ENDED or filled.quantity <= before
    if is_correction:
        told = f"the broker corrected it: {told}, not {before.normalize():f}"
    ledger.note(order, message=told, actor=ACTOR, level=Level.WARN if is_correction else None)


def _confirm_changes(order: Order, row: OrderRow) -> None:
    """The new terms enter the ledger in the statement that ends the modification."""
    changes, sent_at = order.wanted_changes, order.modify_sent_at
    if not changes or sent_at is None or row.as_of < sent_at:
        return
    if not shows(row, changes, OrderType(order.order_type)):
        return
    terms = {name: Decimal(value) for name, value in changes.items()}
    Order.objects.filter(pk=order.pk).update(**terms, wanted_changes={}, modify_sent_at=None, updated_at=clock.now())
    order.refresh_from_db()
    ledger.note(order, message="the broker has the new terms", actor=ACTOR, data={"changes": changes})


def _adopt_changes(order: Order, row: OrderRow) -> None:
    """Somebody has changed our order at the broker: what is true there counts against the limits."""
    changes = changed_terms(order, row)
    if not changes:
        return
    told = ", ".join(
        f"{name} {getattr(order, name).normalize():f} to {new.normalize():f}" for name, new in changes.items()
    )
    reduced = set(changes) == {"quantity"} and changes["quantity"] < order.quantity
    by_group = reduced and bool(order.oca_group or order.parent_id)
    data = {"changes": {name: str(value) for name, value in changes.items()}}
    # The database lets terms change only in the statement that ends a modification.
    begun = Order.objects.filter(pk=order.pk, wanted_changes={}).update(
        wanted_changes=data["changes"], modify_sent_at=row.as_of
    )
    if not begun:
        return
    Order.objects.filter(pk=order.pk).update(**changes, wanted_changes={}, modify_sent_at=None, updated_at=clock.now())
    order.refresh_from_db()
    message = f"its group reduced it: {told}" if by_group else f"changed at the broker, not from here: {told}"
    ledger.note(order, message=message, actor=ACTOR, data=data, level=None if by_group else Level.ERROR)


def _report_second(order: Order, perm_id: int | None) -> None:
    if perm_id is None:
        return
    message = f"the broker holds a second order under the same reference: permanent id {perm_id}. Look at it in TWS"
    if not order.events.filter(data__contains={SECOND: perm_id}).exists():
        on_escalation("second order", message, order=order, data={SECOND: perm_id})
    elif is_halted_on(perm_id=perm_id, since=order.created_at):
        return
    instrument = order.instrument
    halt = partial(
        halt_on_second_order,
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        perm_id=perm_id,
        message=f"{order}: {message}",
    )
    # Afterwards: the gate's lock comes before those that are held here.
    transaction.on_commit(halt, robust=True)


def vanished(order: Order, executed: Executed) -> None:
    """A working order is in no list of the broker any more."""
    shown = BrokerOrder.objects.filter(perm_id=order.perm_id or 0).first()
    if shown is not None and shown.is_open:
        return
    counted = executed.of(order, order.perm_id).filled
    if order.quantity and counted.quantity >= order.quantity:
        found = Verdict(S.FILLED, "filled, as its executions show")
        _move(order, found, {"filled_quantity": counted.quantity, "average_fill_price": counted.average})
    else:
        _move(order, Verdict(S.UNRESOLVED, "the broker lists it neither as open nor as completed"), {})
