"""One order of the ledger and what the broker said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.broker import ledger
from apps.broker.choices import OrderState, OrderType
from apps.broker.domain.orders import ENDED, may_follow
from apps.broker.following.executed import Executed
from apps.broker.following.rules import FILLED, Filled, Known, Source, Verdict, count_filled, shows, verdict
from apps.broker.gateway.rows import OrderRow
from apps.broker.models import BrokerOrder, Order
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


def _report_second(order: Order, perm_id: int | None) -> None:
    if perm_id is None or order.events.filter(data__contains={SECOND: perm_id}).exists():
        return
    message = f"the broker holds a second order under the same reference: permanent id {perm_id}. Look at it in TWS"
    ledger.note(order, message=message, actor=ACTOR, data={SECOND: perm_id}, level=Level.ERROR)


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
