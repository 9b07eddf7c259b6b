"""A feed that stands still while everything seems connected: the broker goes on delivering the prices it has kept.

Which lines a farm serves nobody tells, so the lines of one exchange calendar are judged together.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from ib_async import Contract

from apps.broker.domain.session import FeedJudged
from apps.broker.domain.trading_calendars import calendar_of
from apps.broker.exceptions import BrokerError
from apps.broker.gateway.contracts import Contracts
from apps.broker.gateway.lines import LIVE, Lines
from apps.broker.gateway.session_keeper import SessionKeeper
from tradeops.lib import clock, sessions

LOOK_SECONDS = 2.0
# Lines that together were heard every five seconds stay silent for so long by chance less than once in 100,000 times.
SILENT_FEED_SECONDS = 60.0
# One or two may be halted.
FEWEST_LINES = 3
ASK_AGAIN_SECONDS, HOLD_SECONDS = 15.0, 8.0


@dataclass(frozen=True, slots=True)
class Silence:
    contracts: tuple[Contract, ...]
    sentence: str


class SilenceWatch:
    """Only lines that ticked often are waited for: a market that never moved says nothing by standing still.

    A look at which too few lines are open says nothing either way. What is silent is asked for anew until it ticks.
    """

    def __init__(self, lines: Lines, contracts: Contracts, keeper: SessionKeeper) -> None:
        self._lines = lines
        self._contracts = contracts
        self._keeper = keeper
        self._quiet: defaultdict[str, float] = defaultdict(float)
        self._silent: dict[str, Silence] = {}
        self._looked_at = 0.0

    async def run(self) -> None:
        await asyncio.gather(self._look_for_ever(), self._ask_for_ever())

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._hear()
            if self._can_hear():
                await self._wait_for_lively()
            else:
                self._quiet.clear()
            sentence = " ".join(silence.sentence for _, silence in sorted(self._silent.items()))
            if sentence != self._keeper.facts.silent_feed:
                self._keeper.tell(FeedJudged(sentence))

    def _can_hear(self) -> bool:
        facts = self._keeper.facts
        return facts.broker_reachable and facts.synchronised and facts.data_up and not facts.competing

    def _hear(self) -> None:
        since, self._looked_at = self._looked_at, asyncio.get_running_loop().time()
        watched = self._by_calendar()
        for calendar in {*self._quiet, *self._silent}:
            contracts = [*watched.get(calendar, ())]
            if calendar in self._silent:
                contracts += self._silent[calendar].contracts
            if any(self._lines.pulse.last(contract.conId) >= since for contract in contracts):
                self._quiet.pop(calendar, None)
                self._silent.pop(calendar, None)

    async def _wait_for_lively(self) -> None:
        for calendar, contracts in self._by_calendar().items():
            lively = tuple(contract for contract in contracts if self._lines.pulse.is_lively(contract.conId))
            if len(lively) < FEWEST_LINES or calendar in self._silent:
                continue
            self._quiet[calendar] += LOOK_SECONDS
            if self._quiet[calendar] >= SILENT_FEED_SECONDS:
                if await is_open(calendar):
                    self._silent[calendar] = Silence(lively, sentence_for(len(lively), calendar))
                self._quiet.pop(calendar, None)

    def _by_calendar(self) -> dict[str, list[Contract]]:
        """Shares with a kept live line; funds that are traded like shares are shares to the broker."""
        found: defaultdict[str, list[Contract]] = defaultdict(list)
        for contract in self._lines.kept_live():
            row = self._contracts.described_before(contract.conId)
            if row is None or row.sec_type != "STK":
                continue
            calendar = calendar_of(
                sec_type=row.sec_type,
                primary_exchange=row.primary_exchange,
                exchange=row.exchange,
                currency=row.currency,
            )
            if calendar is not None:
                found[calendar].append(contract)
        return found

    # asking anew

    async def _ask_for_ever(self) -> None:
        """A subscription may have died alone; and what is no longer held has no line of its own to be heard on."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._silent or not self._can_hear():
                continue
            for calendar in list(self._silent):
                # A closed market is silent rightly.
                if not await is_open(calendar):
                    self._silent.pop(calendar, None)
            asked = [contract for silence in self._silent.values() for contract in silence.contracts[:FEWEST_LINES]]
            await asyncio.gather(*(self._ask(contract) for contract in asked))
            await asyncio.sleep(ASK_AGAIN_SECONDS - HOLD_SECONDS)

    async def _ask(self, contract: Contract) -> None:
        try:
            async with self._lines.line(contract, LIVE, fresh=True):
                await asyncio.sleep(HOLD_SECONDS)
        except BrokerError:
            return


async def is_open(calendar: str) -> bool:
    """Did the exchange trade all the while? In a thread: a calendar is built when it is first asked for."""
    return await asyncio.to_thread(_was_open, calendar)


def _was_open(calendar: str) -> bool:
    now = clock.now()
    try:
        return all(sessions.is_open(calendar, at) for at in (now - timedelta(seconds=SILENT_FEED_SECONDS), now))
    except sessions.UnknownCalendar:
        return False


def sentence_for(count: int, calendar: str) -> str:
    return f"No price has moved for {SILENT_FEED_SECONDS:.0f} s on {count} lines while {calendar} is open."
