"""The pulse of the platform, taken once a second by each web process, so that asking for it costs nothing."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass

from asgiref.sync import ThreadSensitiveContext
from django.db import InterfaceError, OperationalError

from apps.console.selectors.health import find_problems
from apps.console.texts import one_line
from tradeops.lib import clock
from tradeops.lib.crossing import in_database

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
# A check that takes longer than this is an answer too: the database hangs.
OVERDUE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """`problems` are short texts for people, empty when all is well. Both fields empty: healthy."""

    at: float
    database_error: str = ""
    problems: tuple[str, ...] = ()


class Vitals:
    def __init__(self) -> None:
        self._pulse: Pulse | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat on the running event loop; again after that loop is gone. Costs nothing when beating."""
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._pulse = Pulse(time.monotonic(), problems=("starting",))
            # A context of its own: the request that happens to come first must not own the thread.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._beat(), context=contextvars.Context())

    def database_error(self) -> str:
        """Why the database cannot be asked; empty when it can, or when nobody has looked."""
        pulse = self._pulse
        if pulse is None:
            return ""
        age = time.monotonic() - pulse.at
        return pulse.database_error or (f"no answer for {age:.0f} s" if age > OVERDUE_SECONDS else "")

    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, worst first."""
        if self.database_error():
            return ("database unavailable",)  # why is for those who are signed in
        return self._pulse.problems if self._pulse else take().problems

    def note_database_error(self, error: Exception) -> None:
        """Somebody else ran into it first."""
        if self._task is not None and not self._task.done():
            self._pulse = Pulse(time.monotonic(), database_error=one_line(error))

    async def _beat(self) -> None:
        async with ThreadSensitiveContext():
            while True:
                started = time.monotonic()
                self._pulse = await in_database(take)
                await asyncio.sleep(max(0.1, BEAT_SECONDS - (time.monotonic() - started)))


def take() -> Pulse:
    try:
        return Pulse(time.monotonic(), problems=find_problems(now=clock.now()))
    except (OperationalError, InterfaceError) as error:
        return Pulse(time.monotonic(), database_error=one_line(error))
    except Exception:
        logger.exception("the health check itself failed")
        return Pulse(time.monotonic(), problems=("the health check itself failed: see the log",))


vitals = Vitals()
