"""One sentinel acts, others stand by: a session-level advisory lock on a connection of its own."""

from __future__ import annotations

import os
import socket

import psycopg

from tradeops.lib.listen import conninfo

# Any number that nobody else uses for an advisory lock: "sentinel" as bytes.
KEY = 0x73656E74696E656C
END_HOLDER = """
    SELECT pg_terminate_backend(l.pid)
    FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
    WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
      AND (l.classid::bigint << 32) + l.objid::bigint = %s
"""


class SentinelLock:
    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None

    def hold(self) -> bool:
        """Take the lock, or prove that it is still held. Raises psycopg.OperationalError without a database."""
        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
                return True
            except psycopg.Error:
                self.release()
        return self._take()

    def end_holder(self) -> None:
        """Cut off a holder that is frozen: alive enough to keep the lock, not alive enough to watch."""
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            connection.execute(END_HOLDER, [KEY])

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> bool:
        name = f"tradeops sentinel pid {os.getpid()} on {socket.gethostname()}"[:63]
        connection = psycopg.connect(conninfo(), autocommit=True, application_name=name)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [KEY]).fetchone()
        if row is not None and row[0]:
            self._connection = connection
            return True
        connection.close()
        return False
