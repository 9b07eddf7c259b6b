"""Sends modifications: as careful as with a new order, for the new terms may be more than the old."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError
from ib_async import IB

from apps.broker.choices import OrderPurpose, Priority
from apps.broker.exceptions import FencedError, TurnDroppedError
from apps.broker.gateway.link import Link
from apps.broker.gateway.orders import modifications
from apps.broker.gateway.orders.claims import Claimed
from apps.broker.gateway.orders.fence import Identity
from apps.broker.gateway.orders.stops import Stops
from apps.broker.gateway.pacing import Pacer
from tradeops.lib import crossing

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Modifier:
    """`sendable`: for which purposes orders may be changed now. `may_send` is asked right before a message leaves, with
    the connection and purpose that it was claimed for.
    """

    def __init__(
        self,
        link: Link,
        pacer: Pacer,
        known: Stops,
        identity: Callable[[], Identity | None],
        sendable: Callable[[], frozenset[OrderPurpose]],
        may_send: Callable[[IB | None, int, frozenset[OrderPurpose]], bool],
    ) -> None:
        self._link = link
        self._pacer = pacer
        self._stops = known
        self._identity = identity
        self._sendable = sendable
        self._may_send = may_send
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()
            with contextlib.suppress(DatabaseError, FencedError):
                # The submitter tells of both.
                await self._round()

    async def _round(self) -> None:
        identity, ib, connection = self._identity(), self._link.ib, self._link.connections
        purposes = self._sendable()
        if identity is None or not self._may_send(ib, connection, purposes):
            return
        for item in await crossing.in_database(modifications.take, identity, self._stops.objection, purposes):
            order_id = item.subject.id
            if order_id is not None and not await self._send(item, order_id, ib, connection):
                await crossing.in_database(modifications.put_back, [order_id])

    async def _send(self, item: Claimed, order_id: UUID, ib: IB | None, connection: int) -> bool:
        """The last look at the row comes as late as it can: after a cancel the same number could be a new order."""
        try:
            answers = await self._link.answers()
            await self._pacer.turn(Priority.ORDER)
        except TurnDroppedError:
            return False
        is_wanted = await crossing.in_database(modifications.is_wanted, order_id)
        stopped = self._stops.objection(item.subject) or self._stops.is_stored_against(item.subject)
        may_send = self._may_send(ib, connection, frozenset({item.subject.purpose}))
        if ib is None or stopped or not (answers and is_wanted and may_send):
            return False
        ib.client.placeOrder(item.order.orderId, item.contract, item.order)
        return True
