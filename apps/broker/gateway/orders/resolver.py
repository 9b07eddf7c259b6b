"""Keeps looking at the broker while the fate of an order or of a modification is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from apps.broker.gateway.orders import book, modifications, unresolved
from apps.broker.gateway.orders.book import Book
from apps.broker.gateway.orders.submitter import Submitter
from apps.broker.gateway.rounds import keep_rounds
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.gateway.synchroniser import Look
from tradeops.lib import crossing

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LOOK_SECONDS = 2.0


class Resolver:
    """`hear_look` takes every complete answer of the broker; while it cannot be reached none comes."""

    def __init__(self, keeper: SessionKeeper, known: Book, submitter: Submitter, look_soon: Callable[[], None]) -> None:
        self._keeper = keeper
        self._book = known
        self._submitter = submitter
        self._look_soon = look_soon
        self._look: Look | None = None
        self._wake = asyncio.Event()
        self._asked_at = 0.0

    def hear_look(self, look: Look) -> None:
        self._look = look
        self._wake.set()

    async def run(self) -> None:
        await keep_rounds(self._wake, self._round, seconds=POLL_SECONDS, complaint="unresolved orders cannot be read")

    async def _round(self) -> None:
        look, self._look = self._look, None
        if look is not None:
            await self._judge(look)
        is_open = await crossing.in_database(_is_anything_open)
        now = asyncio.get_running_loop().time()
        if is_open and self._keeper.facts.broker_reachable and now - self._asked_at >= LOOK_SECONDS:
            self._asked_at = now
            self._look_soon()

    async def _judge(self, look: Look) -> None:
        await crossing.in_database(unresolved.judge, look)
        await crossing.in_database(modifications.judge, look)
        subjects = await crossing.in_database(book.read)
        self._book.replace(subjects, keep=list(self._submitter.unsent))
        self._submitter.wake()


def _is_anything_open() -> bool:
    unresolved.escalate_overdue()
    return unresolved.count() > 0 or modifications.is_overdue()
