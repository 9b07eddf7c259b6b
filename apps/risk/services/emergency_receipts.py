"""Writing a close-all's receipt. Every write holds the row and looks whether the run still goes on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from apps.broker import selectors as broker_selectors
from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, EmergencyState, OrderPurpose, OrderState
from apps.broker.exceptions import OrderMovedOn
from apps.broker.gate import closing_key
from apps.broker.models import EmergencyRun, Order
from apps.broker.models.stops import ENDED
from apps.journal import services as journal
from apps.journal.choices import Level, Severity
from tradeops.lib import clock

STEP = "Emergency"
CLOSED = "close"
NOT_VERIFIED = "is not verified at the broker"
TITLES = {EmergencyState.OTHERS: "is done for our orders, but orders of others still work"}


def orders_of(run_id: UUID) -> list[Order]:
    """The orders that the close-all sent, the oldest first."""
    rows = Order.objects.filter(idempotency_key__startswith=closing_key(run_id))
    return list(rows.select_related("account", "instrument").order_by("created_at", "pk"))


@transaction.atomic
def end(run: EmergencyRun, state: EmergencyState, *, problem: str = "", picture: dict[str, Any] | None = None) -> bool:
    """False when it had ended already: the first end stands."""
    row = EmergencyRun.objects.select_for_update().get(pk=run.pk)
    if row.state in ENDED:
        return False
    row.state, row.problem, row.ended_at = state, problem[:500], clock.now()
    row.picture = picture or row.picture
    row.results = [entry for entry in row.results if entry.get("what") != CLOSED] + closed_entries(row)
    row.save()
    if state is EmergencyState.DONE:
        _record(row, f"{row}: verified at the broker", Level.WARN)
    else:
        tell(row)
    return True


def tell(run: EmergencyRun) -> None:
    """Once per run: a person must look."""
    if run.found.get("told"):
        return
    run.found = {**run.found, "told": True}
    run.save(update_fields=["found"])
    _record(run, f"{run}: {run.problem}", Level.ERROR)
    journal.open_incident(
        key=incident_key(run),
        title=f"{EmergencyKind(run.kind).label} {TITLES.get(EmergencyState(run.state), NOT_VERIFIED)}",
        severity=Severity.CRITICAL,
        detail=f"{run.problem}\nAsked by {run.actor}: {run.reason}. Look in TWS: cancel, close, and compare.",
        scope="risk",
        actor=run.actor,
    )


def obstacles() -> str:
    """What keeps the broker from being asked and closing orders from being sent, for whoever must go on by hand."""
    view, now = broker_selectors.session(), clock.now()
    told = "" if view.admits(OrderPurpose.FLATTEN) else f" (the session is {view.state.label.lower()}: {view.reason})"
    outage = broker_selectors.planned_outage(now)
    if outage is None:
        return told
    return f"{told} (a restart of the broker is planned, it may be away until {outage[1]:%H:%M} UTC)"


def incident_key(run: EmergencyRun) -> str:
    return f"emergency:{run.pk}"


def closed_entries(run: EmergencyRun) -> list[dict[str, Any]]:
    return [_entry(order) for order in orders_of(run.pk)]


def give_up_orders(run: EmergencyRun, reason: str) -> None:
    """Nothing of a close-all stays behind at the broker."""
    for order in orders_of(run.pk):
        try:
            broker.request_cancel(order_id=order.pk, actor=run.actor, reason=reason)
        except OrderMovedOn:
            continue


def _entry(order: Order) -> dict[str, Any]:
    filled, quantity = f"{order.filled_quantity.normalize():f}", f"{order.quantity.normalize():f}"
    price = f" at {order.average_fill_price.normalize():f}" if order.average_fill_price is not None else ""
    done = order.state == OrderState.FILLED
    told = order.get_state_display().lower() + ("" if done or not order.state_reason else f": {order.state_reason}")
    return {
        "what": CLOSED,
        "symbol": str(order.instrument),
        "done": done,
        "detail": f"{order.side} {filled} of {quantity}{price}: {told}",
        "order": str(order.pk),
        "con_id": order.instrument.con_id,
        "quantity": quantity,
        "filled": filled,
    }


def _record(run: EmergencyRun, message: str, level: Level) -> None:
    data = {"run": str(run.pk), "kind": run.kind, "scope": run.scope, "target": run.target, "results": run.results}
    journal.record(step=STEP, message=message, level=level, scope="risk", data=data, actor=run.actor)
