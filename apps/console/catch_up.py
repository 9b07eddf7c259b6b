"""From the last event somebody has to the live ones: pages from the table until the hub is reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from apps.console import access
from apps.console.access import Verdict
from apps.console.database import ask_database
from apps.console.hub import RECHECK_SECONDS, Hub, Watcher, read_events
from apps.console.wire import Encoded, portions


class Refused(Exception):
    """The right to watch ended on the way."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict


async def catch_up(hub: Hub, watcher: Watcher, after: int) -> AsyncIterator[Sequence[Encoded]]:
    """Yield pages of events above `after`; when it ends, `watcher` has joined and nothing lies between.

    Raises Refused: a long way is checked like a long watch.
    """
    loop = asyncio.get_running_loop()
    checked_at = loop.time()
    while not hub.join(watcher, last_number=after):
        page = await ask_database(read_events, after)
        if page:
            after = page[-1].number
            for portion in portions(page):
                yield portion
        if loop.time() - checked_at > RECHECK_SECONDS:
            verdict = await ask_database(access.verdict_on, watcher.credential)
            if verdict != Verdict.WELCOME:
                raise Refused(verdict)
            checked_at = loop.time()
