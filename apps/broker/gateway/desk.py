"""Takes the questions of other processes off the table and sees that each gets an answer before its deadline."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from django.db import DatabaseError

from apps.broker.exceptions import BrokerError
from apps.broker.gateway import equity, request_rows
from apps.broker.gateway.answers import Answers
from apps.broker.gateway.request_rows import Claimed
from apps.broker.gateway.rounds import keep_rounds
from tradeops.lib import clock, crossing

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
AT_ONCE = 50
PRUNE_SECONDS = 3600.0


class Desk:
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._in_hand: dict[UUID, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._orphans_gone = False
        self._pruned_at: float | None = None

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Cancel it to give up what is in hand."""
        try:
            await keep_rounds(self._wake, self._round, seconds=POLL_SECONDS, complaint="requests cannot be read")
        finally:
            for task in self._in_hand.values():
                task.cancel()

    async def _round(self) -> None:
        if not self._orphans_gone:
            await crossing.in_database(request_rows.abandon_orphans)
            self._orphans_gone = True
        free = AT_ONCE - len(self._in_hand)
        claimed = await crossing.in_database(request_rows.claim, free) if free > 0 else []
        for request in claimed:
            task = asyncio.ensure_future(self._serve(request))
            self._in_hand[request.id] = task
            task.add_done_callback(lambda done, id=request.id: self._done(id))  # type: ignore[misc]
        if not claimed:
            await self._tidy()

    async def _tidy(self) -> None:
        await crossing.in_database(request_rows.expire_overdue, list(self._in_hand))
        now = asyncio.get_running_loop().time()
        if self._pruned_at is None or now - self._pruned_at > PRUNE_SECONDS:
            await crossing.in_database(request_rows.prune)
            await crossing.in_database(equity.prune)
            self._pruned_at = now

    def _done(self, request_id: UUID) -> None:
        self._in_hand.pop(request_id, None)
        self._wake.set()

    async def _serve(self, request: Claimed) -> None:
        seconds = (request.deadline - clock.now()).total_seconds()
        try:
            known = await asyncio.wait_for(self._answers.answer(request), max(0.0, seconds))
        except TimeoutError:
            await self._decline(request, f"timed out: the broker did not answer within {seconds:.1f} s")
        except BrokerError as error:
            await self._decline(request, str(error))
        except Exception:
            logger.exception("request %s %s failed", request.kind, request.payload)
            await self._decline(request, "the gateway failed on this request; its log says why")
        else:
            await self._store(request, known.value, known.as_of)

    async def _decline(self, request: Claimed, reason: str) -> None:
        try:
            await crossing.in_database(request_rows.decline, request.id, reason)
        except DatabaseError as error:
            logger.warning("an answer is lost, its deadline will end the request: %s", str(error).strip())

    async def _store(self, request: Claimed, value: object, as_of: object) -> None:
        try:
            await crossing.in_database(request_rows.answer, request.id, value, as_of)  # type: ignore[arg-type]
        except DatabaseError as error:
            logger.warning("an answer is lost, its deadline will end the request: %s", str(error).strip())
