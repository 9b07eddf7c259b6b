"""Writing the mirror. Every function here is one transaction, synchronous, and announces what it changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Sum

from apps.broker.domain.mode import mode_of_account
from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.rows import ExecutionRow, InstrumentRow, OrderRow, PositionRow, ValueRow
from apps.broker.models import (
    Account,
    AccountPnl,
    AccountValue,
    BrokerOrder,
    Commission,
    EquityPoint,
    Execution,
    Instrument,
    Position,
)

UNKNOWN_TO_BROKER = "Unknown to broker"
POSITION_FIELDS = ("quantity", "average_cost", "as_of")
PRICE_FIELDS = ("market_price", "market_value", "unrealized_pnl", "realized_pnl", "priced_at")
INSTRUMENT_FIELDS = tuple(
    field.name for field in Instrument._meta.concrete_fields if field.name not in {"id", "con_id"}
)
ORDER_FIELDS = (
    *("order_id", "client_id", "account", "instrument", "side", "order_type", "quantity", "filled", "remaining"),
    *("limit_price", "aux_price", "average_fill_price", "time_in_force", "status", "is_open", "order_ref"),
    *("oca_group", "epoch", "as_of"),
)
CORRECTIONS = """
    UPDATE broker_execution e SET is_current = (e.revision = newest.revision)
    FROM (SELECT exec_key, max(revision) AS revision FROM broker_execution
          WHERE exec_key = ANY(%s) GROUP BY exec_key HAVING count(*) > 1) newest
    WHERE e.exec_key = newest.exec_key AND e.is_current <> (e.revision = newest.revision)
