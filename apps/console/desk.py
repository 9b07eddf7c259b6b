"""The desk as a feed: computed once per process and only while somebody looks, at most four times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from apps.console.selectors.desk import MIRROR_SECTIONS, SECTIONS, section_data
from apps.console.wire import clock_message, section_message
from apps.jobs import selectors as jobs
from tradeops.lib import clock
from tradeops.lib.crossing import in_database

LEAST_SECONDS_BETWEEN = 0.25
SLOW_SECONDS = 5.0
CLOCK = "clock"
MIRROR = "broker_mirror"
# Which sections a row that the database announces touches, by channel.
ANNOUNCED = {
    "broker_order": ("ledger", "guards"),
    "broker_trading_state": ("trading",),
    "broker_emergency": ("emergencies", "trading"),
}
RUNS = jobs.RUNS_CHANNEL
FRESH_SECONDS = 1.0

Messages = list[tuple[str, str]]


class DeskFeed:
    CHANNELS = (MIRROR, RUNS, *ANNOUNCED)

    def __init__(self) -> None:
        self._stale: set[str] = set(SECTIONS)
        self._wake = asyncio.Event()
        self._latest: dict[str, str] = {}
        self._latest_at = 0.0

    def note(self, channel: str, topic: str) -> None:
        """The broker's picture, an order, a stop or a run changed: look at the sections that show it."""
        if channel in ANNOUNCED:
            return self._note(ANNOUNCED[channel])
        self._note(("jobs",) if channel == RUNS else MIRROR_SECTIONS.get(topic, SECTIONS))

    def note_events(self) -> None:
        """An event may tell of anything; the session and the jobs are what it usually tells of."""
        self._note(("session", "health", "incidents", "jobs"))

    def note_all(self) -> None:
        self._note(SECTIONS)

    def _note(self, sections: tuple[str, ...]) -> None:
        self._stale.update(sections)
        self._wake.set()

    def note_newcomer(self) -> None:
        """Somebody came: the next round comes at once, with a fresh look if the last one is old."""
        if asyncio.get_running_loop().time() - self._latest_at > FRESH_SECONDS:
            self._stale.update(SECTIONS)
        self._wake.set()

    def everything(self) -> Messages:
        """For a newcomer: exactly what the others see."""
        return [(CLOCK, clock_message(clock.now())), *self._latest.items()]

    async def rounds(self, is_watched: Callable[[], bool]) -> AsyncIterator[Messages]:
        """What changed, section by section. Each slow round looks at everything and tells the server's time."""
        loop = asyncio.get_running_loop()
        slow_at = loop.time()
        while True:
            await self._woken_before(slow_at)
            if is_watched():
                messages: Messages = []
                if loop.time() >= slow_at:
                    self._stale.update(SECTIONS)
                    messages.append((CLOCK, clock_message(clock.now())))
                yield messages + await self._changed()
            if loop.time() >= slow_at:
                slow_at = loop.time() + SLOW_SECONDS
            await asyncio.sleep(LEAST_SECONDS_BETWEEN)

    async def _woken_before(self, moment: float) -> None:
        try:
            async with asyncio.timeout_at(moment):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _changed(self) -> Messages:
        sections = tuple(section for section in SECTIONS if section in self._stale)
        self._stale.difference_update(sections)
        try:
            fresh = await in_database(compute, sections)
        except Exception:
            self._stale.update(sections)
            raise
        changed = [(section, text) for section, text in fresh.items() if self._latest.get(section) != text]
        self._latest.update(fresh)
        self._latest_at = asyncio.get_running_loop().time()
        return changed


def compute(sections: tuple[str, ...]) -> dict[str, str]:
    now = clock.now()
    return {section: section_message(section, section_data(section, now=now)) for section in sections}
