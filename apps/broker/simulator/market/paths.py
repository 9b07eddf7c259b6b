"""The log price of one line at any second, refined from half-hour nodes to minutes to seconds.

Every level respects the one above: a segment's extremes are fixed first and its seconds are fitted between them, so
that a daily bar costs a few additions and still equals the sum of its intraday bars exactly.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import sqrt
from typing import Any

from .calendars import Segment, Venue
from .factors import HALF_HOUR_SCALES, NODE_SECONDS, NODES_A_DAY, REFERENCE_DAY, Factor
from .noise import Noise, pick

Ohlc = tuple[float, float, float, float]
_YEAR_SECONDS = 365.25 * 86400
_CACHED_SEGMENTS = 1500
_CACHED_SLOTS = 150
_CACHED_MINUTES = 240


@dataclass(frozen=True, slots=True)
class SegmentPath:
    first_node: int
    nodes: array[float]
    high: float
    low: float
    high_slot: int
    low_slot: int

    @property
    def ohlc(self) -> Ohlc:
        return self.nodes[0], self.high, self.low, self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Minutes:
    """One half hour: 31 points and the extremes of the 30 minutes between them."""

    points: list[float]
    highs: list[float]
    lows: list[float]


class Path:
    """`terms` are the factors and their weights, `daily_deviation` the size of a normal day's move."""

    def __init__(
        self,
        noise: Noise,
        venue: Venue,
        *,
        name: str,
        level: float,
        annual_drift: float,
        terms: Sequence[tuple[Factor, float]],
        daily_deviation: float,
        market_key: int,
        market_correlation: float,
    ) -> None:
        self.venue = venue
        self._noise = noise
        self._key = noise.key("path:" + name)
        self._level = level
        self._drift = annual_drift * NODE_SECONDS / _YEAR_SECONDS
        self._terms = terms
        self._deviation = daily_deviation
        self._market_key = market_key
        self._market_part = market_correlation
        self._own_part = sqrt(max(0.0, 1 - market_correlation**2))
        self._segments: dict[int, SegmentPath] = {}
        self._slots: dict[int, Minutes] = {}
        self._minutes: dict[int, list[float]] = {}
        self._segment = Segment(0, 0, "closed", venue.day_at(0))

    def value(self, at: float) -> float:
        minute = int(at // 60)
        points = self._minutes.get(minute)
        if points is None:
            if not at % NODE_SECONDS:
                return self._nodes(int(at) // NODE_SECONDS, int(at) // NODE_SECONDS)[0]
            if not at % 60:
                return self._slot(minute // 30).points[minute % 30]
            points = self._seconds(minute)
        second = at - 60 * minute
        whole = int(second)
        left = points[whole]
        return left if second == whole else left + (points[whole + 1] - left) * (second - whole)

    def segment_path(self, segment: Segment) -> SegmentPath:
        found = self._segments.get(segment.start)
        if found is None:
            _trim(self._segments, _CACHED_SEGMENTS)
            found = self._segments[segment.start] = self._make_segment(segment)
        return found

    def ohlc(self, start: float, end: float) -> Ohlc:
        """Over a closed stretch of time; equal to the union of the stretches it is made of."""
        segment = self._segment_at(start)
        if segment.start == start and segment.end == end:
            return self.segment_path(segment).ohlc
        first, last = self.value(start), self.value(end)
        high, low = max(first, last), min(first, last)
        at = start
        while at < end:
            upper, lower, at = self._next_stretch(at, end)
            high, low = max(high, upper), min(low, lower)
        return first, high, low, last

    def _next_stretch(self, at: float, end: float) -> tuple[float, float, float]:
        if not at % NODE_SECONDS and at + NODE_SECONDS <= end:
            segment = self._segment_at(at)
            if segment.start == at and segment.end <= end:
                path = self.segment_path(segment)
                return path.high, path.low, segment.end
            slot = self._slot(int(at) // NODE_SECONDS)
            return max(slot.highs), min(slot.lows), at + NODE_SECONDS
        minute = int(at // 60)
        if not at % 60 and at + 60 <= end:
            slot = self._slot(minute // 30)
            return slot.highs[minute % 30], slot.lows[minute % 30], at + 60
        stop = min(end, 60.0 * (minute + 1))
        points = self._seconds(minute)[int(at % 60) + 1 : int(stop - 60 * minute) + 1] or [self.value(at)]
        return max(points), min(points), stop

    def _segment_at(self, at: float) -> Segment:
        if not self._segment.start <= at < self._segment.end:
            self._segment = self.venue.segment_at(at)
        return self._segment

    def _nodes(self, first: int, last: int) -> list[float]:
        nodes: list[float] = []
        for day in range(first // NODES_A_DAY, last // NODES_A_DAY + 1):
            start = max(first - day * NODES_A_DAY, 0)
            stop = min(last - day * NODES_A_DAY + 1, NODES_A_DAY)
            offset = day * NODES_A_DAY - REFERENCE_DAY * NODES_A_DAY
            values = [self._level + self._drift * (offset + n) for n in range(start, stop)]
            for factor, weight in self._terms:
                part = factor.nodes(day)[start:stop]
                values = [value + weight * x for value, x in zip(values, part, strict=True)]
            nodes += values
        return nodes

    def _make_segment(self, segment: Segment) -> SegmentPath:
        first = segment.start // NODE_SECONDS
        nodes = self._nodes(first, segment.end // NODE_SECONDS)
        top, bottom = max(nodes), min(nodes)
        reach = 0.6 * self._deviation * HALF_HOUR_SCALES[(first + len(nodes) // 2) % NODES_A_DAY]
        up, down = self._noise.slice(self._key, first, 2)
        last = len(nodes) - 2
        return SegmentPath(
            first,
            array("d", nodes),
            top + reach * abs(up),
            bottom - reach * abs(down),
            first + min(nodes.index(top), last),
            first + min(nodes.index(bottom), last),
        )

    def _slot(self, slot: int) -> Minutes:
        found = self._slots.get(slot)
        if found is None:
            _trim(self._slots, _CACHED_SLOTS)
            found = self._slots[slot] = self._make_slot(slot)
        return found

    def _make_slot(self, slot: int) -> Minutes:
        path = self.segment_path(self._segment_at(slot * NODE_SECONDS))
        offset = slot - path.first_node
        pins = [(0, path.nodes[offset]), (30, path.nodes[offset + 1])]
        if slot == path.high_slot:  # odd minutes for highs, even ones for lows: they never collide
            pins.append((1 + 2 * pick(self._key, slot, 15), path.high))
        if slot == path.low_slot:
            pins.append((2 + 2 * pick(self._key, slot, 14), path.low))
        deviation = self._deviation * HALF_HOUR_SCALES[slot % NODES_A_DAY] / sqrt(30)
        points = fit_walk(self._steps(slot, 30, deviation), sorted(pins), path.low, path.high)
        wicks = self._noise.slice(self._key ^ 1, slot, 60)
        reach = 0.4 * deviation
        spans = zip(pairwise(points), wicks[:30], wicks[30:], strict=True)
        extremes = [(max(a, b) + reach * abs(u), min(a, b) - reach * abs(d)) for (a, b), u, d in spans]
        return Minutes(
            points, [min(high, path.high) for high, _ in extremes], [max(low, path.low) for _, low in extremes]
        )

    def _seconds(self, minute: int) -> list[float]:
        found = self._minutes.get(minute)
        if found is None:
            _trim(self._minutes, _CACHED_MINUTES)
            found = self._minutes[minute] = self._make_seconds(minute)
        return found

    def _make_seconds(self, minute: int) -> list[float]:
        slot, n = self._slot(minute // 30), minute % 30
        high, low = slot.highs[n], slot.lows[n]
        pins = [
            (0, slot.points[n]),
            (1 + 2 * pick(self._key, minute, 30), high),
            (2 + 2 * pick(self._key ^ 1, minute, 29), low),
            (60, slot.points[n + 1]),
        ]
        deviation = self._deviation * HALF_HOUR_SCALES[minute // 30 % NODES_A_DAY] / sqrt(1800)
        return fit_walk(self._steps(minute, 60, deviation), sorted(pins), low, high)

    def _steps(self, index: int, count: int, deviation: float) -> list[float]:
        """Moves that share the market's noise as far as the line is correlated with it."""
        common, own = deviation * self._market_part, deviation * self._own_part
        shared = self._noise.slice(self._market_key, index, count)
        private = self._noise.slice(self._key ^ 2, index, count)
        return [common * a + own * b for a, b in zip(shared, private, strict=True)]


def fit_walk(steps: Sequence[float], pins: Sequence[tuple[int, float]], low: float, high: float) -> list[float]:
    """A walk with these steps bent to pass through the pins and reflected at its bounds."""
    walk = list(accumulate(steps, initial=0.0))
    for (i, left), (j, right) in pairwise(pins):
        base = left - walk[i]
        slope = (right - walk[j] - base) / (j - i)
        for k in range(i + 1, j):
            value = walk[k] + base + slope * (k - i)
            value = 2 * high - value if value > high else 2 * low - value if value < low else value
            walk[k] = min(max(value, low), high)
        walk[i] = left  # the right pin keeps its raw value until its own turn: it bends the next stretch
    walk[pins[-1][0]] = pins[-1][1]
    return walk


def _trim(cache: dict[int, Any], size: int) -> None:
    if len(cache) > size:
        cache.clear()
