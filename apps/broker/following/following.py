from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Q

from apps.broker.choices import OrderState
from apps.broker.following.applying import Said, apply, changed_terms, is_settled, terms_of, vanished
from apps.broker.following.executed import Executed
from apps.broker.following.external import adopt
from apps.broker.following.orphans import adopt_orphans
from apps.broker.following.references import order_id_of as order_id_of
from apps.broker.following.rules import Source
from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.rows import ExecutionRow, OrderRow
from apps.broker.models import Order

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)
Rows = dict[int, tuple[OrderRow, Source]]


@dataclass(frozen=True, slots=True)
class Told:
    """What the broker said: of orders by permId, and the executions that were not known before."""

    rows: Rows
    executions: list[ExecutionRow]

    @property
    def perm_ids(self) -> set[int]:
        return set(self.rows) | {row.perm_id for row in self.executions if row.perm_id}

    @property
    def references(self) -> set[str]:
        return {row.order_ref for row, _ in self.rows.values()} | {row.order_ref for row in self.executions}


def follow(told: Changes | Snapshot, news: Collection[str]) -> None:
    """Bring the ledger's orders to where the broker shows them, and adopt those that it does not know.

    `news` are the ids of the executions of which something is new: the broker's lists repeat all others. One order
    that the database refuses does not take the others along, nor what was stored before.
    """
    heard = Told(_rows(told), [row for exec_id, row in told.executions.items() if exec_id in news])
    orders = _known(heard) if heard.rows or heard.executions else []
    _each(orders, heard)
    _adopt_others(orders, heard.rows)
    if isinstance(told, Snapshot):
        _close_vanished(told)
        adopt_orphans(told)


def _rows(told: Changes | Snapshot) -> Rows:
    if isinstance(told, Changes):
        return {perm_id: (row, Source.LIVE) for perm_id, row in told.orders.items()}
    completed = {perm_id: (row, Source.COMPLETED) for perm_id, row in told.completed.items()}
    return completed | {perm_id: (row, Source.OPEN) for perm_id, row in told.open_orders.items()}


def _known(heard: Told) -> list[Order]:
    ids = [order_id for order_id in map(order_id_of, heard.references) if order_id is not None]
    found = Order.objects.filter(Q(pk__in=ids) | Q(perm_id__in=heard.perm_ids))
    return list(found.select_related("account", "instrument").order_by("pk"))


def _each(orders: list[Order], heard: Told) -> None:
    executed_refs = {row.order_ref for row in heard.executions}
    executed_perm_ids = {row.perm_id for row in heard.executions if row.perm_id}
    by_ref: dict[str, list[Said]] = {}
    for row, source in heard.rows.values():
        by_ref.setdefault(row.order_ref, []).append(Said(row, source))
    concerned: list[tuple[Order, list[Said]]] = []
    for order in orders:
        said = _said(order, heard.rows, by_ref)
        is_executed = str(order.pk) in executed_refs or order.perm_id in executed_perm_ids
        if is_executed or not all(_is_old(order, item) for item in said):
            concerned.append((order, said or [Said(None, Source.LIVE)]))
    if not concerned:
        return
    perm_ids = {item.row.perm_id for _, said in concerned for item in said if item.row is not None}
    perm_ids |= {order.perm_id for order, _ in concerned if order.perm_id}
    executed = Executed(perm_ids, {str(order.pk) for order, _ in concerned})
    for order, said in concerned:
        for item in said:
            if not is_settled(order, item, executed):
                _safely(order, item, executed)


def _said(order: Order, rows: Rows, by_ref: dict[str, list[Said]]) -> list[Said]:
    own = [Said(*rows[order.perm_id])] if order.perm_id in rows else []
    others = [] if order.is_external else by_ref.get(str(order.pk), [])
    return own + [item for item in others if item not in own]


def _is_old(order: Order, said: Said) -> bool:
    """The lists tell the same of most orders, every few seconds: of those nothing need be counted."""
    row = said.row
    if row is None or order.perm_id != row.perm_id or order.wanted_changes or order.filled_quantity != row.filled:
        return False
    if not row.is_open:
        return order.state in (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED) and (
            row.status != "Filled" or order.state == OrderState.FILLED
        )
    same_terms = not order.is_external or all(getattr(order, name) == value for name, value in terms_of(row).items())
    return order.state == OrderState.WORKING and same_terms and not changed_terms(order, row)


def _safely(order: Order, said: Said, executed: Executed) -> None:
    try:
        with transaction.atomic():
            apply(order, said, executed)
    except AWAY:
        raise
    except DatabaseError as error:
        # The lists come again every few seconds: it is tried again then.
        logger.error("the ledger cannot follow %s: %s", order.pk, error)


def _adopt_others(orders: list[Order], rows: Rows) -> None:
    """Also a second order under the reference of one of ours, or one of an order that was denied: it exists, whatever
    it should have been."""
    known = {order.perm_id for order in orders}
    ours = {order.pk for order in orders if order.perm_id is None and order.state != OrderState.DENIED}
    strange = [
        (row, source)
        for perm_id, (row, source) in rows.items()
        if perm_id not in known and order_id_of(row.order_ref) not in ours and not _is_undecided(row, source)
    ]
    taken = set(Order.objects.filter(perm_id__in=[row.perm_id for row, _ in strange]).values_list("perm_id", flat=True))
    strange = [(row, source) for row, source in strange if row.perm_id not in taken]
    if strange:
        adopt(strange)


def _is_undecided(row: OrderRow, source: Source) -> bool:
    return row.status == "Inactive" and source is Source.LIVE


def _close_vanished(snapshot: Snapshot) -> None:
    """What worked and is in no list any more did not end as far as anybody knows: it is looked for."""
    listed = set(snapshot.open_orders) | set(snapshot.completed)
    working = Order.objects.filter(
        state=OrderState.WORKING, account__code__in=snapshot.accounts, perm_id__isnull=False
    ).order_by("pk")
    gone = [order for order in working.select_related("account", "instrument") if order.perm_id not in listed]
    if not gone:
        return
    executed = Executed([order.perm_id or 0 for order in gone], [])
    for order in gone:
        vanished(order, executed)
