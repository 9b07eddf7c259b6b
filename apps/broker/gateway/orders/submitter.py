"""Sends approved orders: claimed in the database first, looked at once more in memory, then sent, each once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import DatabaseError
from ib_async import IB

from apps.broker.choices import OrderPurpose, Priority
from apps.broker.domain.orders import ENTERING
from apps.broker.exceptions import FencedError, TurnDroppedError
from apps.broker.gateway import library
from apps.broker.gateway.link import Link
from apps.broker.gateway.orders import claims, numbers, stops
from apps.broker.gateway.orders.book import Book
from apps.broker.gateway.orders.claims import Claimed
from apps.broker.gateway.orders.fence import Identity
from apps.broker.gateway.orders.stops import Stops
from apps.broker.gateway.pacing import Pacer
from apps.broker.gateway.rounds import keep_rounds
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.services.orders import expire_orders
from tradeops.lib import clock, crossing

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
ANSWER_SECONDS = 5.0
LAST_SECONDS = 0.8
NOT_ANSWERED = f"no answer from the broker within {ANSWER_SECONDS:g} s"
NOT_READY = "the broker did not answer, or the session was not ready any more"
TOO_LATE = "its turn came too late"
LINK_LOST = "the link was lost before the broker answered"


class Submitter:
    """`identity` says who claims; None while that is not known. `blackout` is true around the planned restarts: then
    nothing is entered. What closes or protects goes while the session is ready, for the restart has not happened yet.
    """

    def __init__(
        self,
        link: Link,
        pacer: Pacer,
        keeper: SessionKeeper,
        known: Stops,
        book: Book,
        identity: Callable[[], Identity | None],
        blackout: Callable[[], bool],
    ) -> None:
        # Claimed and not sent yet: nobody may take their silence for an answer that is missing.
        self.unsent: dict[UUID, Claimed] = {}
        self._link = link
        self._pacer = pacer
        self._keeper = keeper
        self._stops = known
        self._book = book
        self._identity = identity
        self._blackout = blackout
        self._wake = asyncio.Event()
        # What an earlier process sent and did not hear of, too.
        self._lost = True
        self._numbered = 0
        self._refused = ""

    def wake(self) -> None:
        self._wake.set()

    def on_down(self) -> None:
        self._lost = True
        self.wake()

    async def run(self) -> None:
        try:
            await keep_rounds(
                self._wake, self.round, seconds=POLL_SECONDS, complaint="orders cannot be read: nothing is sent"
            )
        finally:
            await self._put_back_at_the_end()

    async def round(self) -> None:
        await self._give_up_silent()
        await self._put_back("an earlier attempt was interrupted")
        version = self._stops.version
        self._stops.take(await crossing.in_database(stops.read), version)
        await crossing.in_database(expire_orders, now=clock.now())
        identity = self._identity()
        purposes = self.sendable()
        if identity is None or not self.may_send(self._link.ib, self._link.connections, purposes):
            return
        await self._raise_floor(identity)
        families = await self._claim(identity, purposes)
        if families:
            self.wake()

    async def _give_up_silent(self) -> None:
        lost, self._lost = self._lost, False
        before = clock.now() - timedelta(seconds=0 if lost else ANSWER_SECONDS)
        message = LINK_LOST if lost else NOT_ANSWERED
        try:
            await crossing.in_database(claims.give_up, before, except_for=list(self.unsent), message=message)
        except DatabaseError:
            self._lost = self._lost or lost
            raise

    async def _raise_floor(self, identity: Identity) -> None:
        ib, connection = self._link.ib, self._link.connections
        if ib is not None and self._numbered != connection:
            await crossing.in_database(numbers.raise_floor, identity.client_id, library.next_order_id(ib))
            self._numbered = connection

    async def _claim(self, identity: Identity, purposes: frozenset[OrderPurpose]) -> list[list[Claimed]]:
        """Claim and send. The claim runs on in its thread when this task is cancelled: what it took goes back then."""
        ib, connection = self._link.ib, self._link.connections
        work = crossing.in_database(claims.claim, identity, self._stops.objection, purposes)
        claiming = asyncio.ensure_future(work)
        try:
            families = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            self._remember(await claiming)
            raise
        except FencedError as error:
            self._tell_refusal(str(error))
            return []
        self._refused = ""
        self._remember(families)
        for family in families:
            await self._send(family, ib, connection)
        return families

    def _remember(self, families: Sequence[Sequence[Claimed]]) -> None:
        taken = [item for family in families for item in family]
        self.unsent |= {item.subject.id: item for item in taken if item.subject.id is not None}
        self._book.add(item.subject for item in taken)

    def _tell_refusal(self, reason: str) -> None:
        if reason != self._refused:
            logger.error("no order can be claimed: %s", reason)
        self._refused = reason

    async def _send(self, family: Sequence[Claimed], ib: IB | None, connection: int) -> None:
        ids = [item.subject.id for item in family if item.subject.id is not None]
        try:
            may_go = await self._link.answers()
            await self._pacer.turns(Priority.ORDER, len(family))
        except TurnDroppedError:
            may_go = False
        # From here to the last message nothing else runs: no halt can come between, and no lost link.
        stopped = "; ".join(filter(None, (self._stops.objection(item.subject) for item in family)))
        if stopped:
            await self._withdraw(ids, partial(claims.deny, reason=stopped))
        elif any(item.latest is not None and item.latest <= clock.now() for item in family):
            await self._withdraw(ids, partial(claims.put_back, reason=TOO_LATE))
        elif ib is None or not may_go or not self._may_go(family, ib, connection):
            await self._withdraw(ids, partial(claims.put_back, reason=NOT_READY))
        else:
            self._place(family, ib)

    def _is_stored_against(self, family: Sequence[Claimed]) -> bool:
        return any(self._stops.is_stored_against(item.subject) for item in family)

    def _may_go(self, family: Sequence[Claimed], ib: IB, connection: int) -> bool:
        purposes = frozenset(item.subject.purpose for item in family)
        return self.may_send(ib, connection, purposes) and not self._is_stored_against(family)

    def sendable(self) -> frozenset[OrderPurpose]:
        """What for orders may leave now."""
        found = self._keeper.sendable
        return found - ENTERING if self._blackout() else found

    def may_send(self, ib: IB | None, connection: int, purposes: frozenset[OrderPurpose]) -> bool:
        """Orders of all these purposes, over that connection, now."""
        same = ib is not None and ib is self._link.ib and connection == self._link.connections and ib.isConnected()
        admitted = bool(purposes) and purposes <= self.sendable()
        return same and admitted and not self._stops.in_doubt

    def _place(self, family: Sequence[Claimed], ib: IB) -> None:
        for item in family:
            if item.subject.id is not None:
                self.unsent.pop(item.subject.id, None)
            try:
                ib.client.placeOrder(item.order.orderId, item.contract, item.order)
            except Exception:
                # It may have left in part: the lists of the broker decide.
                logger.exception("sending %s failed", item.subject)

    async def _withdraw(self, ids: Sequence[UUID], work: Callable[[Sequence[UUID]], None]) -> None:
        """In the database while it is there; else the next round puts them back."""
        await crossing.in_database(work, ids)
        for order_id in ids:
            self.unsent.pop(order_id, None)

    async def _put_back(self, reason: str) -> None:
        if self.unsent:
            await self._withdraw(list(self.unsent), partial(claims.put_back, reason=reason))

    async def _put_back_at_the_end(self) -> None:
        with contextlib.suppress(DatabaseError, TimeoutError):
            await asyncio.wait_for(self._put_back("the gateway stops"), LAST_SECONDS)
