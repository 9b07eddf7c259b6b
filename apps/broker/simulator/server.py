"""The simulated gateway: one market, one exchange, and the clients connected to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime

from . import handlers  # noqa: F401 - registers what answers the requests
from .exchange import Exchange
from .faults import Faults
from .handlers.routes import dispatch
from .handlers.system import BROKER_LOST
from .journal import Journal
from .limits import HistoryPacing
from .market import Market
from .market.feed import Feed
from .protocol.messages import Answer, Request
from .protocol.system import NO_REQUEST, Message
from .routing import Router
from .sessions.connection import Connection
from .sessions.session import Session
from .settings import GatewaySettings
from .sockets import ReservedPort
from .state import open_state
from .streams.registry import MARKET_DATA, USES_A_LINE, Kind
from .types import Contract, RequestError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Pacing:
    messages_per_second: int
    delays: bool  # what exceeds the rate is handled late instead of being refused


class Gateway:
    """Working orders, positions and executions live in the exchange and outlast restarts; sessions do not."""

    def __init__(self, settings: GatewaySettings) -> None:
        limits = settings.limits
        self.settings = settings
        self.faults = Faults()
        self.journal = Journal()
        self.pacing = Pacing(limits.messages_per_second, limits.pace_messages)
        self.history_pacing = HistoryPacing(enabled=limits.history_pacing)
        self.market = Market(settings.market)
        self.feed = Feed(self.market)
        self.exchange = Exchange(self.market, settings.accounts, settings.market.seed)
        self.router = Router(self)
        self.exchange.listener = self.router
        self.exchange.reject_status_first = settings.reject_status_first
        self.state = open_state(settings, self.market, self.exchange)
        self.connections: set[Connection] = set()
        self.sessions: dict[int, Session] = {}
        self.bulletins: list[Message] = []
        self.steps = 0
        self.failures = 0  # mistakes of the simulator itself; tests expect none
        self._refuse_until = 0.0
        self._planned_restart: tuple[datetime, float] | None = None
        self._reserved: ReservedPort
        self._tasks: set[asyncio.Task[None]] = set()

    # life

    @property
    def port(self) -> int:
        return self._reserved.port

    async def start(self) -> None:
        self._reserved = ReservedPort(self.settings.host, self.settings.port)
        await self._accept()
        if self.settings.market.tick_interval > 0:
            self._spawn(self._tick_for_ever())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._reserved.close()
        for connection in list(self.connections):
            connection.close()
        self.state.close()
        await asyncio.sleep(0)

    async def _accept(self) -> None:
        await self._reserved.listen(lambda: Connection(self))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # time

    async def _tick_for_ever(self) -> None:
        interval = self.settings.market.tick_interval
        loop = asyncio.get_running_loop()
        due = loop.time() + interval
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + interval, loop.time())
            try:
                self.step()
            except Exception:
                self.failures += 1
                logger.exception("a market step failed")

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.steps += 1
            self.market_moved(self.market.tick(1))
            self._restart_if_due()

    def market_moved(self, changed: frozenset[int]) -> None:
        self.exchange.on_market_change(changed)
        self.settle()
        if self.faults.broker_connected and not self.faults.blackhole:
            for session in list(self.sessions.values()):
                self._pump(session, changed)
                self._refresh_account(session)

    def settle(self) -> None:
        """Keeps what the exchange has done, then tells the clients what it means for their accounts."""
        self.state.record()
        self.router.flush()

    def _pump(self, session: Session, changed: frozenset[int]) -> None:
        for stream in session.streams:
            if self.feed.is_frozen and stream.kind in MARKET_DATA:
                continue
            try:
                for message in stream.step(changed):
                    session.send(message)
            except Exception:
                self.failures += 1
                logger.exception("a subscription failed and is dropped")
                session.streams.remove(stream.kind, stream.request_id)
                session.error(stream.request_id, 322, "Error processing request: the simulator dropped it")

    def _refresh_account(self, session: Session) -> None:
        if session.account_updates is not None:
            for message in session.account_updates.step():
                session.send(message)

    # clients

    def handle(self, session: Session, fields: Sequence[str]) -> None:
        if not session.started and fields[:1] != [str(int(Request.START_API))]:
            session.error(NO_REQUEST, 504, "Not connected")
            return
        dispatch(session, fields)
        self.settle()

    def forget(self, session: Session) -> None:
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]

    def contract(self, con_id: int) -> Contract:
        contract = self.market.by_con_id(con_id)
        if contract is None:
            raise RequestError(200, "No security definition has been found for the request")
        return contract

    def lines_used(self, kinds: frozenset[Kind] = USES_A_LINE) -> int:
        return sum(session.streams.count(kinds) for session in self.sessions.values())

    # what may happen to a gateway

    def lose_broker(self) -> None:
        """1100: the sockets stay, the broker is silent."""
        self._tell_all(1100, BROKER_LOST)
        self.faults.broker_connected = False

    def restore_broker(self, data_lost: bool) -> None:
        """1101 (subscriptions lost) or 1102 (kept)."""
        state = "lost" if data_lost else "maintained"
        code = 1101 if data_lost else 1102
        text = f"Connectivity between IB and Trader Workstation has been restored- data {state}."
        self.faults.broker_connected = True
        self._tell_all(code, text)
        for session in list(self.sessions.values()):
            if data_lost:
                session.streams.drop_market_data()
            session.broker_restored()

    def publish_bulletin(self, text: str) -> None:
        message = (Answer.NEWS_BULLETIN, 1, len(self.bulletins) + 1, 1, text, "IB")
        self.bulletins.append(message)
        for session in self.sessions.values():
            if session.wants_bulletins:
                session.send(message)

    def set_blackhole(self, on: bool) -> None:
        self.faults.blackhole = on
        for connection in list(self.connections):
            if on:
                connection.regulate_reading()
            else:
                connection.leave_blackhole()

    def restart(self, seconds: float, keep_ids: bool) -> None:
        self._disconnect_all()
        self.faults.broker_connected = True
        if not keep_ids:
            self.exchange.reset_order_ids()
        self.refuse(seconds)

    def schedule_restart(self, at: datetime, seconds: float) -> None:
        self._planned_restart = (at, seconds)

    def _restart_if_due(self) -> None:
        if self._planned_restart is not None and self.market.now() >= self._planned_restart[0]:
            _, seconds = self._planned_restart
            self._planned_restart = None
            self.restart(seconds, keep_ids=False)

    def refuse(self, seconds: float) -> None:
        self._reserved.refuse()
        until = asyncio.get_running_loop().time() + seconds
        self._refuse_until = max(self._refuse_until, until)
        self._spawn(self._accept_later())

    async def _accept_later(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._refuse_until - loop.time()) > 0:
            await asyncio.sleep(wait)
        await self._accept()

    def _disconnect_all(self) -> None:
        for connection in list(self.connections):
            connection.close()
        self.sessions.clear()

    def _tell_all(self, code: int, text: str) -> None:
        for session in self.sessions.values():
            session.error(NO_REQUEST, code, text)
