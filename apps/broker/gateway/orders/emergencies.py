"""Takes up emergency actions from the table and from the flag file, carries them out, and writes receipts when it can.

First the gate in memory closes, then the cancels leave, then comes the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

from apps.broker.choices import EmergencyKind, Scope, TradingPermission
from apps.broker.gateway.orders import emergency_rows, flag
from apps.broker.gateway.orders.actions import Action, Receipt
from apps.broker.gateway.orders.flag import Seen
from apps.broker.gateway.orders.killing import Killer
from apps.broker.gateway.orders.own_thread import OwnThread
from apps.broker.gateway.orders.stops import Stop, Stops
from apps.broker.gateway.rounds import keep_rounds
from apps.broker.gateway.writer import AWAY
from tradeops.lib import clock

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
FLAG_SECONDS = 0.2


class Emergencies:
    def __init__(self, killer: Killer, stops: Stops, flag_path: Path | None) -> None:
        self._killer = killer
        self._stops = stops
        self._flag_path = flag_path
        self._database = OwnThread("emergencies")
        self._seen: Seen | None = None
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        # Begun and not yet written down as begun; ended or escalated and not yet written down as that.
        self._beginnings: dict[UUID, tuple[Action, Receipt]] = {}
        self._receipts: dict[UUID, tuple[Action, Receipt]] = {}
        self._unwritable: set[UUID] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        try:
            await keep_rounds(
                self._wake, self._round, seconds=POLL_SECONDS, complaint="emergency actions cannot be read or written"
            )
        finally:
            for task in self._tasks.values():
                task.cancel()
            self._database.close()

    async def watch_flag(self) -> None:
        while True:
            if self._flag_path is not None:
                self._look_at_flag(self._flag_path)
            await asyncio.sleep(FLAG_SECONDS)

    def start(self, action: Action) -> None:
        """The gate closes before this returns."""
        if action.id in self._tasks:
            return
        self._stops.running[action.id] = action.stop
        logger.warning("%s", action.stop.reason)
        receipt = Receipt()
        self._beginnings[action.id] = action, receipt
        self._tasks[action.id] = asyncio.ensure_future(self._carry_out(action, receipt))

    def _look_at_flag(self, path: Path) -> None:
        try:
            seen = flag.look(path)
        except OSError as error:
            self._stops.flag = _everything(f"the halt file cannot be looked at: {error}")
            return
        if seen is None:
            self._stops.flag = None
        elif seen != self._seen:
            action = flag.read(path, seen)
            self._stops.flag = action.stop
            self.start(action)
        self._seen = seen

    async def _carry_out(self, action: Action, receipt: Receipt) -> None:
        def tell() -> None:
            self._receipts[action.id] = action, receipt
            self.wake()

        self.wake()
        try:
            await self._killer.cancel(action, receipt, tell)
        except Exception as error:
            logger.exception("%s failed", action.stop.reason)
            receipt.problem = f"it failed, cancel in TWS: {error}"[:500]
            tell()

    async def _round(self) -> None:
        for action in await self._database.in_database(emergency_rows.read, list(self._tasks)):
            self.start(action)
        # The first cancels leave before the next statement: the tasks run while the database is asked.
        for action, receipt in list(self._beginnings.values()):
            await self._apart(action, self._begin(action, receipt))
        for action, receipt in list(self._receipts.values()):
            await self._apart(action, self._save(action, receipt))

    async def _apart(self, action: Action, work: Coroutine[Any, Any, None]) -> None:
        """One that cannot be written is tried again each round, and keeps no other from being written."""
        try:
            await work
        except AWAY:
            raise
        except Exception:
            if action.id not in self._unwritable:
                logger.exception("%s cannot be written down", action.stop.reason)
            self._unwritable.add(action.id)

    async def _begin(self, action: Action, receipt: Receipt) -> None:
        await self._database.in_database(emergency_rows.begin, action, receipt)
        del self._beginnings[action.id]

    async def _save(self, action: Action, receipt: Receipt) -> None:
        is_over = receipt.is_over
        await self._database.in_database(emergency_rows.save, action, receipt)
        if receipt.is_over == is_over:
            self._receipts.pop(action.id, None)
        if is_over:
            self._finish(action)
        elif receipt.problem and not receipt.is_escalated:
            receipt.is_escalated = True
            self._let_go(action)

    def _finish(self, action: Action) -> None:
        self._let_go(action)
        self._tasks.pop(action.id, None)

    def _let_go(self, action: Action) -> None:
        """What stays stopped is in the table of trading states, or in the flag."""
        self._stops.running.pop(action.id, None)
        from_flag = action.kind is EmergencyKind.HALT and action.came_by == flag.CAME_BY
        if not from_flag and not action.is_drill:
            self._stops.doubt()


def _everything(reason: str) -> Stop:
    return Stop(Scope.EVERYTHING, "", TradingPermission.HALTED, f"{reason} ({clock.now():%H:%M:%S} UTC)")
