"""A receipt as JSON, for machines and pages, and what an action would do."""

from __future__ import annotations

from typing import Any

from apps.broker import services as broker
from apps.broker.choices import Priority, RequestKind, Scope
from apps.broker.models import EmergencyRun, Instrument, Order
from apps.risk import emergency_selectors
from apps.risk.domain.closing import opposite
from apps.risk.services.emergency import closable_account
from apps.risk.services.emergency_closing import look_at
from tradeops.lib.known import Unknown

TIMES = ("requested_at", "first_cancel_at", "last_cancel_at", "ended_at")
TEXTS = ("kind", "scope", "target", "account", "permission", "state", "reason", "actor", "came_by", "problem")


def document(run: EmergencyRun) -> dict[str, Any]:
    times = {name: getattr(run, name) for name in TIMES}
    return {
        "id": str(run.pk),
        **{name: getattr(run, name) for name in TEXTS},
        **{name: at.isoformat() if at else None for name, at in times.items()},
        "is_verified": run.state == "done",
        "found": run.found,
        "results": run.results,
        "picture": run.picture,
    }


def rehearse_cancel(scope: Scope, target: str, *, entries_only: bool) -> dict[str, Any]:
    """The orders that would be cancelled, as the ledger knows them; nothing is done."""
    orders = emergency_selectors.orders_to_cancel(scope, target, entries_only=entries_only)
    return {
        "dry_run": True,
        "would_cancel": [_order(order) for order in orders],
        "stops": [str(stop) for stop in emergency_selectors.stops_in_force()],
    }


def rehearse_close(scope: Scope, target: str) -> dict[str, Any]:
    """What would be cancelled and closed, as the broker shows it now; nothing is done. Raises EmergencyError."""
    account = closable_account(scope, target)
    run = EmergencyRun(scope=scope, target=target, account=account.code)
    payload = {"account": account.code, "fresh": True}
    positions = broker.ask(RequestKind.POSITIONS, payload, priority=Priority.RECONCILE)
    orders = broker.ask(RequestKind.OPEN_ORDERS, payload, priority=Priority.RECONCILE)
    if isinstance(positions, Unknown):
        return {"dry_run": True, "account": account.code, "unknown": positions.reason}
    if isinstance(orders, Unknown):
        return {"dry_run": True, "account": account.code, "unknown": orders.reason}
    shown = look_at(run, positions, orders)
    planned = [opposite(holding) for holding in shown.holdings]
    concerned = [one.con_id for one in planned] + [row["con_id"] for row in shown.open_orders]
    known = Instrument.objects.filter(con_id__in=concerned)
    # A symbol alone would not tell an option from its shares.
    names = {instrument.con_id: str(instrument) for instrument in known}
    return {
        "dry_run": True,
        "account": account.code,
        "would_cancel": [
            f"{row['action']} {row['remaining']} {names.get(row['con_id'], row['symbol'])}" for row in shown.open_orders
        ],
        "would_close": [
            f"{one.side} {one.quantity.normalize():f} {names.get(one.con_id, one.symbol)}" for one in planned
        ],
    }


def _order(order: Order) -> str:
    return f"{order} ({order.get_state_display().lower()}, {order.get_purpose_display().lower()})"
