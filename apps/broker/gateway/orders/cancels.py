"""Cancels what was asked to be cancelled, until the broker shows that it is: also while orders may not be sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from apps.broker import ledger
from apps.broker.choices import OrderState, Priority
from apps.broker.exceptions import NotConnectedError
from apps.broker.gateway.link import Link
from apps.broker.gateway.orders.escalation import escalate_once
from apps.broker.gateway.orders.subject import Subject, subject_of
from apps.broker.gateway.rounds import keep_rounds
from apps.broker.models import Order
from tradeops.lib import clock, crossing

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
ESCALATE_SECONDS = 10.0
# After that a person knows, and it is tried on without haste.
SLOW_RETRY_SECONDS = 15.0
AT_BROKER = [OrderState.SUBMITTING, OrderState.WORKING, OrderState.UNRESOLVED]
SUBJECT = "cancel not confirmed"


@dataclass(slots=True)
class Pursuit:
    began: float
    sent: float | None = None
    escalated: bool = False


class Cancels:
    """`unsent` are claimed orders that have not left: their cancel would come before them."""

    def __init__(self, link: Link, client_id: int, unsent: Collection[UUID], look_soon: Callable[[], None]) -> None:
        self._link = link
        self._client_id = client_id
        self._unsent = unsent
        self._look_soon = look_soon
        self._pursuits: dict[UUID, Pursuit] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        await keep_rounds(self._wake, self._round, seconds=RETRY_SECONDS, complaint="cancels cannot be read")

    async def _round(self) -> None:
        wanted = [subject for subject in await crossing.in_database(read) if subject.id not in self._unsent]
        self._pursuits = {s.id: self._pursuits.get(s.id) or Pursuit(_now()) for s in wanted if s.id is not None}
        for subject in wanted:
            if subject.id is not None:
                await self._pursue(subject, subject.id, self._pursuits[subject.id])

    async def _pursue(self, subject: Subject, order_id: UUID, pursuit: Pursuit) -> None:
        if subject.client_id == self._client_id and subject.order_id:
            pause = SLOW_RETRY_SECONDS if pursuit.escalated else RETRY_SECONDS
            if pursuit.sent is None or _now() - pursuit.sent >= pause:
                await self._send(order_id, subject.order_id, pursuit)
            late = _now() - pursuit.began >= ESCALATE_SECONDS
            reason = f"the broker has not confirmed the cancel within {ESCALATE_SECONDS:g} s: look at it in TWS"
        else:
            # The broker lets a client cancel its own orders only.
            late = True
            reason = f"it belongs to client {subject.client_id}: cancel it there or in TWS, or cancel everything"
        if late and not pursuit.escalated:
            pursuit.escalated = True
            await crossing.in_database(escalate, order_id, reason)

    async def _send(self, order_id: UUID, number: int, pursuit: Pursuit) -> None:
        first = pursuit.sent is None
        try:
            await self._link.send(Priority.CANCEL, lambda ib: ib.client.cancelOrder(number))
        except NotConnectedError:
            return
        pursuit.sent = _now()
        if first:
            await crossing.in_database(mark_sent, order_id)
        else:
            self._look_soon()


def _now() -> float:
    return asyncio.get_running_loop().time()


def read() -> list[Subject]:
    rows = Order.objects.filter(state__in=AT_BROKER, cancel_requested_at__isnull=False)
    return [subject_of(order) for order in rows.select_related("account", "instrument").order_by("cancel_requested_at")]


@transaction.atomic
def mark_sent(order_id: UUID) -> None:
    order = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument").get(pk=order_id)
    if order.cancel_sent_at is None:
        order.cancel_sent_at = clock.now()
        order.save(update_fields=["cancel_sent_at", "updated_at"])
        ledger.note(order, message="cancel sent", actor="gateway")


@transaction.atomic
def escalate(order_id: UUID, reason: str) -> None:
    order = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument").get(pk=order_id)
    if order.state in AT_BROKER:
        escalate_once(order, SUBJECT, reason)