"""


@transaction.atomic
def write_changes(changes: Changes, epoch: int) -> None:
    _write(changes, epoch)
    _announce(changes)


@transaction.atomic
def write_snapshot(snapshot: Snapshot, waiting: Changes, epoch: int) -> None:
    """Store the complete picture; what it does not name is closed. `waiting` was said before it and is not newer."""
    whole = Changes(
        instruments=waiting.instruments,
        pnl=waiting.pnl,
        equity=waiting.equity,
        values=waiting.values | snapshot.values,
        positions=waiting.positions | snapshot.positions,
        orders=waiting.orders | snapshot.open_orders,
        executions=waiting.executions | snapshot.executions,
        commissions=waiting.commissions | snapshot.commissions,
    )
    accounts = _account_ids(snapshot.accounts, snapshot.as_of)
    Account.objects.filter(code__in=accounts).update(as_of=snapshot.as_of)
    _write(whole, epoch)
    _close_absent_positions(snapshot, list(accounts.values()))
    _close_absent_orders(snapshot, list(accounts.values()), epoch)
    _add_completed_orders(snapshot, epoch)
    for payload in ("account", "positions", "orders", "executions"):
        notify_mirror(payload)


def notify_mirror(payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('broker_mirror', %s)", [payload])


def _write(changes: Changes, epoch: int) -> None:
    instruments = _instrument_ids(changes)
    accounts = _account_ids(*_accounts_of(changes))
    _write_values(changes.values.values(), accounts)
    _write_pnl(changes, accounts)
    _write_positions(changes.positions.values(), accounts, instruments)
    _write_orders(changes.orders.values(), accounts, instruments, epoch)
    _write_executions(changes.executions.values(), accounts, instruments)
    _write_commissions(changes)


def _announce(changes: Changes) -> None:
    payloads = {
        "account": changes.values,
        "pnl": changes.pnl,
        "equity": changes.equity,
        "positions": changes.positions,
        "orders": changes.orders,
        "executions": changes.executions or changes.commissions,
    }
    for payload, present in payloads.items():
        if present:
            notify_mirror(payload)


# what rows refer to


def _accounts_of(changes: Changes) -> tuple[set[str], datetime | None]:
    groups = (changes.values, changes.pnl, changes.positions, changes.orders, changes.executions)
    rows = [row for group in groups for row in group.values()]
    codes = {row.account for row in rows} | {row.account for row in changes.equity}
    return codes, max((row.as_of for row in rows), default=None)


def _account_ids(codes: Iterable[str], now: datetime | None) -> dict[str, int]:
    wanted = set(codes)
    known = dict(Account.objects.filter(code__in=wanted).values_list("code", "id"))
    missing = wanted - set(known)
    if missing and now is not None:
        new = [Account(code=code, mode=mode_of_account(code), as_of=now) for code in sorted(missing)]
        Account.objects.bulk_create(new, ignore_conflicts=True)
        known = dict(Account.objects.filter(code__in=wanted).values_list("code", "id"))
    return known


def _instrument_ids(changes: Changes) -> dict[int, int]:
    groups = (changes.positions, changes.orders, changes.executions)
    rows = {row.instrument.con_id: row.instrument for group in groups for row in group.values()}
    plain = [_instrument(row) for row in (rows | changes.instruments).values() if not row.detailed]
    detailed = [_instrument(row) for row in changes.instruments.values() if row.detailed]
    if detailed:
        Instrument.objects.bulk_create(
            detailed, update_conflicts=True, unique_fields=["con_id"], update_fields=INSTRUMENT_FIELDS
        )
    wanted = [item.con_id for item in plain + detailed]
    known = dict(Instrument.objects.filter(con_id__in=wanted).values_list("con_id", "id"))
    missing = [item for item in plain if item.con_id not in known]
    if missing:
        Instrument.objects.bulk_create(missing, ignore_conflicts=True)
        known = dict(Instrument.objects.filter(con_id__in=wanted).values_list("con_id", "id"))
    return known


def _instrument(row: InstrumentRow) -> Instrument:
    return Instrument(con_id=row.con_id, **{name: getattr(row, name) for name in INSTRUMENT_FIELDS})


# accounts


def _write_values(rows: Iterable[ValueRow], accounts: Mapping[str, int]) -> None:
    items = [
        AccountValue(
            account_id=accounts[row.account], tag=row.tag, currency=row.currency, value=row.value, as_of=row.as_of
        )
        for row in rows
    ]
    AccountValue.objects.bulk_create(
        items, update_conflicts=True, unique_fields=["account", "tag", "currency"], update_fields=["value", "as_of"]
    )
    for item in items:
        if item.tag == "NetLiquidation" and item.currency not in {"", "BASE"}:
            stale = Account.objects.filter(id=item.account_id).exclude(base_currency=item.currency)
            stale.update(base_currency=item.currency[:3])


def _write_pnl(changes: Changes, accounts: Mapping[str, int]) -> None:
    items = [
        AccountPnl(
            account_id=accounts[row.account],
            daily=row.daily,
            unrealized=row.unrealized,
            realized=row.realized,
            as_of=row.as_of,
        )
        for row in changes.pnl.values()
    ]
    AccountPnl.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["daily", "unrealized", "realized", "as_of"],
    )
    points = [
        EquityPoint(
            account_id=accounts[row.account],
            at=row.at,
            currency=row.currency,
            net_liquidation=row.net_liquidation,
            cash=row.cash,
            daily_pnl=row.daily_pnl,
        )
        for row in changes.equity
        if row.account in accounts
    ]
    EquityPoint.objects.bulk_create(points, ignore_conflicts=True)


def _write_positions(rows: Iterable[PositionRow], accounts: Mapping[str, int], instruments: Mapping[int, int]) -> None:
    """A closed position is worth nothing; prices of an open one change only where the broker stated them."""
    groups: defaultdict[tuple[str, ...], list[Position]] = defaultdict(list)
    for row in rows:
        item = Position(
            account_id=accounts[row.account],
            instrument_id=instruments[row.instrument.con_id],
            **{name: getattr(row, name) for name in POSITION_FIELDS + PRICE_FIELDS},
        )
        fields = POSITION_FIELDS + (PRICE_FIELDS if row.priced_at is not None else ())
        if row.quantity == 0 and row.priced_at is None:
            item.market_value = item.unrealized_pnl = Decimal(0)
            fields += ("market_value", "unrealized_pnl")
        groups[fields].append(item)
    for fields, items in groups.items():
        Position.objects.bulk_create(
            items, update_conflicts=True, unique_fields=["account", "instrument"], update_fields=fields
        )


def _close_absent_positions(snapshot: Snapshot, accounts: Sequence[int]) -> None:
    open_now = (
        Position.objects.filter(account_id__in=accounts).exclude(quantity=0).select_related("account", "instrument")
    )
    absent = [item.id for item in open_now if (item.account.code, item.instrument.con_id) not in snapshot.positions]
    Position.objects.filter(id__in=absent).update(quantity=0, market_value=0, unrealized_pnl=0, as_of=snapshot.as_of)


# orders


def _write_orders(
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


def _close_absent_orders(snapshot: Snapshot, accounts: Sequence[int], epoch: int) -> None:
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


def _add_completed_orders(snapshot: Snapshot, epoch: int) -> None:
    """Orders of the day that came and went unseen."""
    known = set(BrokerOrder.objects.filter(perm_id__in=snapshot.completed).values_list("perm_id", flat=True))
    unseen = {perm_id: row for perm_id, row in snapshot.completed.items() if perm_id not in known}
    if not unseen:
        return
    changes = Changes(orders=unseen)
    _write_orders(unseen.values(), _account_ids(*_accounts_of(changes)), _instrument_ids(changes), epoch)


# executions


def _write_executions(
    rows: Iterable[ExecutionRow], accounts: Mapping[str, int], instruments: Mapping[int, int]
) -> None:
    by_id = {row.exec_id: row for row in rows}
    for exec_id in Execution.objects.filter(exec_id__in=by_id).values_list("exec_id", flat=True):
        del by_id[exec_id]
    if not by_id:
        return
    names = [
        field.name
        for field in Execution._meta.concrete_fields
        if field.name not in {"id", "is_current", "account", "instrument"}
    ]
    items = [
        Execution(
            account_id=accounts[row.account],
            instrument_id=instruments[row.instrument.con_id],
            **{name: getattr(row, name) for name in names},
        )
        for row in by_id.values()
    ]
    Execution.objects.bulk_create(items, ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(CORRECTIONS, [list({row.exec_key for row in by_id.values()})])


def _write_commissions(changes: Changes) -> None:
    ids = dict(Execution.objects.filter(exec_id__in=changes.commissions).values_list("exec_id", "id"))
    items = [
        Commission(
            execution_id=ids[row.exec_id],
            amount=row.amount,
            currency=row.currency,
            realized_pnl=row.realized_pnl,
            as_of=row.as_of,
        )
        for row in changes.commissions.values()
        if row.exec_id in ids
    ]
    Commission.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["execution"],
        update_fields=["amount", "currency", "realized_pnl", "as_of"],
    )
