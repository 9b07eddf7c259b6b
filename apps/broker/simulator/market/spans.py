"""Which stretches of trading time a history request covers, and where its bars begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ..types import Session
from .calendars import Venue, to_datetime
from .durations import Duration
from .factors import ANCHOR_DAY

_DAY = timedelta(days=1)
FIRST_DAY = date(1970, 1, 1) + timedelta(days=ANCHOR_DAY + 3)


@dataclass(frozen=True, slots=True)
class Span:
    """One trading day's hours in epoch seconds."""

    start: int
    end: int
    day: date

    @property
    def midnight(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)


def span_of(venue: Venue, day: date, use_rth: bool) -> Span | None:
    """None when the venue does not trade on that day."""
    open_segments = [s for s in venue.segments(day) if s.kind == "regular" or (s.kind == "extended" and not use_rth)]
    return Span(open_segments[0].start, open_segments[-1].end, day) if open_segments else None


def spans_back(venue: Venue, end: float, duration: Duration, use_rth: bool) -> list[Span]:
    """Oldest first; the last one contains the end or closed before it."""
    day = datetime.fromtimestamp(end, venue.zone).date() + _DAY
    spans: list[Span] = []
    covered = 0.0
    while day >= FIRST_DAY:
        span = span_of(venue, day, use_rth)
        day -= _DAY
        if span is None or span.start >= end:
            continue
        if _is_enough(spans, span, covered, duration):
            break
        covered += min(end, span.end) - span.start
        spans.append(span)
    spans.reverse()
    return _cut(spans, covered - duration.seconds) if duration.unit == "S" else spans


def bar_edges(span: Span, size: int, venue: Venue) -> list[int]:
    """Bars begin at round times of the exchange's clock; the first one with the span."""
    local = datetime.fromtimestamp(span.start, venue.zone)
    since_midnight = local.hour * 3600 + local.minute * 60 + local.second
    first = span.start + size - since_midnight % size
    return [span.start, *range(first, span.end, size), span.end]


def sessions_between(venue: Venue, start: datetime, end: datetime) -> list[Session]:
    day, last = start.astimezone(venue.zone).date(), end.astimezone(venue.zone).date() + _DAY
    sessions = []
    while day <= last:
        span = span_of(venue, day, use_rth=True)
        if span and span.end > start.timestamp() and span.start < end.timestamp():
            sessions.append(Session(to_datetime(span.start), to_datetime(span.end), f"{day:%Y%m%d}"))
        day += _DAY
    return sessions


def hours_text(venue: Venue, first: date, days: int, use_rth: bool) -> str:
    """As in contract details: 20261120:0930-20261120:1600;20261121:CLOSED"""
    return ";".join(_day_text(venue, first + n * _DAY, use_rth) for n in range(days))


def _day_text(venue: Venue, day: date, use_rth: bool) -> str:
    span = span_of(venue, day, use_rth)
    if span is None:
        return f"{day:%Y%m%d}:CLOSED"
    opens, closes = (datetime.fromtimestamp(at, venue.zone) for at in (span.start, span.end))
    return f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}"


def _is_enough(spans: list[Span], candidate: Span, covered: float, duration: Duration) -> bool:
    if duration.unit == "S":
        return covered >= duration.count
    if duration.unit == "D":
        return len(spans) == duration.count
    return bool(spans) and candidate.day < duration.first_day(spans[0].day)


def _cut(spans: list[Span], surplus: float) -> list[Span]:
    """Leave out the oldest seconds."""
    if not spans or surplus <= 0:
        return spans
    first = spans[0]
    return [Span(first.start + int(surplus), first.end, first.day), *spans[1:]]
