"""Who drives a close-all: whoever holds its lock. A killed process loses it with its connection, at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from tradeops.lib.listen import conninfo

LARGEST = 2**63 - 1


class Lease:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def is_held(self) -> bool:
        """Proved, not remembered: a process may have been frozen, its connection cut."""
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True


@contextmanager
def lease(run_id: UUID) -> Iterator[Lease | None]:
    """None when another process drives it. Raises psycopg.OperationalError without a database."""
    with psycopg.connect(conninfo(), autocommit=True, application_name=f"close-all {run_id}"[:63]) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [run_id.int & LARGEST]).fetchone()
        yield Lease(connection) if row is not None and row[0] else None
