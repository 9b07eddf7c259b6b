"""Keeps accounts, orders, executions and prices set by hand in a file, across the ends of the process."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, Protocol

from .exchange import Exchange, ExchangeState
from .market import Market, MarketState
from .state_file import StateError, StateFile, Values, way_out

if TYPE_CHECKING:
    from .settings import GatewaySettings

logger = logging.getLogger(__name__)
FORMAT, VERSION = "simulated gateway", 1
SYNC_SECONDS = 0.005


class State(Protocol):
    def record(self) -> None:
        """Call it after every change and before anybody is told of it."""

    def close(self) -> None: ...


class Oblivion:
    """Without a file everything is forgotten when the process ends."""

    def record(self) -> None:
        pass

    def close(self) -> None:
        pass


class KeptState:
    """Restores market and exchange from the file if there is one. StateError if it cannot be used."""

    def __init__(self, file: StateFile, header: Values, market: Market, exchange: Exchange) -> None:
        self._file = file
        self._header = header
        self._market, self._exchange = MarketState(market), ExchangeState(exchange)
        self._syncing: asyncio.Task[None] | None = None
        self._unsynced = self._closed = False
        self._restore()
        self._rewrite()
        self._changes()  # what was just written is no news

    def record(self) -> None:
        """Ends the process at once if the change cannot be written: nobody shall hear of what will be forgotten."""
        if self._closed:
            return
        try:
            if changes := self._changes():
                self._write(changes)
        except Exception as problem:
            self._give_up(problem)

    def close(self) -> None:
        self.record()
        self._closed = True
        if self._syncing is not None:
            self._syncing.cancel()
        self._file.close()

    def _restore(self) -> None:
        found = self._file.read()
        if found is None:
            return
        header, values = found
        check_header(self._file, header, self._header)
        try:
            self._market.restore(values)
            self._exchange.restore(values)
        except (LookupError, TypeError, ValueError, ArithmeticError) as problem:
            path = self._file.path
            raise StateError(
                f"{path} does not fit this simulator ({problem!r:.200}). To go on, {way_out(path)}"
            ) from problem

    def _changes(self) -> dict[str, Any]:
        return self._market.changes() | self._exchange.changes()

    def _write(self, changes: Values) -> None:
        self._file.append(changes)
        if self._file.has_grown:
            self._rewrite()
        self._sync_soon()

    def _rewrite(self) -> None:
        self._file.rewrite(self._header, self._market.everything() | self._exchange.everything())

    def _sync_soon(self) -> None:
        self._unsynced = True
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.get_running_loop().create_task(self._sync())

    async def _sync(self) -> None:
        """Many changes share one sync: it may take longer than all of them."""
        while self._unsynced:
            await asyncio.sleep(SYNC_SECONDS)
            self._unsynced = False
            try:
                await asyncio.to_thread(self._file.sync)
            except OSError as problem:
                self._give_up(problem)

    def _give_up(self, problem: Exception) -> None:
        text = "%s cannot be kept, the simulator ends: %s. Free some space, or name another file."
        logger.critical(text, self._file.path, problem, exc_info=not isinstance(problem, OSError))
        os._exit(1)


def open_state(settings: GatewaySettings, market: Market, exchange: Exchange) -> State:
    """StateError if the file cannot be used."""
    path = settings.state_file
    if path is None:
        return Oblivion()
    try:
        return KeptState(StateFile(path), header_of(settings), market, exchange)
    except OSError as problem:
        raise StateError(f"cannot use {path} as state: {problem}. Name a file that can be written.") from problem


def header_of(settings: GatewaySettings) -> Values:
    market = settings.market
    start = market.start.isoformat() if market.start else "now"
    steps = market.start or not market.tick_interval
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": market.seed,
        "accounts": list(settings.accounts),
        "clock": f"steps from {start}" if steps else "the machine's",
    }


def check_header(file: StateFile, found: Values, wanted: Values) -> None:
    if (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        was = f"{found.get('format')!r:.40} version {found.get('version')!r:.20}"
        raise StateError(f"{file.path} is {was}, not {FORMAT!r} version {VERSION}. To go on, {way_out(file.path)}")
    for name, option in (("seed", "--seed"), ("accounts", "--accounts"), ("clock", "--start and --tick-interval")):
        if found.get(name) != wanted[name]:
            difference = f"{name} {_words(found.get(name))}, this start has {_words(wanted[name])}"
            remedy = f"Use the same {option} as before, or {way_out(file.path)}"
            raise StateError(f"{file.path} was written with {difference}. {remedy}")


def _words(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
