"""Orders: those that work, and how the others ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.db.models import Sum

from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.rows import OrderRow
from apps.broker.gateway.tables.references import account_ids, accounts_of, instrument_ids
from apps.broker.models import BrokerOrder, Execution

UNKNOWN_TO_BROKER = "Unknown to broker"
ORDER_FIELDS = (
    *("order_id", "client_id", "account", "instrument", "side", "order_type", "quantity", "filled", "remaining"),
    *("limit_price", "aux_price", "average_fill_price", "time_in_force", "status", "is_open", "order_ref"),
    *("oca_group", "epoch", "as_of"),
)


def write_orders(
    rows: Iterable[OrderRow], accounts: Mapping[str, int], instruments: Mapping[int, int], epoch: int
) -> None:
    """A reason or a parent that was told once is kept when a later message does not repeat it."""
    groups: defaultdict[tuple[str, ...], list[BrokerOrder]] = defaultdict(list)
    for row in rows:
        told = tuple(name for name in ("reason", "parent_perm_id") if getattr(row, name))
        groups[told].append(_order(row, accounts, instruments, epoch))
    for told, items in groups.items():
        BrokerOrder.objects.bulk_create(
            items, update_conflicts=True, unique_fields=["perm_id"], update_fields=[*ORDER_FIELDS, *told]
        )


def _order(row: OrderRow, accounts: Mapping[str, int], instruments: Mapping[int, int], epoch: int) -> BrokerOrder:
    names = [name for name in ORDER_FIELDS if name not in {"account", "instrument", "epoch"}]
    return BrokerOrder(
        perm_id=row.perm_id,
        account_id=accounts[row.account],
        instrument_id=instruments[row.instrument.con_id],
        parent_perm_id=row.parent_perm_id,
        reason=row.reason,
        epoch=epoch,
        first_seen_at=row.as_of,
        **{name: getattr(row, name) for name in names},
    )


def close_absent_orders(snapshot: Snapshot, accounts: Sequence[int], epoch: int) -> None:
    """An order that the broker does not list any more ended: as its completed orders say, else as executions say."""
    absent = BrokerOrder.objects.filter(account_id__in=accounts, is_open=True).exclude(perm_id__in=snapshot.open_orders)
    for item in absent:
        end = snapshot.completed.get(item.perm_id)
        item.filled = max(end.filled if end else item.filled, _executed(item.perm_id))
        item.remaining = max(item.quantity - item.filled, Decimal(0))
        item.status = end.status if end else _status_by_executions(item)
        item.reason = (end.reason if end else "") or item.reason
        item.is_open, item.epoch, item.as_of = False, epoch, snapshot.as_of
        item.save(update_fields=["filled", "remaining", "status", "reason", "is_open", "epoch", "as_of"])


def _status_by_executions(item: BrokerOrder) -> str:
    return "Filled" if item.quantity and item.filled >= item.quantity else UNKNOWN_TO_BROKER


def _executed(perm_id: int) -> Decimal:
    total = Execution.objects.filter(perm_id=perm_id, is_current=True).aggregate(total=Sum("quantity"))["total"]
    return total or Decimal(0)


def add_completed_orders(snapshot: Snapshot, epoch: int) -> None:
    """Orders of the day that came and went unseen."""
    known = set(BrokerOrder.objects.filter(perm_id__in=snapshot.completed).values_list("perm_id", flat=True))
    unseen = {perm_id: row for perm_id, row in snapshot.completed.items() if perm_id not in known}
    if not unseen:
        return
    changes = Changes(orders=unseen)
    write_orders(unseen.values(), account_ids(*accounts_of(changes)), instrument_ids(changes), epoch)
