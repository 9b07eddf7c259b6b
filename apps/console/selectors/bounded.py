"""Reads that end in time, whatever the database is busy with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

READ_SECONDS = 3


@contextmanager
def bounded_read() -> Iterator[None]:
    """A read-only transaction whose statements end after three seconds, with an OperationalError."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Inside a caller's transaction (tests) both settings must not outlive this block.
        cursor.execute("SET LOCAL statement_timeout = %s", [READ_SECONDS * 1000])
        yield
        cursor.execute("SET LOCAL statement_timeout = 0")
