"""The one task that writes the mirror: soon, in order, and again after the database was away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from apps.broker import following
from apps.broker.gateway import tables
from apps.broker.gateway.backoff import Backoff
from apps.broker.gateway.changes import Changes, Snapshot
from tradeops.lib import crossing

logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.1
AWAY = (OperationalError, InterfaceError)


@transaction.atomic
def write_changes(changes: Changes, epoch: int) -> None:
    executions = tables.write_changes(changes, epoch)
    following.follow(changes, executions)
    following.derive_trades(executions)


@transaction.atomic
def write_snapshot(snapshot: Snapshot, waiting: Changes, epoch: int) -> None:
    executions = tables.write_snapshot(snapshot, waiting, epoch)
    following.follow(waiting, executions)
    following.follow(snapshot, executions)
    following.derive_trades(executions)
    following.settle_holdings(snapshot)


class MirrorWriter:
    """`changes` collects what is not yet stored; nothing in it is lost while the database is away."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.epoch = 0
        self.refused = 0
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()

    def on_change(self, urgent: bool) -> None:
        self._changed.set()
        if urgent:
            self._urgent.set()

    async def run(self) -> None:
        backoff = Backoff(first=0.2, longest=2.0)
        away = False
        while True:
            await self._changed.wait()
            await self._coalesce()
            try:
                await self.flush()
            except AWAY as error:
                if not away:
                    logger.error("the database is away, the mirror waits in memory: %s", str(error).strip())
                away = True
                self._changed.set()
                await asyncio.sleep(backoff.next())
            else:
                if away:
                    logger.warning("the database is back, the mirror is up to date")
                away = False
                backoff.reset()

    async def flush(self) -> None:
        """Write what waits. Raises DatabaseError with everything put back."""
        async with self._lock:
            taken = self._take()
            if not taken:
                return
            try:
                await self._store(taken, lambda: write_changes(taken, self.epoch))
            except DatabaseError as error:
                if isinstance(error, AWAY):
                    raise
                await self._store_one_by_one(taken)

    async def store_snapshot(self, take: Callable[[], Snapshot]) -> None:
        """Store the complete picture in one transaction. `take` is called when nothing older is being written.

        Raises DatabaseError with nothing changed.
        """
        async with self._lock:
            taken = self._take()
            snapshot = take()
            await self._store(taken, lambda: write_snapshot(snapshot, taken, self.epoch))

    async def _coalesce(self) -> None:
        try:
            await asyncio.wait_for(self._urgent.wait(), COALESCE_SECONDS)
        except TimeoutError:
            return

    def _take(self) -> Changes:
        taken, self.changes = self.changes, Changes()
        self._changed.clear()
        self._urgent.clear()
        return taken

    async def _store_one_by_one(self, taken: Changes) -> None:
        """One row that the database refuses must not take the others along."""
        for piece in taken.pieces():
            try:
                await self._store(piece, lambda piece=piece: write_changes(piece, self.epoch))  # type: ignore[misc]
            except DatabaseError as error:
                if isinstance(error, AWAY):
                    raise
                self.refused += 1
                logger.error("the database refused %s: %s", piece, error)

    async def _store(self, taken: Changes, work: Callable[[], None]) -> None:
        try:
            await crossing.in_database(work)
        except AWAY:
            self.changes.put_back(taken)
            raise
