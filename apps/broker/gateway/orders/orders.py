"""Everything about sending and cancelling, put together: the gateway talks to this."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from django.db import DatabaseError
from ib_async import IB

from apps.broker.config import BrokerConfig
from apps.broker.domain.codes import Meaning, rule_for
from apps.broker.domain.mode import chosen_account
from apps.broker.gateway import library
from apps.broker.gateway.link import Link
from apps.broker.gateway.lock import GatewayLock
from apps.broker.gateway.orders import modifications, unresolved
from apps.broker.gateway.orders.book import Book
from apps.broker.gateway.orders.cancels import Cancels
from apps.broker.gateway.orders.emergencies import Emergencies
from apps.broker.gateway.orders.fence import Identity
from apps.broker.gateway.orders.killing import Killer
from apps.broker.gateway.orders.modifier import Modifier
from apps.broker.gateway.orders.resolver import Resolver
from apps.broker.gateway.orders.stops import Stops
from apps.broker.gateway.orders.submitter import Submitter
from apps.broker.gateway.pacing import Pacer
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.gateway.synchroniser import Synchroniser
from apps.broker.gateway.writer import MirrorWriter
from tradeops.lib import clock, crossing

ORDERS, TRADING_STATES, EMERGENCIES = "broker_order", "broker_trading_state", "broker_emergency"
CHANNELS = (ORDERS, TRADING_STATES, EMERGENCIES)
AFTER_A_HALT_SECONDS = 0.1
# These say something about an order without ending it.
HARMLESS = frozenset({Meaning.ORDER_NOTE, Meaning.INFORMATION, Meaning.FARM_OK, Meaning.DELAYED})
# A modification is refused, the order works on.
NOT_MODIFIED = frozenset({105, 329})
# Answers to a cancel: the order is gone already, or just went.
OF_CANCELS = frozenset({161, 202, 10147, 10148})


class Orders:
    def __init__(
        self,
        config: BrokerConfig,
        live_ports: frozenset[int],
        *,
        link: Link,
        data: Link,
        pacer: Pacer,
        keeper: SessionKeeper,
        synchroniser: Synchroniser,
        writer: MirrorWriter,
        lock: GatewayLock,
    ) -> None:
        self._config = config
        self._live_ports = live_ports
        self._link = link
        self._writer = writer
        self._lock = lock
        self._look_soon = synchroniser.look_soon
        self._errors: asyncio.Queue[tuple[int, int, str]] = asyncio.Queue()
        self.stops = Stops()
        self.book = Book()
        self.submitter = Submitter(link, pacer, keeper, self.stops, self.book, self._identity, self._blackout)
        sends = self.submitter
        self.modifier = Modifier(link, pacer, self.stops, self._identity, sends.sendable, sends.may_send)
        self.cancels = Cancels(link, config.client_id, self.submitter.unsent, synchroniser.look_soon)
        self.resolver = Resolver(keeper, self.book, self.submitter, synchroniser.look_soon)
        killer = Killer(
            link, data, pacer, config.client_id, self.book, self.submitter, picture=lambda: synchroniser.picture
        )
        self.emergencies = Emergencies(killer, self.stops, config.halt_flag)
        synchroniser.on_look = self.resolver.hear_look

    def work(self) -> list[Coroutine[Any, Any, None]]:
        return [
            self.submitter.run(),
            self.modifier.run(),
            self.cancels.run(),
            self.resolver.run(),
            self.emergencies.run(),
            self.emergencies.watch_flag(),
            self._hear_errors(),
        ]

    def hear(self, channel: str) -> None:
        """Something was announced; the empty channel stands for all, after announcements were missed."""
        if channel in (EMERGENCIES, ""):
            self.emergencies.wake()
        if channel in (TRADING_STATES, ""):
            self.stops.doubt()
        if channel in (ORDERS, ""):
            self._wake_all()
        elif channel == TRADING_STATES:
            # A halt comes with an emergency, whose cancels need the processor now.
            asyncio.get_running_loop().call_later(AFTER_A_HALT_SECONDS, self._wake_all)

    def _wake_all(self) -> None:
        for wake in (self.submitter.wake, self.modifier.wake, self.cancels.wake):
            wake()

    def on_connected(self, ib: IB) -> None:
        library.separate_request_ids(ib)

    def on_down(self) -> None:
        self.submitter.on_down()

    def on_ready(self) -> None:
        self.submitter.wake()

    def on_message(self, number: int, code: int, text: str) -> None:
        """An error that names one of our order numbers. Errors never decide: they make us look."""
        is_order = 0 < number < library.FIRST_REQUEST_ID
        if not is_order or (rule_for(code).meaning in HARMLESS and code not in NOT_MODIFIED):
            return
        if code not in OF_CANCELS:
            self._errors.put_nowait((number, code, f"{text} (IBKR {code})"))
        self._look_soon()

    async def _hear_errors(self) -> None:
        while True:
            number, code, words = await self._errors.get()
            while not await self._store_error(number, code, words):
                await asyncio.sleep(1)

    async def _store_error(self, number: int, code: int, words: str) -> bool:
        client_id = self._config.client_id
        try:
            taken = await crossing.in_database(modifications.refuse, client_id, number, code, words)
            if not taken and code not in NOT_MODIFIED:
                await crossing.in_database(unresolved.refuse, client_id, number, code, words)
        except DatabaseError:
            return False
        return True

    def _blackout(self) -> bool:
        return self._config.restarts.contains(clock.now())

    def _identity(self) -> Identity | None:
        ib = self._link.ib
        if ib is None or not ib.isConnected():
            return None
        accounts = tuple(ib.managedAccounts())
        return Identity(
            epoch=self._writer.epoch,
            lock_pid=self._lock.pid,
            client_id=self._config.client_id,
            account=chosen_account(self._config.account, accounts),
            paper_trading=self._config.paper_trading,
            port=self._config.port,
            accounts=accounts,
            live_ports=self._live_ports,
        )
