"""The gateway: two links to the broker, the mirror of what it says, and the answers to what others ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from django.db import DatabaseError, connections
from ib_async import IB

from apps.broker.choices import TradingMode
from apps.broker.config import BrokerConfig
from apps.broker.domain import client_ids
from apps.broker.domain.codes import Meaning, rule_for
from apps.broker.domain.mode import LIVE_PORTS, chosen_account
from apps.broker.domain.session import LinkDown, LinkName, LinkUp, Stopped
from apps.broker.gateway import library
from apps.broker.gateway.answers import Answers
from apps.broker.gateway.competition import CompetitionWatch
from apps.broker.gateway.contracts import Contracts
from apps.broker.gateway.desk import Desk
from apps.broker.gateway.equity import EquitySampler
from apps.broker.gateway.guard import Guard
from apps.broker.gateway.history import History
from apps.broker.gateway.lines import Lines, budget_for
from apps.broker.gateway.link import Link
from apps.broker.gateway.live_reads import LiveReads
from apps.broker.gateway.lock import GatewayLock
from apps.broker.gateway.orders import orders
from apps.broker.gateway.orders.orders import Orders
from apps.broker.gateway.pacing import Pacer
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.position_prices import PositionPrices
from apps.broker.gateway.price_board import PriceBoard
from apps.broker.gateway.quotes import Quotes
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.gateway.silence import SilenceWatch
from apps.broker.gateway.synchroniser import Synchroniser
from apps.broker.gateway.writer import MirrorWriter
from tradeops.lib import clock, crossing, listen

logger = logging.getLogger(__name__)

LAST_WRITES_SECONDS = 1.0
CANCEL_AGAIN_SECONDS = 0.3
REQUESTS, UNLOCKS = "broker_request", "broker_unlock"
DISTRUST_SECONDS = 60.0


class Gateway:
    """`run` until `stop` is called. Everything lives in the event loop that runs it."""

    def __init__(self, config: BrokerConfig, *, live_ports: frozenset[int] = LIVE_PORTS) -> None:
        self.config = config
        self.pacer = Pacer()
        self.writer = MirrorWriter()
        self.keeper = SessionKeeper(
            config.restarts,
            values=self._session_values,
            epoch=lambda: self.writer.epoch,
            weekly_login=config.weekly_login,
        )
        self.guard = Guard(config, live_ports, self.keeper, self._close_links)
        self.trading = self._link(LinkName.TRADING, config.client_id)
        self.data = self._link(LinkName.DATA, config.data_client_id)
        self.synchroniser = Synchroniser(self.trading, self.writer, self.keeper)
        self.lines = Lines(self.data, budget_for(config.market_data_lines))
        self.contracts = Contracts(self.data, self.writer)
        self.prices = PriceBoard()
        self.quotes = Quotes(self.lines, self.contracts)
        self.position_prices = PositionPrices(
            self.lines,
            self.contracts,
            self.prices,
            picture=lambda: self.synchroniser.picture,
            may_open=lambda: self.keeper.facts.data_up and not self.keeper.facts.competing,
        )
        self.competition = CompetitionWatch(self.keeper, self.quotes)
        self.silence = SilenceWatch(self.lines, self.contracts, self.keeper)
        self.history = History(self.data, self.contracts)
        self.desk = Desk(
            Answers(
                keeper=self.keeper,
                trading=self.trading,
                data=self.data,
                account=config.account,
                contracts=self.contracts,
                quotes=self.quotes,
                history=self.history,
                live=LiveReads(self.trading, self.data, lambda: self.synchroniser.picture),
                synchronised_at=lambda: self.synchroniser.synchronised_at,
            )
        )
        self.equity = EquitySampler(self.synchroniser, self.keeper, self.writer)
        self._decode_errors = library.take_over_logging(self._distrust)
        self._distrusts_again_at = 0.0
        self._lock = GatewayLock()
        self.orders = Orders(
            config,
            live_ports,
            link=self.trading,
            data=self.data,
            pacer=self.pacer,
            keeper=self.keeper,
            synchroniser=self.synchroniser,
            writer=self.writer,
            lock=self._lock,
        )
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Raises SecondGatewayError when another gateway holds this database."""
        await self._acquire_lock()
        self._introduce()
        tasks = [asyncio.ensure_future(work) for work in self._work()]
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await cancel_all(tasks)
            await self._say_goodbye()
        for task in done - {stopping}:
            task.result()

    def _introduce(self) -> None:
        ids = ", ".join(f"{name} {number}" for name, number in client_ids.registry(self.config).items())
        logger.info("gateway for %s:%s; client ids: %s", self.config.host, self.config.port, ids)
        for conflict in client_ids.conflicts(self.config):
            level = logging.ERROR if conflict.serious else logging.INFO
            logger.log(level, "%s %s", conflict.message, conflict.hint)

    def _work(self) -> list[Any]:
        return [
            self._lock.hold(),
            self.keeper.run(),
            self.writer.run(),
            self.guard.run() if not self.config.paper_trading else self._stop.wait(),
            self.trading.run(),
            self.data.run(),
            self.synchroniser.run(),
            self.lines.run(),
            self.contracts.run(),
            self.position_prices.run(),
            self.competition.run(),
            self.silence.run(),
            self.desk.run(),
            self.equity.run(),
            *self.orders.work(),
            self._listen(),
        ]

    async def _acquire_lock(self) -> None:
        """Waits for a database that is not there yet."""
        told = False
        while not self._stop.is_set():
            try:
                return await self._lock.acquire()
            except psycopg.OperationalError as error:
                if not told:
                    logger.error("waiting for the database: %s", str(error).strip())
                told = True
                await asyncio.sleep(0.5)

    async def _say_goodbye(self) -> None:
        """The last words reach the tables if they can within a second; nothing waits for a database that is away."""
        self.keeper.tell(Stopped("stopped"))
        with suppress(DatabaseError, TimeoutError):
            await asyncio.wait_for(self._last_writes(), LAST_WRITES_SECONDS)
        with suppress(psycopg.Error):
            await self._lock.release()

    async def _last_writes(self) -> None:
        await self.writer.flush()
        await self.keeper.write()
        await crossing.in_database(connections.close_all)

    async def _listen(self) -> None:
        async for heard in listen.listen([REQUESTS, UNLOCKS, *orders.CHANNELS]):
            channel = heard.channel if isinstance(heard, listen.Notification) else ""
            if channel in (REQUESTS, ""):
                self.desk.wake()
            if channel in (UNLOCKS, ""):
                self.guard.recheck()
            if channel in (*orders.CHANNELS, ""):
                self.orders.hear(channel)

    # links

    def _link(self, name: LinkName, client_id: int) -> Link:
        trading = name is LinkName.TRADING
        return Link(
            name,
            host=self.config.host,
            port=self.config.port,
            client_id=client_id,
            pacer=self.pacer,
            before_login=self.guard.before_trading_login if trading else self.guard.before_data_login,
            on_connected=self._on_trading_connected if trading else self._on_data_connected,
            on_down=self._on_trading_down if trading else self._on_data_down,
            on_message=self._on_trading_message if trading else self._on_data_message,
        )

    def _on_trading_connected(self, ib: IB) -> None:
        accounts = ib.managedAccounts()
        if not self.guard.admits(accounts):
            return
        picture = Picture(
            lambda: self.writer.changes, self.writer.on_change, self.synchroniser.look_soon, self.prices.value
        )
        library.set_tap(ib, picture)
        self.orders.on_connected(ib)
        self.keeper.tell(LinkUp(LinkName.TRADING))
        self.data.hurry()
        self.synchroniser.begin(picture, chosen_account(self.config.account, accounts))

    def _on_trading_down(self, reason: str) -> None:
        self.synchroniser.end()
        self.orders.on_down()
        self.keeper.tell(LinkDown(LinkName.TRADING, reason, clock.now()))

    def _on_data_connected(self, ib: IB) -> None:
        self.lines.on_connected()
        self.keeper.tell(LinkUp(LinkName.DATA))

    def _on_data_down(self, reason: str) -> None:
        self.lines.on_down()
        self.keeper.tell(LinkDown(LinkName.DATA, reason, clock.now()))

    def _on_trading_message(self, request_id: int, code: int, text: str) -> None:
        self.keeper.on_message(request_id, code, text)
        meaning = rule_for(code).meaning
        picture = self.synchroniser.picture
        if meaning in {Meaning.BROKER_BACK, Meaning.BROKER_BACK_DATA_LOST}:
            self.synchroniser.resynchronise()
        elif meaning is Meaning.COMPETING_SESSION:
            self.competition.on_message(None)
        elif request_id > 0 and picture is not None:
            picture.on_order_error(self.config.client_id, request_id, code, text)
            self.orders.on_message(request_id, code, text)

    def _on_data_message(self, request_id: int, code: int, text: str) -> None:
        """Both links hear of 1100 and its end; the trading link's word counts."""
        self.lines.on_message(request_id, code, text)
        if rule_for(code).meaning is Meaning.COMPETING_SESSION:
            self.competition.on_message(self.lines.contract_of(request_id))
        if rule_for(code).meaning not in {Meaning.BROKER_LOST, Meaning.BROKER_BACK, Meaning.BROKER_BACK_DATA_LOST}:
            self.keeper.on_message(request_id, code, text)

    def _distrust(self) -> None:
        """Nobody knows what the message said. Once a minute: the answers themselves may hold such a one."""
        now = asyncio.get_running_loop().time()
        if now >= self._distrusts_again_at:
            self._distrusts_again_at = now + DISTRUST_SECONDS
            self.synchroniser.resynchronise()

    def _close_links(self, reason: str) -> None:
        self.trading.close(reason)
        self.data.close(reason)

    def _session_values(self) -> dict[str, Any]:
        facts = self.keeper.facts
        trading = self.trading.ib
        return {
            "mode": TradingMode.PAPER if self.config.paper_trading else TradingMode.LIVE,
            "host": self.config.host,
            "port": self.config.port,
            "trading_link_up": facts.trading_up,
            "data_link_up": facts.data_up,
            "server_version": trading.client.serverVersion() if trading is not None else None,
            "synchronised_at": self.synchroniser.synchronised_at,
            "clock_offset": self.trading.clock_offset,
            "clock_as_of": self.trading.clock_as_of,
            "lines_in_use": self.lines.in_use,
            "queue_depth": self.pacer.depth,
            "decode_errors": self._decode_errors.count + self.writer.refused,
        }


async def cancel_all(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel until all have ended: in Python 3.11 a `wait_for` whose work is done in that moment swallows it."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
