"""May this be sent? Asked by the gateway in the transaction that claims an order, never remembered longer."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from apps.broker import entry_probe
from apps.broker.choices import EmergencyKind, OrderPurpose, Scope, Side, TradingPermission
from apps.broker.domain.orders import admits, most_restrictive
from apps.broker.models import EmergencyRun, Order, Position
from apps.broker.models.stops import ENDED

# Claims share it, whoever changes a trading state holds it alone: after a halt has been committed no claim that did not
# see it can still be under way.
GATE_LOCK = 7_316_220_001


@dataclass(frozen=True, slots=True)
class Gate:
    """`reasons` names every stop that applies, the most restrictive first."""

    permission: TradingPermission
    reasons: tuple[str, ...]

    def admits(self, purpose: OrderPurpose) -> bool:
        return admits(self.permission, purpose)


def lock_shared() -> None:
    """Until the end of the transaction no trading state changes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [GATE_LOCK])


def lock_alone() -> None:
    """Until the end of the transaction no order is claimed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GATE_LOCK])


def look(*, account: str = "", strategy: str = "", con_id: int | None = None) -> Gate:
    """What all sources together allow for an order with these scopes."""
    applies = Q(scope=Scope.EVERYTHING)
    for scope, target in ((Scope.ACCOUNT, account), (Scope.STRATEGY, strategy), (Scope.INSTRUMENT, con_id)):
        if target:
            applies |= Q(scope=scope, target=str(target))
    rows = list(entry_probe.standing().filter(applies))
    rows.sort(key=lambda row: list(TradingPermission).index(TradingPermission(row.permission)), reverse=True)
    permission = most_restrictive(TradingPermission(row.permission) for row in rows)
    return Gate(permission, tuple(f"{row} by {row.set_by}: {row.reason}" for row in rows))


def closing_key(run_id: object) -> str:
    """How the idempotency keys of a close-all's orders begin."""
    return f"close-all:{run_id}:"


def closing_objection(order: Order) -> str:
    """While an account is being closed only the close-all's own orders are sent, and none for more than is held.

    Two sellers of one position would cross zero. `account` and `instrument` must be loaded.
    """
    runs = EmergencyRun.objects.filter(kind=EmergencyKind.CLOSE_ALL, account=order.account.code)
    for run in runs.exclude(state__in=ENDED):
        covers = run.scope != Scope.INSTRUMENT or run.target == str(order.instrument.con_id)
        if covers and not order.idempotency_key.startswith(closing_key(run.pk)):
            return f"positions are being closed by {run.actor}: only the orders of that close-all are sent"
    return _crossing(order) if order.purpose == OrderPurpose.FLATTEN else ""


def _crossing(order: Order) -> str:
    held = Position.objects.filter(account=order.account, instrument=order.instrument).first()
    quantity = held.quantity if held is not None else 0
    reducible = quantity if order.side == Side.SELL else -quantity
    return "" if order.quantity <= reducible else f"the broker shows {quantity:f} held: it would cross zero"
