"""Historical bars within IB's pacing rules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from ib_async import IB, BarData, Contract

from apps.broker.choices import Priority
from apps.broker.exceptions import AnswerError, PacingError
from apps.broker.gateway import parsing
from apps.broker.gateway.contracts import Contracts
from apps.broker.gateway.history_pacing import IDENTICAL_SECONDS, HistoryBudget, Question
from apps.broker.gateway.library import history_question
from apps.broker.gateway.link import Link
from apps.broker.gateway.sharing import Shared

ANSWER_SECONDS = 55.0
OPEN_AT_ONCE = 50

Bars = list[dict[str, Any]]


class History:
    def __init__(self, link: Link, contracts: Contracts) -> None:
        self._link = link
        self._contracts = contracts
        self._budget = HistoryBudget()
        self._shared: Shared[Bars] = Shared(IDENTICAL_SECONDS)
        self._open = asyncio.Semaphore(OPEN_AT_ONCE)

    async def answer(self, payload: Mapping[str, Any], priority: Priority, seconds: float) -> Bars:
        """Waits for its turn up to `seconds`; identical questions within 15 s get the same answer.

        Raises PacingError when the turn would come too late.
        """
        contract = await self._contracts.for_data(int(payload["con_id"]))
        what = str(payload.get("what") or "TRADES").upper()
        end = parse_end(payload.get("end"))
        wanted = (
            str(payload["duration"]),
            str(payload["bar_size"]),
            what,
            bool(payload.get("use_rth", True)),
        )
        line = (contract.conId, contract.exchange, what)
        question = Question(line, (*line, *wanted, end), weight=2 if what == "BID_ASK" else 1)

        async def work() -> Bars:
            async with self._open:
                await self._wait_for_turn(question, seconds)
                return await self._read(contract, end, wanted, priority)

        return (await self._shared.get(question.text, work)).value

    async def _read(
        self, contract: Contract, end: datetime | None, wanted: tuple[str, str, str, bool], priority: Priority
    ) -> Bars:
        duration, bar_size, what, use_rth = wanted
        request_ids: list[int] = []

        def ask(ib: IB) -> Any:
            request_id, future = history_question(
                ib, contract, end=end, duration=duration, bar_size=bar_size, what=what, use_rth=use_rth
            )
            request_ids.append(request_id)
            return future

        try:
            bars = await self._link.ask(priority, "", ask, timeout=ANSWER_SECONDS)
        except AnswerError as error:
            if not error.code:
                await self._link.send(priority, lambda ib: ib.client.cancelHistoricalData(request_ids[0]))
            raise
        return [bar_answer(bar) for bar in bars]

    async def _wait_for_turn(self, question: Question, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + seconds
        while wait := self._budget.wait(question, loop.time()):
            if loop.time() + wait > latest:
                raise PacingError(f"IB's history pacing allows this request in {wait:.0f} s: ask again then.")
            await asyncio.sleep(wait)
        self._budget.spend(question, loop.time())


def parse_end(value: object) -> datetime | None:
    """None means now. Raises AnswerError for anything but an ISO time with a zone."""
    if value in (None, ""):
        return None
    try:
        return parsing.utc(datetime.fromisoformat(str(value)))
    except ValueError:
        raise AnswerError(f"end={value!r} is not a time such as 2026-01-30T21:00:00+00:00.") from None


def bar_answer(bar: BarData) -> dict[str, Any]:
    """`start` is a day for daily and longer bars, else a UTC time; volume and count None where the broker has none."""
    number = parsing.decimal_text
    return {
        "start": bar_start(bar.date),
        "open": number(parsing.number(bar.open)),
        "high": number(parsing.number(bar.high)),
        "low": number(parsing.number(bar.low)),
        "close": number(parsing.number(bar.close)),
        "volume": number(stated(bar.volume)),
        "average": number(stated(bar.average)),
        "count": int(bar.barCount) if bar.barCount >= 0 else None,
    }


def stated(value: float) -> Any:
    """The broker says -1 where a kind of bar has no volume."""
    result = parsing.number(value)
    return result if result is not None and result >= 0 else None


def bar_start(value: date | datetime) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value.isoformat()
