"""The pulse of the platform, taken once a second by each web process, so that asking for it costs nothing."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass

from asgiref.sync import ThreadSensitiveContext
from django.db import InterfaceError, OperationalError

from apps.console.health.findings import Finding, critical, database_unavailable, sentences_of_critical
from apps.console.heartbeat import WebHeartbeat
from apps.console.selectors.health import find_findings
from apps.console.texts import one_line
from tradeops.lib import clock
from tradeops.lib.crossing import in_database

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
# A check that takes longer than this is an answer too: the database hangs.
OVERDUE_SECONDS = 3.0


STARTING = critical("starting", "starting", "Wait a second.")
FAILED = critical("health", "the health check itself failed: see the log", "The log of the web process says why.")


@dataclass(frozen=True, slots=True)
class Pulse:
    """`findings` worst first, empty when all is well. Without them and a `database_error`: healthy."""

    at: float
    database_error: str = ""
    findings: tuple[Finding, ...] = ()


class Vitals:
    def __init__(self) -> None:
        self._pulse: Pulse | None = None
        self._task: asyncio.Task[None] | None = None
        self._heartbeat = WebHeartbeat()

    def start(self) -> None:
        """Begin to beat on the running event loop; again after that loop is gone. Costs nothing when beating."""
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._pulse = Pulse(time.monotonic(), findings=(STARTING,))
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

    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong, worst first."""
        pulse = self._pulse or take()
        if pulse.database_error or self.database_error():
            return (database_unavailable(),)
        return pulse.findings

    def problems(self) -> tuple[str, ...]:
        """What makes the platform unhealthy, worst first."""
        return sentences_of_critical(self.findings())

    def note_database_error(self, error: Exception) -> None:
        """Somebody else ran into it first."""
        if self._task is not None and not self._task.done():
            self._pulse = Pulse(time.monotonic(), database_error=one_line(error))

    async def _beat(self) -> None:
        async with ThreadSensitiveContext():
            try:
                while True:
                    started = time.monotonic()
                    self._pulse = await in_database(take, self._heartbeat)
                    await asyncio.sleep(max(0.1, BEAT_SECONDS - (time.monotonic() - started)))
            finally:
                if not self.database_error():
                    await in_database(self._heartbeat.stop)


def take(heartbeat: WebHeartbeat | None = None) -> Pulse:
    """Look, after saying that this process lives if it is one that does."""
    try:
        if heartbeat is not None:
            heartbeat.beat(now=clock.now())
        return Pulse(time.monotonic(), findings=find_findings(now=clock.now()))
    except (OperationalError, InterfaceError) as error:
        return Pulse(time.monotonic(), database_error=one_line(error))
    except Exception:
        logger.exception("the health check itself failed")
        return Pulse(time.monotonic(), findings=(FAILED,))


vitals = Vitals()
