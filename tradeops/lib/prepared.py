"""Statements for the busiest paths: the server plans each once per connection, and the ORM has no part in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from django.db import connection
from psycopg import Cursor


def fetch_all(statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of `statement`, as psycopg reads them: jsonb as text.

    Part of the caller's transaction; outside of one committed by itself, in the same round trip. Raises Django's
    database errors.
    """
    with connection.cursor(), connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=True)
        return cursor.fetchall() if cursor.description else []
