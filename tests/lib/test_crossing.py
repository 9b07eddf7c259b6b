"""The crossing into the ORM: keeps an open transaction, drops connections that have died."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from apps.journal.models import Event
from tradeops.lib.crossing import in_database
from tradeops.lib.listen import conninfo


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
async def test_crossing_keeps_the_open_transaction_of_a_test() -> None:
    await in_database(Event.objects.create, step="Step", message="Inside")
    assert await in_database(Event.objects.count) == 1


@pytest.mark.django_db(transaction=True)
async def test_crossing_recovers_after_the_server_dropped_the_connection() -> None:
    first = await in_database(backend)
    with psycopg.connect(conninfo(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [first])
    assert await in_database(backend) != first
