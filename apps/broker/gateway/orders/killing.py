"""Cancelling at once, out of memory: nothing here waits for the database. Done when the broker's list shows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from ib_async import IB

from apps.broker.choices import Priority
from apps.broker.exceptions import BrokerError, NotConnectedError, TurnDroppedError
from apps.broker.gateway import parsing
from apps.broker.gateway.link import Link
from apps.broker.gateway.orders.actions import Action, Receipt
from apps.broker.gateway.orders.book import Book
from apps.broker.gateway.orders.subject import Subject
from apps.broker.gateway.orders.submitter import Submitter
from apps.broker.gateway.pacing import Pacer
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.rows import OrderRow
from tradeops.lib import clock

logger = logging.getLogger(__name__)

CANCEL_AGAIN_SECONDS = 1.0
LOOK_SECONDS = 0.2
LOOK_TIMEOUT = 5.0
ESCALATE_SECONDS = 10.0
# A person knows by then; it is tried on without haste until the broker shows it.
SLOW_SECONDS = 5.0
UNHEARD = "sent, and the broker lists it nowhere: nobody knows whether it has it"
WAY_OUT = "cancel it there or in TWS, or cancel all orders (`manage.py cancel_all`)"


class Killer:
    def __init__(
        self,
        link: Link,
        data: Link,
        pacer: Pacer,
        client_id: int,
        book: Book,
        submitter: Submitter,
        picture: Callable[[], Picture | None],
    ) -> None:
        self._link = link
        self._data = data
        self._pacer = pacer
        self._client_id = client_id
        self._book = book
        self._submitter = submitter
        self._picture = picture

    async def cancel(self, action: Action, receipt: Receipt, tell: Callable[[], None]) -> None:
        """Until the broker shows that it is done. `tell` is called at the escalation and at the end."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            sent_at = loop.time()
            await self._send_cancels(action, receipt)
            if not receipt.is_escalated and not action.is_drill:
                # After the cancels, which overtake everything: waking a thousand who waited takes time. Orders among
                # them have met the closed gate.
                self._pacer.clear()
            pause = CANCEL_AGAIN_SECONDS if not receipt.problem else SLOW_SECONDS
            while not receipt.verified and loop.time() - sent_at < pause:
                await self._look(action, receipt)
                if not receipt.verified:
                    await asyncio.sleep(LOOK_SECONDS if not receipt.problem else CANCEL_AGAIN_SECONDS)
            if receipt.verified:
                receipt.problem = _describe_others(receipt)
                receipt.is_over = True
                return tell()
            if loop.time() - began < ESCALATE_SECONDS:
                continue
            # Also where a person was told that it could not: it may leave minutes later.
            if await self._send_over_data_link(action, receipt) or not receipt.problem:
                receipt.problem = self._describe_problem(receipt) + _of_data_link(action, receipt)
                tell()

    async def _send_cancels(self, action: Action, receipt: Receipt) -> None:
        """The global one first: it reaches everything at once, and what has no number of ours."""
        if action.is_global and not receipt.is_closed:
            await self._send_global(receipt)
        for subject in self._targets(action, receipt):
            entry = receipt.results.setdefault(_key(subject), _entry(subject))
            if not (self._is_ours(subject) and subject.order_id):
                if not action.is_global:
                    entry["detail"] = f"belongs to client {subject.client_id}: cancel it there or in TWS"
                continue
            await self._send(receipt, entry, subject.order_id)

    async def _send(self, receipt: Receipt, entry: dict[str, Any], number: int) -> None:
        try:
            await self._link.send(Priority.CANCEL, lambda ib: ib.client.cancelOrder(number))
        except NotConnectedError as error:
            entry["detail"] = f"the cancel could not be sent: {error}"
            return
        entry["detail"] = "cancel sent"
        self._stamp(receipt)

    async def _send_global(self, receipt: Receipt) -> None:
        try:
            await self._link.send(Priority.CANCEL, lambda ib: ib.client.reqGlobalCancel())
        except NotConnectedError as error:
            logger.warning("the global cancel could not be sent: %s", error)
            return
        self._stamp(receipt)

    async def _send_over_data_link(self, action: Action, receipt: Receipt) -> bool:
        """A cancel of everything reaches all orders over either link. Once: a person who takes over gives new ones."""
        if not action.is_global or receipt.is_closed or receipt.over_data_link_at is not None:
            return False
        try:
            if not await self._data.answers():
                return False
            await self._data.send(Priority.CANCEL, lambda ib: ib.client.reqGlobalCancel())
        except (NotConnectedError, TurnDroppedError) as error:
            logger.warning("the global cancel could not be sent over the data link: %s", error)
            return False
        self._stamp(receipt)
        receipt.over_data_link_at = receipt.last_cancel_at
        return True

    def _stamp(self, receipt: Receipt) -> None:
        receipt.last_cancel_at = clock.now()
        receipt.first_cancel_at = receipt.first_cancel_at or receipt.last_cancel_at

    def _targets(self, action: Action, receipt: Receipt) -> list[Subject]:
        """What the broker shows as open, and what was sent and is not shown yet."""
        picture = self._picture()
        rows = picture.orders.since(0).values() if picture is not None else []
        shown = [self._book.subject(row, picture) for row in rows if row.is_open] if picture is not None else []
        return _meant(action, receipt, [*shown, *self._unheard(picture)])

    def _unheard(self, picture: Picture | None) -> list[Subject]:
        """Sent, and not named by the broker since the login, neither as open nor as ended: it may have them yet."""
        rows = [*picture.orders.since(0).values(), *picture.completed.since(0).values()] if picture is not None else []
        references, perm_ids = {row.order_ref for row in rows}, {row.perm_id for row in rows}
        silent = [item for item in self._book if str(item.id) not in references and item.perm_id not in perm_ids]
        return [item for item in silent if item.id not in self._submitter.unsent]

    async def _look(self, action: Action, receipt: Receipt) -> None:
        picture = self._picture()
        if picture is None:
            return
        since = picture.sequence
        try:
            await self._link.ask(Priority.CANCEL, "openOrders", _all_open_orders, timeout=LOOK_TIMEOUT, is_list=True)
        except BrokerError as error:
            logger.warning("the broker's open orders cannot be read: %s", error)
            return
        if picture is not self._picture():
            return
        open_rows = picture.open_orders(since)
        shown = _meant(action, receipt, [self._book.subject(row, picture) for row in open_rows.values()])
        unheard = _meant(action, receipt, self._unheard(picture))
        unsent = _meant(action, receipt, [item.subject for item in self._submitter.unsent.values()])
        self._judge(receipt, picture, open_rows.values(), shown, unheard)
        left = [*shown, *unheard]
        waits_for = [subject for subject in left if self._is_ours(subject) or not action.ends_without_others]
        receipt.verified = self._book.is_read and not waits_for and not unsent

    def _judge(
        self,
        receipt: Receipt,
        picture: Picture,
        open_rows: Iterable[OrderRow],
        shown: Iterable[Subject],
        unheard: Iterable[Subject],
    ) -> None:
        silent = {_key(subject): subject for subject in unheard}
        still = {_key(subject): subject for subject in shown} | silent
        for key, subject in still.items():
            receipt.results.setdefault(key, _entry(subject))
        for key, entry in receipt.results.items():
            entry["done"] = key not in still
            if entry["done"]:
                entry["detail"] = _ending(picture, entry)
            elif key in silent:
                entry["detail"] = UNHEARD
        receipt.picture = describe(picture, open_rows)

    def _is_ours(self, subject: Subject) -> bool:
        """IB lets a client cancel its own orders only."""
        return subject.client_id == self._client_id and bool(subject.order_id)

    def _describe_problem(self, receipt: Receipt) -> str:
        if receipt.picture is None:
            return f"the broker's open orders could not be read within {ESCALATE_SECONDS:g} s: look in TWS"
        if not self._book.is_read:
            return f"what was sent before could not be read within {ESCALATE_SECONDS:g} s: look in TWS"
        left = [entry for entry in receipt.results.values() if not entry["done"]]
        names = ", ".join(f"{entry['symbol']} ({entry['detail']})" for entry in left)
        return f"not over at the broker after {ESCALATE_SECONDS:g} s: {names or 'orders on their way'}"[:350]


