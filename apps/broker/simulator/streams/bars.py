"""Bars that grow: real time bars of five seconds, and the last bar of a history that is kept up to date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ..protocol import history
from ..protocol.system import Message
from ..types import Bar, Contract, Quote
from .prices import price_of
from .registry import Kind

if TYPE_CHECKING:
    from ..sessions.session import Session

REAL_TIME_SECONDS = 5
DAY_SECONDS = 86_400
SECONDS_BETWEEN_UPDATES = 1.0
SHARES_PER_TRADE = 120
NO_VOLUME = -1  # of bars that are not made of trades


class GrowingBar:
    """Collects quotes into bars of a width that divides the day."""

    def __init__(self, seconds: int, what: str, zone: str, bar: Bar | None = None) -> None:
        self._seconds = seconds
        self._what = what
        self._zone = ZoneInfo(zone)
        self._bar = bar
        self._day_volume: int | None = None

    def add(self, quote: Quote, now: datetime) -> tuple[Bar | None, Bar | None]:
        """The bar that has just been completed, if one has, and the present one."""
        price = price_of(quote, self._what)
        if price is None:
            return None, self._bar
        traded = self._traded(quote)
        start = self._start(now)
        done = None
        if self._bar is None or start > self._bar.start:
            done, self._bar = self._bar, self._opened(start, price)
        self._bar = _grown(self._bar, price, traded)
        return done, self._bar

    def _opened(self, start: datetime, price: float) -> Bar:
        if self._what == "TRADES":
            return Bar(start, price, price, price, price, 0, price, 0)
        return Bar(start, price, price, price, price, NO_VOLUME, NO_VOLUME, NO_VOLUME)

    def _start(self, now: datetime) -> datetime:
        if self._seconds < DAY_SECONDS:
            seconds = int(now.timestamp())
            return datetime.fromtimestamp(seconds - seconds % self._seconds, UTC)
        today = now.astimezone(self._zone).date()
        midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
        longer = self._seconds > DAY_SECONDS and self._bar is not None
        return self._bar.start if longer and self._bar else midnight

    def _traded(self, quote: Quote) -> int:
        before, self._day_volume = self._day_volume, quote.volume
        return max(0, quote.volume - before) if before is not None else 0


def _grown(bar: Bar, price: float, traded: int) -> Bar:
    grown = replace(bar, high=max(bar.high, price), low=min(bar.low, price), close=price)
    if bar.volume == NO_VOLUME or traded == 0:
        return grown
    volume = bar.volume + traded
    average = round((bar.average * bar.volume + price * traded) / volume, 6)
    return replace(grown, volume=volume, average=average, count=bar.count - (-traded // SHARES_PER_TRADE))


class RealTimeBars:
    kind = Kind.BARS

    def __init__(self, session: Session, request_id: int, contract: Contract, what: str) -> None:
        self.request_id = request_id
        self._market = session.gateway.market
        self._contract = contract
        self._growing = GrowingBar(REAL_TIME_SECONDS, what, contract.time_zone)

    def step(self, changed: frozenset[int]) -> Iterator[Message]:
        quote = self._market.quote(self._contract.con_id)
        done, _ = self._growing.add(quote, self._market.now())
        if done is not None:
            yield history.real_time_bar(self.request_id, done)


class HistoryUpdates:
    kind = Kind.HISTORY

    def __init__(
        self,
        session: Session,
        request_id: int,
        contract: Contract,
        what: str,
        bar_seconds: int,
        date_format: int,
        last: Bar,
    ) -> None:
        self.request_id = request_id
        self._gateway = session.gateway
        self._contract = contract
        self._daily = bar_seconds >= DAY_SECONDS
        self._date_format = date_format
        self._growing = GrowingBar(bar_seconds, what, contract.time_zone, last)
        self._told_at: datetime | None = None
        self._told: Bar = last

    def step(self, changed: frozenset[int]) -> Iterator[Message]:
        market = self._gateway.market
        now = market.now()
        done, bar = self._growing.add(market.quote(self._contract.con_id), now)
        if done is not None:
            yield self._update(done)
        if bar is None or bar == self._told or (done is None and not self._is_due(now)):
            return
        self._told_at, self._told = now, bar
        yield self._update(bar)

    def _update(self, bar: Bar) -> Message:
        date = history.bar_date(bar, self._daily, self._date_format, self._contract.time_zone)
        return history.historical_data_update(self.request_id, date, bar)

    def _is_due(self, now: datetime) -> bool:
        by_hand = self._gateway.settings.market.tick_interval <= 0
        waited = self._told_at is None or (now - self._told_at).total_seconds() >= SECONDS_BETWEEN_UPDATES
        return by_hand or waited
