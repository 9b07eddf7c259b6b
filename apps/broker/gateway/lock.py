"""Only one gateway may run against a database: a session-level advisory lock on a connection of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

import psycopg

from apps.broker.exceptions import SecondGatewayError
from tradeops.lib.listen import conninfo

logger = logging.getLogger(__name__)

# Any number that nobody else uses for an advisory lock: "tradegw" as bytes.
KEY = 0x74726164656777
PROBE_SECONDS = 2.0
ANSWER_SECONDS = 5.0
HOLDER = """
    SELECT a.application_name, host(a.client_addr), a.backend_start
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
    WHERE l.locktype = 'advisory' AND l.granted
      AND (l.classid::bigint << 32) + l.objid::bigint = %s
"""


class GatewayLock:
    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection | None = None

    async def acquire(self) -> None:
        """Raises SecondGatewayError that names the holder, or psycopg.OperationalError without a database."""
        name = f"tradeops gateway pid {os.getpid()} on {socket.gethostname()}"[:63]
        connection = await psycopg.AsyncConnection.connect(conninfo(), autocommit=True, application_name=name)
        try:
            row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [KEY])).fetchone()
            if row is None or not row[0]:
                raise SecondGatewayError(await self._describe_holder(connection))
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    @property
    def pid(self) -> int | None:
        """The database session that holds the lock; None while it is not held."""
        return None if self._connection is None else self._connection.info.backend_pid

    async def hold(self) -> None:
        """Watch the lock for ever; take it again after the database was away.

        Raises SecondGatewayError when another gateway was faster.
        """
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if await self._still_held():
                continue
            logger.error("the database connection that holds the gateway's lock is gone: taking the lock again")
            await self._acquire_when_possible()
            logger.warning("the gateway's lock is held again")

    async def release(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _still_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            await asyncio.wait_for(self._connection.execute("SELECT 1"), ANSWER_SECONDS)
        except (psycopg.OperationalError, TimeoutError):
            await self.release()
            return False
        return True

    async def _acquire_when_possible(self) -> None:
        while True:
            try:
                return await self.acquire()
            except psycopg.OperationalError:
                await asyncio.sleep(0.5)

    async def _describe_holder(self, connection: psycopg.AsyncConnection) -> str:
        row = await (await connection.execute(HOLDER, [KEY])).fetchone()
        if row is None:
            return "Another gateway held this database's lock a moment ago: try again."
        name, host, since = row
        return (
            f"Another gateway runs against this database: {name} ({host or 'local'}), "
            f"since {since:%Y-%m-%d %H:%M:%S} UTC. "
            "Stop it first, or give this one another DATABASE_URL."
        )
