"""Market data lines: a budget, one subscription per contract shared by all who need it, and always a cancel."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from ib_async import IB, Contract, Ticker

from apps.broker.choices import Priority
from apps.broker.domain.codes import Meaning, farm_of, rule_for
from apps.broker.exceptions import NotConnectedError, TurnDroppedError
from apps.broker.gateway.library import cancel_subscription, forget_ticker, subscribe
from apps.broker.gateway.link import Link
from apps.broker.gateway.pulse import Pulse

LIVE, DELAYED, DELAYED_FROZEN = 1, 3, 4
REFUSALS = frozenset({Meaning.NOT_ENTITLED, Meaning.COMPETING_SESSION, Meaning.NO_LINES, Meaning.REQUEST})
LINK_LOST = -1
DATA_LOST, DATA_KEPT, TOO_FAST = 1101, 1102, 100
# A message that came too fast is refused without its name: a cancel that left so lately may be the one.
SUSPECT_SECONDS = 2.0
# The broker says that it kept the subscriptions, or that a data farm is well again; what is silent for so long after
# that is asked for anew.
SILENT_SECONDS = 20.0
# A kept line that was silent for longer says nothing about now: who must know asks anew.
QUIET_SECONDS = 2.0
# Requests come in bursts: so long after one took a kept line, no other line is kept.
BURST_SECONDS = 2.0


def budget_for(lines: int) -> int:
    """Some lines stay free for what a person watches in TWS with the same user."""
    return max(1, lines - max(1, lines // 20))


@dataclass(eq=False, slots=True)
class Line:
    """`changed` is set with each tick, and when the broker refused: then `code` is not 0 and `text` says why.

    `note` tells of a kept line why it is not live.
    """

    contract: Contract
    data_type: int
    ib: IB
    ticker: Ticker
    request_id: int
    opened_at: float
    holders: int = 1
    code: int = 0
    text: str = ""
    note: str = ""
    heard_at: float = 0.0
    is_cancelled: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_known_to_broker(self) -> bool:
        return self.code == 0 or rule_for(self.code).meaning is Meaning.COMPETING_SESSION

    def hear(self, now: float) -> None:
        self.heard_at = now
        self.changed.set()

    def refuse(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        self.changed.set()


class Lines:
    def __init__(self, link: Link, budget: int) -> None:
        self.budget = budget
        self.most_used = 0
        self.in_use = 0
        self.pulse = Pulse()
        self._link = link
        self._free = asyncio.Semaphore(budget)
        self._lines: dict[int, Line] = {}
        self._by_request: dict[int, Line] = {}
        self._opening = asyncio.Lock()
        self._data_type = 0
        self._closing: asyncio.Queue[Line] = asyncio.Queue()
        self._cancelled: deque[tuple[float, Line]] = deque(maxlen=budget)
        self._kept: dict[int, Line] = {}
        self._burst_ends_at = 0.0
        self._broken_farms: set[str] = set()

    @property
    def most_kept(self) -> int:
        return self.budget // 2

    @asynccontextmanager
    async def line(self, contract: Contract, data_type: int, *, fresh: bool = False) -> AsyncIterator[Line]:
        """A subscription of this contract; waits for a free line. Raises NotConnectedError.

        `fresh`: not a kept one that has been quiet. The broker tells a new subscription what holds now, even where
        nothing has traded for an hour; an old line cannot tell a quiet market from dead data.
        """
        if fresh:
            self._drop_quiet(contract)
        line = await self._share_or_open(contract, data_type)
        try:
            yield line
        finally:
            self._let_go(line)

    async def keep(self, contract: Contract, data_type: int, note: str = "") -> Line | None:
        """A lasting subscription, until `drop` or until a request needs the line: see `keeps`.

        None while no line can be spared. Raises NotConnectedError.
        """
        if not self._can_spare():
            return None
        line = self._lines.get(contract.conId)
        if line is None:
            line = await self._open_within_budget(contract, data_type)
        elif line.data_type == data_type and line.code == 0:
            line.holders += 1
        else:
            line = None
        if line is not None:
            line.note = note
            self._kept[contract.conId] = line
        return line

    def keeps(self, line: Line) -> bool:
        return self._kept.get(line.contract.conId) is line

    def kept(self, con_id: int) -> Line | None:
        """The kept line of a contract, if it delivers."""
        line = self._kept.get(con_id)
        return line if line is not None and line.code == 0 else None

    def kept_live(self) -> list[Contract]:
        """What the broker should be telling live prices of."""
        return [line.contract for line in self._kept.values() if line.code == 0 and line.data_type == LIVE]

    def drop(self, line: Line) -> None:
        if self.keeps(line):
            del self._kept[line.contract.conId]
            self._let_go(line)

    async def run(self) -> None:
        """Send the cancels, after whatever else wants to leave: only who waits for a free line is in a hurry for
        them, and then nothing else of that kind is in the way. A line counts as used until its cancel has left.
        """
        while True:
            line = await self._closing.get()
            again, line.is_cancelled = line.is_cancelled, True
            try:
                if line.ib is self._link.ib and line.is_known_to_broker:
                    await self._send_cancel(line)
            except NotConnectedError:
                pass
            finally:
                if not again:
                    self._give_back()

    async def _send_cancel(self, line: Line) -> None:
        while True:
            try:
                message = partial(cancel_subscription, request_id=line.request_id)
                await self._link.send(Priority.HISTORY, message)
                return self._cancelled.append((asyncio.get_running_loop().time(), line))
            except TurnDroppedError:
                # An emptied queue does not give the line back.
                continue

    def on_connected(self) -> None:
        """A new connection knows of no subscription and delivers live data."""
        self._data_type = LIVE
        self._broken_farms.clear()
        self._end_all(LINK_LOST, "The data link was lost.")

    def on_down(self) -> None:
        self._end_all(LINK_LOST, "The data link was lost.")

    def on_message(self, request_id: int, code: int, text: str) -> None:
        if code == DATA_LOST:
            self._end_all(code, text)
        if code == DATA_KEPT or self._mends_farm(code, text):
            loop = asyncio.get_running_loop()
            loop.call_later(SILENT_SECONDS, self._drop_silent, loop.time())
        if code == TOO_FAST:
            self._cancel_again()
        line = self._by_request.get(request_id)
        if line is not None and rule_for(code).meaning in REFUSALS:
            line.refuse(code, text)

    def _mends_farm(self, code: int, text: str) -> bool:
        """Was this farm broken until now? The broker tells after each login of many that they are well."""
        match rule_for(code).meaning:
            case Meaning.FARM_BROKEN:
                self._broken_farms.add(farm_of(code, text))
            case Meaning.FARM_OK if (farm := farm_of(code, text)) in self._broken_farms:
                self._broken_farms.remove(farm)
                return True
        return False

    def _drop_silent(self, since: float) -> None:
        """Whoever keeps it opens it anew."""
        for line in list(self._kept.values()):
            if line.heard_at < since and line.ib is self._link.ib:
                self.drop(line)

    def _drop_quiet(self, contract: Contract) -> None:
        line = self._kept.get(contract.conId)
        if line is not None and asyncio.get_running_loop().time() - line.heard_at > QUIET_SECONDS:
            self.drop(line)

    def _cancel_again(self) -> None:
        """A subscription that went on would take a line for ever. Cancelling what is cancelled does nothing."""
        suspect_from = asyncio.get_running_loop().time() - SUSPECT_SECONDS
        for at, line in self._cancelled:
            if at >= suspect_from:
                self._closing.put_nowait(line)
        self._cancelled.clear()

    def contract_of(self, request_id: int) -> int | None:
        line = self._by_request.get(request_id)
        return line.contract.conId if line is not None else None

    async def _share_or_open(self, contract: Contract, data_type: int) -> Line:
        while True:
            line = self._lines.get(contract.conId)
            if line is None:
                line = await self._open_within_budget(contract, data_type)
                if line is not None:
                    return line
            elif line.data_type == data_type and line.code == 0:
                line.holders += 1
                return line
            else:
                self.drop(line)
                await line.closed.wait()

    async def _open_within_budget(self, contract: Contract, data_type: int) -> Line | None:
        """None when somebody else opened one for this contract while we waited."""
        if self._free.locked():
            self._take_back()
        await self._free.acquire()
        self.in_use += 1
        self.most_used = max(self.most_used, self.in_use)
        line = None
        try:
            async with self._opening:
                if contract.conId not in self._lines:
                    line = await self._open(contract, data_type)
        finally:
            if line is None:
                self._give_back()
        return line

    async def _open(self, contract: Contract, data_type: int) -> Line:
        """The type counts for all later subscriptions of the connection, so both go together."""
        if self._data_type != data_type:
            await self._link.send(Priority.QUOTE, lambda ib: ib.reqMarketDataType(data_type))
            self._data_type = data_type
        return await self._link.send(Priority.QUOTE, lambda ib: self._subscribe(ib, contract, data_type))

    def _subscribe(self, ib: IB, contract: Contract, data_type: int) -> Line:
        ticker, request_id = subscribe(ib, contract)
        line = Line(contract, data_type, ib, ticker, request_id, asyncio.get_running_loop().time())
        # A young line has not been silent yet.
        line.heard_at = line.opened_at
        ticker.updateEvent.connect(lambda ticker: self._hear(line))
        self._lines[contract.conId] = self._by_request[request_id] = line
        return line

    def _hear(self, line: Line) -> None:
        now = asyncio.get_running_loop().time()
        line.hear(now)
        self.pulse.hear(line.contract.conId, now=now, opened_at=line.opened_at)

    def _let_go(self, line: Line) -> None:
        line.holders -= 1
        if line.holders:
            return
        self._by_request.pop(line.request_id, None)
        if self._lines.get(line.contract.conId) is line:
            del self._lines[line.contract.conId]
        forget_ticker(line.ib, line.ticker, line.request_id)
        line.closed.set()
        self._closing.put_nowait(line)

    def _can_spare(self) -> bool:
        in_burst = asyncio.get_running_loop().time() < self._burst_ends_at
        return len(self._kept) < self.most_kept and not in_burst and not self._free.locked()

    def _take_back(self) -> None:
        """A request has a deadline, a kept line has none: the last one kept that nobody else reads goes."""
        self._burst_ends_at = asyncio.get_running_loop().time() + BURST_SECONDS
        alone = (line for line in reversed(self._kept.values()) if line.holders == 1)
        line = next(alone, None)
        if line is not None:
            self.drop(line)

    def _give_back(self) -> None:
        self.in_use -= 1
        self._free.release()

    def _end_all(self, code: int, text: str) -> None:
        for line in self._by_request.values():
            line.refuse(code, text)
