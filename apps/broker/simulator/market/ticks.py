"""Single past prices and how often each one was traded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from ..types import Bar, HistoricalTick, RequestError
from .calendars import Venue, to_datetime
from .durations import Duration
from .series import Series
from .spans import Span, span_of, spans_back

MOST_TICKS = 1000


def ticks_after(venue: Venue, series: Series, start: float, now: float, count: int) -> list[HistoricalTick]:
    """One a second of regular hours, from a start on."""
    return [_tick(series, *moment) for moment in islice(_seconds_after(venue, start, now), min(count, MOST_TICKS))]


def ticks_before(venue: Venue, series: Series, end: float, count: int) -> list[HistoricalTick]:
    """One a second of regular hours, the last ones up to an end, oldest first."""
    ticks = [_tick(series, *moment) for moment in islice(_seconds_before(venue, end), min(count, MOST_TICKS))]
    return ticks[::-1]


def _tick(series: Series, span: Span, at: int) -> HistoricalTick:
    piece = series.stretch(span, at - 1, at)
    return HistoricalTick(to_datetime(at), piece.close, max(1, piece.volume), bid=piece.low, ask=piece.high)


def _seconds_after(venue: Venue, start: float, now: float) -> Iterator[tuple[Span, int]]:
    day = datetime.fromtimestamp(start, venue.zone).date()
    while (span := span_of(venue, day, use_rth=True)) is None or span.start <= now:
        if span:
            yield from ((span, at) for at in range(max(span.start + 1, int(start)), int(min(span.end, now)) + 1))
        day += timedelta(days=1)


def _seconds_before(venue: Venue, end: float) -> Iterator[tuple[Span, int]]:
    for span in reversed(spans_back(venue, end, Duration(5, "D"), use_rth=True)):
        yield from ((span, at) for at in range(int(min(span.end, end)), span.start, -1))


def price_histogram(bars: list[Bar], tick: float) -> list[tuple[float, int]]:
    counts: Counter[float] = Counter()
    for bar in bars:
        counts[round(round(bar.average / tick) * tick, 6)] += max(1, bar.volume)
    return sorted(counts.items())


def histogram_duration(period: str) -> str:
    """'3 days' as histogram requests write it, to a duration."""
    words = period.strip().lower().split()
    unit = words[1].rstrip("s")[:6] if len(words) == 2 else ""
    letter = {"second": "S", "day": "D", "week": "W", "month": "M", "year": "Y"}.get(unit)
    if letter is None or not words[0].isdigit():
        raise RequestError(321, f"Error validating request.-'bX' : cause - Histogram period '{period}' is invalid")
    return f"{words[0]} {letter}"
