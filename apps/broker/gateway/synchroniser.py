"""Makes the tables equal to the broker's picture: after each login, after 1101 and 1102, and every 15 s."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from ib_async import IB

from apps.broker.choices import Priority
from apps.broker.domain.session import SyncEnded
from apps.broker.exceptions import BrokerError, NotConnectedError
from apps.broker.gateway.backoff import Backoff
from apps.broker.gateway.changes import Snapshot
from apps.broker.gateway.library import account_updates_question
from apps.broker.gateway.link import Link
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.gateway.session_rows import next_epoch
from apps.broker.gateway.writer import MirrorWriter
from tradeops.lib import clock, crossing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """A complete answer of the broker: all of it was asked after `begun_at`."""

    begun_at: datetime
    snapshot: Snapshot


ANSWER_SECONDS = 10.0
# Orders entered by hand in TWS are announced to nobody.
POLL_SECONDS = 15.0
# Another client's trade changes positions first; its execution is known a moment later.
SOON_SECONDS = 0.3


class Synchroniser:
    """`begin` with each new connection, `resynchronise` when the broker came back, `look_soon` on a foreign trade."""

    def __init__(self, link: Link, writer: MirrorWriter, keeper: SessionKeeper) -> None:
        self.picture: Picture | None = None
        self.on_look: Callable[[Look], None] | None = None
        self.synchronised_at: datetime | None = None
        self._link = link
        self._writer = writer
        self._keeper = keeper
        self._account = ""
        self._subscribed = False
        self._multi: dict[str, int] = {}
        self._epoch_connection = 0
        self._wanted = asyncio.Event()
        self._look = asyncio.Event()

    def begin(self, picture: Picture, account: str) -> None:
        """A login: nothing is known until the first complete answer."""
        self.picture = picture
        self._account = account
        self._subscribed = False
        self._multi = {}
        self.resynchronise()

    def resynchronise(self) -> None:
        self._wanted.set()

    def look_soon(self) -> None:
        self._look.set()

    def end(self) -> None:
        self.picture = None

    async def run(self) -> None:
        backoff = Backoff(first=0.5, longest=10.0)
        while True:
            full = await self._next_turn()
            if not self._keeper.facts.broker_reachable or self.picture is None:
                continue
            problem = await self._attempt(full=full or not self._keeper.facts.synchronised)
            if not problem:
                backoff.reset()
            elif self._keeper.facts.broker_reachable:
                await asyncio.sleep(backoff.next())
                self.look_soon()

    async def _next_turn(self) -> bool:
        """Wait until there is something to do; True for a full resynchronisation."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._wanted, self._look)]
        try:
            await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        full = self._wanted.is_set()
        if not full and self._look.is_set():
            await asyncio.sleep(SOON_SECONDS)
        self._wanted.clear()
        self._look.clear()
        return full

    async def _attempt(self, *, full: bool) -> str:
        """One try; the reason if it failed. The tables change only after every answer was complete."""
        picture, look = self.picture, None
        try:
            look = await self.synchronise(full=full)
            problem = ""
        except BrokerError as error:
            problem = f"The broker's picture is incomplete: {error}"
        except DatabaseError as error:
            problem = f"The picture cannot be stored: {str(error).strip()}"[:200]
        if picture is not self.picture or self._wanted.is_set():
            # The broker went or came back meanwhile: this answer is not about that.
            return problem
        if problem:
            logger.warning("synchronisation failed: %s", problem)
        if full:
            self._keeper.tell(SyncEnded(problem))
        if look is not None and self.on_look is not None and self._keeper.facts.broker_reachable:
            self.on_look(look)
        return problem

    async def synchronise(self, *, full: bool) -> Look:
        """Raises BrokerError or DatabaseError with nothing changed."""
        picture = self.picture
        if picture is None:
            raise NotConnectedError("The trading link is not connected.")
        await self._count_epoch()
        since, begun_at = picture.sequence, clock.now()
        ib = self._link.connection()
        accounts = tuple(ib.managedAccounts())
        questions = [
            self._ask("positions", lambda ib: ib.reqPositionsAsync()),
            self._ask("openOrders", lambda ib: ib.reqAllOpenOrdersAsync()),
            self._ask("completedOrders", lambda ib: ib.reqCompletedOrdersAsync(False)),
        ]
        if full:
            questions += [self._account_values(ib, account) for account in accounts]
        await _all(questions)
        # After the orders, as the library attaches executions to them.
        await self._ask("", lambda ib: ib.reqExecutionsAsync())
        if picture is not self.picture:
            raise NotConnectedError("The trading link was lost meanwhile.")
        taken: list[Snapshot] = []

        def take() -> Snapshot:
            taken.append(picture.snapshot(since, accounts))
            return taken[0]

        await self._writer.store_snapshot(take)
        self.synchronised_at = clock.now()
        picture.is_complete = True
        if full:
            await self._subscribe_pnl(accounts)
        return Look(begun_at, taken[0])

    async def _count_epoch(self) -> None:
        if self._epoch_connection != self._link.connections:
            connection = self._link.connections
            self._writer.epoch = await crossing.in_database(next_epoch)
            self._epoch_connection = connection

    async def _ask(self, kind: str, question: Any) -> None:
        await self._link.ask(Priority.RECONCILE, kind, question, timeout=ANSWER_SECONDS, is_list=True)

    async def _account_values(self, ib: IB, account: str) -> None:
        """Values and portfolio of the traded account, values only of others: the broker streams one portfolio."""
        if account != self._account:
            return await self._values_of_other(account)
        if self._subscribed:
            # Only a new subscription tells everything again.
            await self._link.send(Priority.RECONCILE, lambda ib: ib.client.reqAccountUpdates(False, account))
        self._subscribed = True
        await self._ask("accountValues", lambda ib: ib.reqAccountUpdatesAsync(account))

    async def _values_of_other(self, account: str) -> None:
        old = self._multi.pop(account, None)
        if old is not None:
            await self._link.send(Priority.RECONCILE, lambda ib: ib.client.cancelAccountUpdatesMulti(old))

        def question(ib: IB) -> Any:
            self._multi[account], future = account_updates_question(ib, account)
            return future

        await self._ask("", question)

    async def _subscribe_pnl(self, accounts: Sequence[str]) -> None:
        ib = self._link.connection()
        for account in accounts:
            if ib.pnl(account):
                await self._link.send(Priority.RECONCILE, lambda ib, account=account: ib.cancelPnL(account))  # type: ignore[misc]
            await self._link.send(Priority.RECONCILE, lambda ib, account=account: ib.reqPnL(account))  # type: ignore[misc]


async def _all(questions: Sequence[Any]) -> None:
    """Wait for every one, so that none runs on; then raise the first failure."""
    for result in await asyncio.gather(*questions, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
