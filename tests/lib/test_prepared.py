"""Statements that the server plans once, inside and outside of transactions."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from apps.journal.models import ProcessHeartbeat
from tradeops.lib import clock, prepared

ADD = """
INSERT INTO journal_processheartbeat (name, kind, host, pid, is_active, started_at, heartbeat_at)
VALUES (%(name)s, 'web', 'here', 1, true, %(now)s, %(now)s)
"""


def add(name: str) -> None:
    prepared.execute(ADD, {"name": name, "now": clock.now()})


@pytest.mark.django_db(transaction=True)
def test_statement_is_planned_once_for_all_values() -> None:
    for limit in range(8):
        found = prepared.fetch_all("SELECT n FROM generate_series(1, 9) n WHERE n > %(limit)s", {"limit": limit})
        assert [n for (n,) in found] == list(range(limit + 1, 10))
    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%series%'")
        assert cursor.fetchall() == [(8, 0)]


@pytest.mark.django_db(transaction=True)
def test_statement_is_part_of_the_transaction_around_it() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add("undone")
        raise ZeroDivisionError
    add("kept")
    assert connection.connection.info.transaction_status.name == "IDLE"
    assert list(ProcessHeartbeat.objects.values_list("name", flat=True)) == ["kept"]


@pytest.mark.django_db(transaction=True)
def test_errors_are_djangos() -> None:
    add("one")
    with pytest.raises(IntegrityError):
        add("one")


@pytest.mark.django_db(transaction=True)
def test_closed_connection_is_opened_again() -> None:
    connection.close()
    assert prepared.fetch_all("SELECT %(text)s::text", {"text": "again"}) == [("again",)]
