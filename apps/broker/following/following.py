from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Q

from apps.broker.choices import OrderState
from apps.broker.following.applying import apply, is_settled, vanished
from apps.broker.following.executed import Executed
from apps.broker.following.external import adopt
from apps.broker.following.rules import Source
from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.rows import OrderRow
from apps.broker.models import Order

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Said:
    """What the broker said of one order; without a row, only executions tell of it."""

    row: OrderRow | None
    source: Source


def follow(told: Changes | Snapshot) -> None:
    """Bring the ledger's orders to where the broker shows them, and adopt those that it does not know.

    One order that the database refuses does not take the others along, nor what was stored before.
    """
    rows = _rows(told)
    refs = {row.order_ref for row, _ in rows.values()} | {row.order_ref for row in told.executions.values()}
    perm_ids = set(rows) | {row.perm_id for row in told.executions.values()}
    if not perm_ids and not isinstance(told, Snapshot):
        return
    orders = _known(refs, perm_ids)
    _each(orders, rows, Executed(perm_ids, refs))
    _adopt_others(orders, rows)
    if isinstance(told, Snapshot):
        _close_vanished(told)


def _rows(told: Changes | Snapshot) -> dict[int, tuple[OrderRow, Source]]:
    if isinstance(told, Changes):
        return {perm_id: (row, Source.LIVE) for perm_id, row in told.orders.items()}
    completed = {perm_id: (row, Source.COMPLETED) for perm_id, row in told.completed.items()}
    return completed | {perm_id: (row, Source.OPEN) for perm_id, row in told.open_orders.items()}


def _known(refs: Iterable[str], perm_ids: Iterable[int]) -> list[Order]:
    ids = [order_id for order_id in map(order_id_of, refs) if order_id is not None]
    found = Order.objects.filter(Q(pk__in=ids) | Q(perm_id__in=list(perm_ids)))
    return list(found.select_related("account", "instrument").order_by("pk"))


def order_id_of(reference: str) -> UUID | None:
    """The ledger's order behind a reference at the broker; None for a reference that is not ours."""
    try:
        return UUID(reference)
    except ValueError:
        return None


def _each(orders: list[Order], rows: dict[int, tuple[OrderRow, Source]], executed: Executed) -> None:
    by_ref: dict[str, list[Said]] = {}
    for row, source in rows.values():
        by_ref.setdefault(row.order_ref, []).append(Said(row, source))
    for order in orders:
        own = [Said(*rows[order.perm_id])] if order.perm_id in rows else []
        others = [] if order.is_external else by_ref.get(str(order.pk), [])
        said = own + [item for item in others if item not in own]
        for item in said or [Said(None, Source.LIVE)]:
            if not is_settled(order, item.row, executed):
                _safely(order, item, executed)


def _safely(order: Order, said: Said, executed: Executed) -> None:
    try:
        with transaction.atomic():
            apply(order, said.row, said.source, executed)
    except AWAY:
        raise
    except DatabaseError as error:
        # The lists come again every few seconds: it is tried again then.
        logger.error("the ledger cannot follow %s: %s", order.pk, error)


def _adopt_others(orders: list[Order], rows: dict[int, tuple[OrderRow, Source]]) -> None:
    """Also a second order under the reference of one of ours: it exists, whatever it should have been."""
    known = {order.perm_id for order in orders}
    ours = {order.pk for order in orders if order.perm_id is None}
    strange = [
        (row, source)
        for perm_id, (row, source) in rows.items()
        if perm_id not in known and order_id_of(row.order_ref) not in ours and not _is_undecided(row, source)
    ]
    taken = set(Order.objects.filter(perm_id__in=[row.perm_id for row, _ in strange]).values_list("perm_id", flat=True))
    strange = [(row, source) for row, source in strange if row.perm_id not in taken]
    if strange:
        with transaction.atomic():
            adopt(strange)


def _is_undecided(row: OrderRow, source: Source) -> bool:
    return row.status == "Inactive" and source is Source.LIVE


def _close_vanished(snapshot: Snapshot) -> None:
    """What worked and is in no list any more did not end as far as anybody knows: it is looked for."""
    listed = set(snapshot.open_orders) | set(snapshot.completed)
    gone = Order.objects.filter(
        state=OrderState.WORKING, account__code__in=snapshot.accounts, perm_id__isnull=False
    ).exclude(perm_id__in=listed)
    for order in gone.select_related("account", "instrument").order_by("pk"):
        vanished(order)
