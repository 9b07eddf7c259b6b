"""Statements for the busiest paths: the server plans each once per connection, and the ORM has no part in them.

Each is part of the caller's transaction; outside of one it commits by itself, in the same round trip. Both functions
raise Django's database errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

from django.db import connection
from psycopg import Cursor


def execute(statement: LiteralString, values: Mapping[str, Any]) -> None:
    with _executed(statement, values):
        pass


def fetch_all(statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows as psycopg reads them: jsonb as text."""
    with _executed(statement, values) as cursor:
        return cursor.fetchall()


@contextmanager
def _executed(statement: LiteralString, values: Mapping[str, Any]) -> Iterator[Cursor[tuple[Any, ...]]]:
    # As Django does for a cursor of its own, which would not let the server bind and plan.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        yield cursor.execute(statement, values, prepare=True)
