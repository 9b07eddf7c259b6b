"""Bars of any size out of price stretches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import pairwise

from ..types import Bar
from .calendars import Venue, to_datetime
from .durations import DAY_SECONDS, MONTH_SECONDS
from .series import Series, Stretch
from .spans import Span, bar_edges, span_of

SHARES_A_TRADE = 110


def make_bars(
    venue: Venue, series: Series, spans: Iterable[Span], size: int, until: float, *, with_running: bool
) -> list[Bar]:
    """Bars that are complete by a moment, and the one that is not yet if asked for."""
    pieces = _bars_of_spans(venue, series, spans, size, until, with_running)
    return list(_merged(pieces, size) if size > DAY_SECONDS else pieces)


def _bars_of_spans(
    venue: Venue, series: Series, spans: Iterable[Span], size: int, until: float, with_running: bool
) -> Iterator[Bar]:
    for span in spans:
        edges = [span.start, span.end] if size >= DAY_SECONDS else bar_edges(span, size, venue)
        for start, stop in pairwise(edges):
            if start >= until or (stop > until and not with_running):
                break
            begins = span.midnight if size >= DAY_SECONDS else to_datetime(start)
            yield _bar(begins, series.stretch(span, start, min(stop, until)))


def _bar(start: datetime, piece: Stretch) -> Bar:
    if piece.volume < 0:
        return Bar(start, piece.open, piece.high, piece.low, piece.close, -1, -1.0, -1)
    average = round((piece.open + piece.high + piece.low + piece.close) / 4, 6)
    count = -(-piece.volume // SHARES_A_TRADE)
    return Bar(start, piece.open, piece.high, piece.low, piece.close, piece.volume, average, count)


def whole_periods(venue: Venue, spans: list[Span], size: int, use_rth: bool, *, with_running: bool) -> list[Span]:
    """For weeks and months: also the days before the first one, and no period that has not ended unless asked for."""
    if size <= DAY_SECONDS or not spans:
        return spans
    first = venue.previous_trading_day(spans[0].day)
    earlier = []
    while _period(first, size) == _period(spans[0].day, size):
        earlier.append(span_of(venue, first, use_rth))
        first = venue.previous_trading_day(first)
    whole = [*(span for span in reversed(earlier) if span), *spans]
    last = _period(whole[-1].day, size)
    if with_running or _period(venue.next_trading_day(whole[-1].day), size) != last:
        return whole
    return [span for span in whole if _period(span.day, size) != last]


def _merged(bars: Iterable[Bar], size: int) -> Iterator[Bar]:
    """Weeks or months of daily bars, dated by their last trading day."""
    group: list[Bar] = []
    for bar in bars:
        if group and _period(bar.start.date(), size) != _period(group[-1].start.date(), size):
            yield _merge(group)
            group = []
        group.append(bar)
    if group:
        yield _merge(group)


def _period(day: date, size: int) -> tuple[int, int]:
    if size == MONTH_SECONDS:
        return day.year, day.month
    year, week, _ = day.isocalendar()
    return year, week


def _merge(bars: list[Bar]) -> Bar:
    first, last = bars[0], bars[-1]
    high, low = max(bar.high for bar in bars), min(bar.low for bar in bars)
    volume = sum(bar.volume for bar in bars)
    if first.volume < 0:
        return Bar(last.start, first.open, high, low, last.close, -1, -1.0, -1)
    average = round(sum(bar.average * bar.volume for bar in bars) / volume, 6) if volume else last.average
    return Bar(last.start, first.open, high, low, last.close, volume, average, sum(bar.count for bar in bars))
