"""Executions of which no order was ever shown: somebody traded, and the ledger must know."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from apps.broker.choices import OrderState
from apps.broker.following.executed import Executed
from apps.broker.following.external import adopt_executed
from apps.broker.following.references import order_id_of
from apps.broker.gateway.changes import Snapshot
from apps.broker.gateway.rows import ExecutionRow
from apps.broker.models import Order

# An order can be given, and executed, between the questions of one look. The next look lists it.
RESTED = timedelta(seconds=10)


def adopt_orphans(snapshot: Snapshot) -> None:
    """By permanent id; those without one by themselves, as the broker's own bookings have none."""
    listed = set(snapshot.open_orders) | set(snapshot.completed)
    groups: defaultdict[str, list[ExecutionRow]] = defaultdict(list)
    for row in snapshot.executions.values():
        if row.perm_id not in listed and row.as_of <= snapshot.as_of - RESTED:
            groups[_key(row)].append(row)
    if not groups:
        return
    _forget_known(groups)
    if groups:
        perm_ids = {row.perm_id for rows in groups.values() for row in rows if row.perm_id}
        adopt_executed(groups, Executed(perm_ids, []))


def _key(row: ExecutionRow) -> str:
    return f"external:{row.perm_id}" if row.perm_id else f"external:{row.exec_key}"


def _forget_known(groups: dict[str, list[ExecutionRow]]) -> None:
    perm_ids = {row.perm_id for rows in groups.values() for row in rows if row.perm_id}
    numbers = Order.objects.filter(perm_id__in=perm_ids).values_list("perm_id", flat=True)
    known = {f"external:{number}" for number in numbers}
    known |= set(Order.objects.filter(idempotency_key__in=list(groups)).values_list("idempotency_key", flat=True))
    own = {order_id_of(rows[0].order_ref): key for key, rows in groups.items()}
    waiting = Order.objects.filter(perm_id=None, pk__in=[pk for pk in own if pk]).exclude(state=OrderState.DENIED)
    known |= {own[pk] for pk in waiting.values_list("pk", flat=True)}
    for key in known & set(groups):
        del groups[key]
