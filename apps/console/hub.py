"""One subscription per web process, handed on to everybody who watches from it.

PostgreSQL announces numbers; the hub reads the events once, encodes them once and gives them to each watcher
directly. A watcher that joins late reads the table up to where the hub is and is then added in the same breath, so
there is neither a gap nor a repetition at the seam.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from asgiref.sync import ThreadSensitiveContext

from apps.console import access
from apps.console.access import Credential, Verdict
from apps.console.desk import DeskFeed
from apps.console.wire import Encoded, encode_event, portions
from apps.journal import selectors as journal
from tradeops.lib import listen
from tradeops.lib.crossing import in_database

logger = logging.getLogger(__name__)

PAGE = 500
RECHECK_SECONDS = 4.0
RESTART_SECONDS = 1.0
READY_SECONDS = 5.0
# How long a watcher may stay whose right to watch cannot be checked.
UNCHECKED_SECONDS = 30.0


class Watcher(Protocol):
    credential: Credential
    wants_desk: bool
    has_desk: bool

    def deliver(self, events: Sequence[Encoded]) -> None: ...

    def show(self, section: str, text: str) -> None: ...

    def dismiss(self, verdict: Verdict | None) -> None:
        """End it: its right to watch is gone, or could not be checked for too long (None)."""


class Hub:
    def __init__(self) -> None:
        self.last_number: int | None = None
        self._watchers: set[Watcher] = set()
        self._news = asyncio.Event()
        self._ready = asyncio.Event()
        self._desk = DeskFeed()
        self._checked_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen from now on; returns when the position in the journal is known.

        Raises TimeoutError when the database does not answer.
        """
        if not self._tasks:
            self._checked_at = asyncio.get_running_loop().time()
            jobs = (self._listen, self._publish, self._show_desk, self._recheck)
            # A context of their own: the first visitor must not own their thread.
            self._tasks = [
                asyncio.get_running_loop().create_task(for_ever(job), context=contextvars.Context()) for job in jobs
            ]
        await asyncio.wait_for(self._ready.wait(), READY_SECONDS)

    def join(self, watcher: Watcher, *, last_number: int) -> bool:
        """Add a watcher that has everything up to `last_number`; False when the hub is ahead of it: read on."""
        if self.last_number is None or last_number < self.last_number:
            return False
        self._watchers.add(watcher)
        if watcher.wants_desk:
            self._desk.note_newcomer()
        return True

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    async def _listen(self) -> None:
        async for heard in listen.listen([journal.CHANNEL, *DeskFeed.CHANNELS]):
            if isinstance(heard, listen.Reconnected):
                self._desk.note_all()
                self._news.set()
            elif heard.channel == journal.CHANNEL:
                self._news.set()
            else:
                self._desk.note(heard.channel, heard.payload)

    async def _publish(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._publish_news()
            except Exception:
                self._news.set()  # still unread
                raise

    async def _publish_news(self) -> None:
        if self.last_number is None:
            self.last_number = await in_database(journal.last_number)
            self._ready.set()
        while await self._publish_page(self.last_number) == PAGE:
            pass

    async def _publish_page(self, after: int) -> int:
        events = await in_database(read_events, after)
        if events:
            self.last_number = events[-1].number
            for portion in portions(events):
                for watcher in tuple(self._watchers):
                    watcher.deliver(portion)
            self._desk.note_events()
        return len(events)

    async def _show_desk(self) -> None:
        async for changes in self._desk.rounds(self._is_watched):
            for watcher in [watcher for watcher in self._watchers if watcher.wants_desk]:
                for section, text in changes if watcher.has_desk else self._desk.everything():
                    watcher.show(section, text)
                watcher.has_desk = True

    def _is_watched(self) -> bool:
        return any(watcher.wants_desk for watcher in self._watchers)

    async def _recheck(self) -> None:
        """Sessions end, tokens are revoked, people leave: nobody watches on for more than five seconds."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                verdicts = await in_database(judge_all, {watcher.credential for watcher in self._watchers})
            except Exception:
                if clock() - self._checked_at > UNCHECKED_SECONDS:
                    self._dismiss_all()
                raise
            self._checked_at = clock()
            for watcher in tuple(self._watchers):
                verdict = verdicts.get(watcher.credential, Verdict.WELCOME)
                if verdict != Verdict.WELCOME:
                    self._watchers.discard(watcher)
                    watcher.dismiss(verdict)

    def _dismiss_all(self) -> None:
        for watcher in tuple(self._watchers):
            self._watchers.discard(watcher)
            watcher.dismiss(None)


async def for_ever(job: Callable[[], Awaitable[None]]) -> None:
    """Keep a background job running through errors, on a database thread of its own."""
    async with ThreadSensitiveContext():
        while True:
            try:
                await job()
            except Exception as error:
                logger.warning("live pages: %s failed and starts again: %s", getattr(job, "__name__", job), error)
                await asyncio.sleep(RESTART_SECONDS)


def read_events(after: int) -> list[Encoded]:
    return [encode_event(event) for event in journal.events_after(number=after, limit=PAGE)]


def judge_all(credentials: set[Credential]) -> dict[Credential, Verdict]:
    return {credential: access.verdict_on(credential) for credential in credentials}


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of this process (of this event loop)."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs.clear()
        _hubs[loop] = Hub()
    return _hubs[loop]
