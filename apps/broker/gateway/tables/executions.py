"""Executions and their commissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import connection

from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import CommissionRow, ExecutionRow
from apps.broker.models import Commission, Execution

CORRECTIONS = """
    UPDATE broker_execution e SET is_current = (e.revision = newest.revision)
    FROM (SELECT exec_key, max(revision) AS revision FROM broker_execution
          WHERE exec_key = ANY(%s) GROUP BY exec_key HAVING count(*) > 1) newest
    WHERE e.exec_key = newest.exec_key AND e.is_current <> (e.revision = newest.revision)
"""


def write_executions(
    rows: Iterable[ExecutionRow], accounts: Mapping[str, int], instruments: Mapping[int, int]
) -> set[str]:
    """Returns the ids of those that were not known."""
    by_id = {row.exec_id: row for row in rows}
    for exec_id in Execution.objects.filter(exec_id__in=by_id).values_list("exec_id", flat=True):
        del by_id[exec_id]
    if not by_id:
        return set()
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
    return set(by_id)


def write_commissions(changes: Changes) -> set[str]:
    """Returns the ids of the executions whose commission was not known, or not so."""
    known = Execution.objects.filter(exec_id__in=changes.commissions)
    told = known.values_list("exec_id", "id", "commission__amount", "commission__currency", "commission__realized_pnl")
    ids = {exec_id: pk for exec_id, pk, *before in told if before != _stated(changes.commissions[exec_id])}
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
    return set(ids)


def _stated(row: CommissionRow) -> list[object]:
    """As the table keeps it."""
    realized = None if row.realized_pnl is None else round(row.realized_pnl, 4)
    return [round(row.amount, 6), row.currency, realized]
