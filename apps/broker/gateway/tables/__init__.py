"""Writing the mirror: each function here is one transaction, synchronous, and announces what it changed."""

from __future__ import annotations

from django.db import connection, transaction

from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.tables import references
from apps.broker.gateway.tables.executions import write_commissions, write_executions
from apps.broker.gateway.tables.orders import add_completed_orders, close_absent_orders, write_orders
from apps.broker.gateway.tables.positions import close_absent_positions, write_positions
from apps.broker.gateway.tables.references import account_ids, accounts_of, instrument_ids
from apps.broker.gateway.tables.values import write_pnl, write_values
from apps.broker.models import Account, Execution


@transaction.atomic
def write_changes(changes: Changes, epoch: int) -> set[str]:
    """Returns the ids of the executions of which something is new."""
    news = _write(changes, epoch)
    _announce(changes)
    return news


@transaction.atomic
def write_snapshot(snapshot: Snapshot, waiting: Changes, epoch: int) -> set[str]:
    """Store the complete picture; what it does not name is closed. `waiting` was said before it and is not newer.

    Returns the ids of the executions of which something is new.
    """
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
    accounts = account_ids(snapshot.accounts, snapshot.as_of)
    Account.objects.filter(code__in=accounts).update(as_of=snapshot.as_of)
    news = _write(whole, epoch)
    close_absent_positions(snapshot, list(accounts.values()))
    close_absent_orders(snapshot, list(accounts.values()), epoch)
    add_completed_orders(snapshot, epoch)
    for payload in ("account", "positions", "orders", "executions"):
        notify_mirror(payload)
    return news


def notify_mirror(payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('broker_mirror', %s)", [payload])


def _write(changes: Changes, epoch: int) -> set[str]:
    revalued = references.revalued(changes)
    instruments = instrument_ids(changes)
    accounts = account_ids(*accounts_of(changes))
    write_values(changes.values.values(), accounts)
    write_pnl(changes, accounts)
    write_positions(changes.positions.values(), accounts, instruments)
    write_orders(changes.orders.values(), accounts, instruments, epoch)
    executions = write_executions(changes.executions.values(), accounts, instruments)
    return executions | write_commissions(changes) | _executed_in(revalued)


def _executed_in(con_ids: list[int]) -> set[str]:
    rows = Execution.objects.filter(instrument__con_id__in=con_ids) if con_ids else Execution.objects.none()
    return set(rows.values_list("exec_id", flat=True))


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
