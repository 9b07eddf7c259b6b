"""Live prices of what is held: a market data line for each position, as far as lines can be spared.

The broker itself states prices every three minutes only. Whoever asks for a quote has a deadline and goes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.broker.choices import PriceSource
from apps.broker.domain.codes import Meaning, rule_for
from apps.broker.domain.position_value import StreamedPrice
from apps.broker.domain.prices import choose_price
from apps.broker.exceptions import BrokerError, NotConnectedError
from apps.broker.gateway.contracts import Contracts
from apps.broker.gateway.lines import DELAYED, LIVE, Line, Lines
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.price_board import PriceBoard
from apps.broker.gateway.quotes import PATIENCE_SECONDS, hint, quote_of
from apps.broker.gateway.rows import InstrumentRow

LOOK_SECONDS = 0.5
# No price is told more often than once a second, the first after a pause soon.
GLANCE_SECONDS, TELL_SECONDS = 0.1, 1.0
# A permission may be bought meanwhile.
ASK_LIVE_AGAIN_SECONDS = 300.0
PAUSES = {
    Meaning.NOT_ENTITLED: ASK_LIVE_AGAIN_SECONDS,
    Meaning.REQUEST: 600.0,
    Meaning.NO_LINES: 30.0,
    Meaning.COMPETING_SESSION: 15.0,
}
OTHER_PAUSE_SECONDS = 30.0
# A position must be worth so much more than one that has a line to take it over: no line changes hands every second.
TAKEOVER = Decimal("1.25")


@dataclass(slots=True)
class Held:
    line: Line
    instrument: InstrumentRow
    since: float
    seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """No live prices before `until`, and why."""

    until: float
    note: str


class PositionPrices:
    def __init__(
        self,
        lines: Lines,
        contracts: Contracts,
        board: PriceBoard,
        picture: Callable[[], Picture | None],
        may_open: Callable[[], bool],
    ) -> None:
        self._lines = lines
        self._contracts = contracts
        self._board = board
        self._picture = picture
        self._may_open = may_open
        self._held: dict[int, Held] = {}
        self._not_live: dict[int, Refused] = {}
        self._paused_until: dict[int, float] = {}

    async def run(self) -> None:
        await asyncio.gather(self._follow(), self._tell())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            wanted = self._wanted()
            self._let_go(besides=wanted)
            if self._may_open():
                await self._open(wanted)

    async def _tell(self) -> None:
        while True:
            picture = self._picture()
            moved = {con_id for con_id, held in self._held.items() if self._has_moved(con_id, held)}
            if picture is not None and moved:
                picture.reprice(moved)
            await asyncio.sleep(TELL_SECONDS if moved else GLANCE_SECONDS)

    # which

    def _wanted(self) -> list[int]:
        """Contracts of open positions, the most valuable first; as many as lines can be kept."""
        picture = self._picture()
        if picture is None or not picture.is_complete:
            return []
        worth: dict[int, Decimal] = {}
        for row in picture.held():
            con_id = row.instrument.con_id
            worth[con_id] = worth.get(con_id, Decimal(0)) + picture.base_value(row)
        now = self._now()
        able = [con_id for con_id in worth if self._paused_until.get(con_id, 0.0) <= now]
        able.sort(key=lambda con_id: worth[con_id] * (TAKEOVER if con_id in self._held else 1), reverse=True)
        return able[: self._lines.most_kept]

    # lines

    def _let_go(self, *, besides: list[int]) -> None:
        """What is not wanted any more, what was taken or refused, and what may be live by now."""
        now = self._now()
        for con_id, held in list(self._held.items()):
            self._learn(con_id, held.line)
            refused = self._not_live.get(con_id)
            ask_live = held.line.data_type != LIVE and (refused is None or refused.until <= now)
            if con_id not in besides or held.line.code or ask_live or not self._lines.keeps(held.line):
                self._lines.drop(held.line)
                del self._held[con_id]

    def _learn(self, con_id: int, line: Line) -> None:
        """From what the broker said instead of prices. A lost link says nothing about the contract."""
        if line.code <= 0:
            return
        meaning = rule_for(line.code).meaning
        if meaning is Meaning.NOT_ENTITLED and line.data_type == LIVE:
            self._not_live[con_id] = Refused(self._now() + ASK_LIVE_AGAIN_SECONDS, hint(line.contract, line))
        elif meaning in PAUSES:
            self._paused_until[con_id] = self._now() + PAUSES[meaning]

    async def _open(self, wanted: list[int]) -> None:
        for con_id in wanted:
            if con_id in self._held:
                continue
            try:
                await self._hold(con_id)
            except NotConnectedError:
                return
            except BrokerError:
                self._paused_until[con_id] = self._now() + OTHER_PAUSE_SECONDS

    async def _hold(self, con_id: int) -> None:
        instrument = await self._contracts.described(con_id)
        contract = await self._contracts.for_data(con_id)
        refused = self._not_live.get(con_id)
        if refused is None or refused.until <= self._now():
            line = await self._lines.keep(contract, LIVE)
        else:
            line = await self._lines.keep(contract, DELAYED, refused.note)
        if line is not None:
            self._held[con_id] = Held(line, instrument, self._now())

    # prices

    def _has_moved(self, con_id: int, held: Held) -> bool:
        at = held.line.ticker.time
        if held.line.code or at is None or at == held.seen or not self._lines.keeps(held.line):
            return False
        quote = quote_of(held.line)
        chosen = choose_price([quote])
        if chosen is None or quote.at is None:
            return False
        if chosen.source is PriceSource.CLOSE and self._now() - held.since < PATIENCE_SECONDS:
            # The first values come in any order.
            return False
        held.seen = at
        row = held.instrument
        return self._board.put(
            con_id, StreamedPrice(chosen.price, chosen.source, quote.at, row.multiplier, row.price_magnifier)
        )

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