def _of_data_link(action: Action, receipt: Receipt) -> str:
    if not action.is_global:
        return ""
    if receipt.over_data_link_at is None:
        return ". The data link could not take a cancel of everything either"
    at = f"{receipt.over_data_link_at:%H:%M:%S} UTC"
    return f". A cancel of everything went over the data link at {at}: look in TWS whether it was carried out"


def _all_open_orders(ib: IB) -> Any:
    return ib.reqAllOpenOrdersAsync()


def _meant(action: Action, receipt: Receipt, subjects: Iterable[Subject]) -> list[Subject]:
    concerned = [subject for subject in subjects if action.concerns(subject)]
    if not receipt.is_closed:
        return concerned
    named = receipt.named()
    return [subject for subject in concerned if str(subject.id) in named or subject.perm_id in named]


def _key(subject: Subject) -> object:
    """Of ours the same before and after the broker has told its permanent id."""
    return subject.id or subject.perm_id or (subject.client_id, subject.order_id)


def _entry(subject: Subject) -> dict[str, Any]:
    return {
        "what": "cancel",
        "symbol": subject.symbol,
        "done": False,
        "detail": "",
        "order": str(subject.id) if subject.id else None,
        "perm_id": subject.perm_id,
        "client_id": subject.client_id,
        "order_id": subject.order_id,
    }


def _describe_others(receipt: Receipt) -> str:
    left = [entry for entry in receipt.results.values() if not entry["done"]]
    if not left:
        return ""
    for entry in left:
        entry["detail"] = f"belongs to client {entry['client_id']}: {WAY_OUT}"
    names = ", ".join(f"{entry['symbol']} (client {entry['client_id']})" for entry in left)
    told = "1 order of others still works" if len(left) == 1 else f"{len(left)} orders of others still work"
    return f"{told}: {names}. {WAY_OUT.capitalize()}."[:500]


def _ending(picture: Picture, entry: dict[str, Any]) -> str:
    row = picture.orders.get(entry["perm_id"]) if entry["perm_id"] else None
    if row is None or row.is_open:
        return "not open at the broker"
    return row.status.lower()


def describe(picture: Picture, open_rows: Iterable[OrderRow]) -> dict[str, Any]:
    """What the broker shows, for the receipt."""
    number = parsing.decimal_text
    return {
        "as_of": clock.now().isoformat(),
        "open_orders": [
            {
                "perm_id": row.perm_id,
                "symbol": row.instrument.symbol,
                "side": str(row.side),
                "remaining": number(row.remaining),
                "order_type": row.order_type,
                "status": row.status,
                "client_id": row.client_id,
                "reference": row.order_ref,
            }
            for row in open_rows
        ],
        "positions": [
            {
                "account": row.account,
                "con_id": row.instrument.con_id,
                "symbol": row.instrument.symbol,
                "quantity": number(row.quantity),
            }
            for row in picture.held()
        ],
    }
