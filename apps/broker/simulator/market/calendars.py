"""Trading days, holidays, half days and sessions of the simulated venues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from .holidays import is_uk_half_day, is_uk_holiday, is_us_half_day, is_us_holiday

_DAY = timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one venue's time in epoch seconds; `kind` is regular, extended or closed."""

    start: int
    end: int
    kind: str
    day: date  # the trading day it belongs to, or the calendar day when closed


def _to_epoch(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).timestamp())


class Venue:
    """Sessions of one exchange. A venue's day runs from its first boundary to that of the next day."""

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        hours: tuple[time, time],
        is_holiday: Callable[[date], bool],
        *,
        half_day: Callable[[date], bool] = lambda _: False,
        half_day_close: time = time(13),
        extended: tuple[time, time] | None = None,
        opens_evening_before: bool = False,
    ) -> None:
        self.name = name
        self.zone = zone
        self._hours = hours
        self._is_holiday = is_holiday
        self._half_day = half_day
        self._half_day_close = half_day_close
        self._extended = extended
        self._opens_before = opens_evening_before
        self._cached: dict[date, tuple[Segment, ...]] = {}

    def is_trading_day(self, day: date) -> bool:
        return day.weekday() < 5 and not self._is_holiday(day)

    def regular(self, day: date) -> Segment | None:
        return next((segment for segment in self.segments(day) if segment.kind == "regular"), None)

    def regular_close(self, day: date) -> int:
        """Of a trading day."""
        return next(segment.end for segment in self.segments(day) if segment.kind == "regular")

    def segments(self, day: date) -> tuple[Segment, ...]:
        """Everything from the first boundary of a day to that of the next, without gaps."""
        found = self._cached.get(day)
        if found is None:
            if len(self._cached) > 4000:
                self._cached.clear()
            found = self._cached[day] = tuple(self._make_segments(day))
        return found

    def segment_at(self, at: float) -> Segment:
        day = datetime.fromtimestamp(at, self.zone).date()
        for candidate in (day, day - _DAY, day + _DAY):
            for segment in self.segments(candidate):
                if segment.start <= at < segment.end:
                    return segment
        raise AssertionError(f"{self.name} has a hole in its calendar at {at}")

    def day_at(self, at: float) -> date:
        """The venue's day that contains a moment, trading day or not."""
        return self.segment_at(at).day

    def latest_trading_day(self, at: float) -> date:
        """The trading day whose regular session opened last, at a moment."""
        day = datetime.fromtimestamp(at, self.zone).date() + _DAY
        while (regular := self.regular(day)) is None or regular.start > at:
            day -= _DAY
        return day

    def previous_trading_day(self, day: date) -> date:
        day -= _DAY
        while not self.is_trading_day(day):
            day -= _DAY
        return day

    def next_trading_day(self, day: date) -> date:
        day += _DAY
        while not self.is_trading_day(day):
            day += _DAY
        return day

    def _first_boundary(self, day: date) -> int:
        if self._opens_before:
            return _to_epoch(day - _DAY, self._hours[0], self.zone)
        return _to_epoch(day, self._extended[0] if self._extended else self._hours[0], self.zone)

    def _make_segments(self, day: date) -> list[Segment]:
        first, last = self._first_boundary(day), self._first_boundary(day + _DAY)
        if not self.is_trading_day(day):
            return [Segment(first, last, "closed", day)]
        edges = self._trading_edges(day, first)
        spans = zip(edges, [*edges[1:], (last, "")], strict=True)
        return [Segment(start, end, kind, day) for (start, kind), (end, _) in spans if end > start]

    def _trading_edges(self, day: date, first: int) -> list[tuple[int, str]]:
        half = self._half_day(day)
        opens = first if self._opens_before else _to_epoch(day, self._hours[0], self.zone)
        closes = _to_epoch(day, self._half_day_close if half else self._hours[1], self.zone)
        if self._extended is None:
            return [(opens, "regular"), (closes, "closed")]
        evening = _to_epoch(day, time(17) if half else self._extended[1], self.zone)
        return [(first, "extended"), (opens, "regular"), (closes, "extended"), (evening, "closed")]


def _is_currency_holiday(day: date) -> bool:
    return (day.month, day.day) in {(1, 1), (12, 25)}


@lru_cache(maxsize=1)
def venues() -> dict[str, Venue]:
    us_days = (time(9, 30), time(16))
    return {
        "US": Venue("US", NEW_YORK, us_days, is_us_holiday, half_day=is_us_half_day, extended=(time(4), time(20))),
        "INDEX": Venue("INDEX", NEW_YORK, us_days, is_us_holiday, half_day=is_us_half_day),
        "LSE": Venue(
            "LSE", LONDON, (time(8), time(16, 30)), is_uk_holiday, half_day=is_uk_half_day, half_day_close=time(12, 30)
        ),
        "FX": Venue("FX", NEW_YORK, (time(17), time(17)), _is_currency_holiday, opens_evening_before=True),
    }


def to_datetime(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
