"""How many shares have traded: a running total that depends on time only, so that bars of any size add up."""

from __future__ import annotations

from itertools import accumulate
from math import exp, floor

from .calendars import Segment, Venue
from .factors import NODE_SECONDS
from .noise import Noise

_SHARE_OF_DAY = {"regular": 1.0, "extended": 0.03, "closed": 0.01}
_CACHED = 600
_MINUTES_A_NODE = NODE_SECONDS // 60


class VolumePath:
    def __init__(self, noise: Noise, venue: Venue, name: str, average: int) -> None:
        self._noise = noise
        self._venue = venue
        self._key = noise.key("volume:" + name)
        self._average = average
        self._cached: dict[int, list[float]] = {}

    def between(self, start: float, end: float) -> int:
        """Shares traded from start to end, both inside or at the edges of one or more segments."""
        if not self._average:
            return 0
        total, at = 0, start
        while at < end:
            segment = self._venue.segment_at(at)
            stop = min(end, segment.end)
            total += floor(self._traded(segment, stop)) - floor(self._traded(segment, at))
            at = stop
        return total

    def _traded(self, segment: Segment, at: float) -> float:
        slots = self._slots(segment)
        if at >= segment.end:
            return slots[-1]
        elapsed = at - segment.start
        slot = int(elapsed // NODE_SECONDS)
        part = self._part_of_slot(segment.start // NODE_SECONDS + slot, elapsed % NODE_SECONDS)
        return slots[slot] + (slots[slot + 1] - slots[slot]) * part

    def _slots(self, segment: Segment) -> list[float]:
        """Running totals at the segment's half hours: busy at both ends."""
        found = self._cached.get(segment.start)
        if found is None:
            if len(self._cached) > _CACHED:
                self._cached.clear()
            found = self._cached[segment.start] = self._make_slots(segment)
        return found

    def _make_slots(self, segment: Segment) -> list[float]:
        first = segment.start // NODE_SECONDS
        count = (segment.end - segment.start) // NODE_SECONDS
        total = self._average * _SHARE_OF_DAY[segment.kind] * exp(0.28 * self._noise.one(self._key, first))
        bumps = self._noise.slice(self._key ^ 1, first, count)
        smile = 1.4 if segment.kind == "regular" else 0.0
        weights = [
            (1 + smile * (2 * (n + 0.5) / count - 1) ** 2) * max(0.1, 1 + 0.2 * bump) for n, bump in enumerate(bumps)
        ]
        scale = total / sum(weights)
        return [scale * share for share in accumulate(weights, initial=0.0)]

    def _part_of_slot(self, slot: int, second: float) -> float:
        if not second:
            return 0.0
        minutes = self._minutes(slot)
        minute = int(second // 60)
        return minutes[minute] + (minutes[minute + 1] - minutes[minute]) * (second % 60) / 60

    def _minutes(self, slot: int) -> list[float]:
        found = self._cached.get(-slot)
        if found is None:
            if len(self._cached) > _CACHED:
                self._cached.clear()
            weights = [exp(0.5 * bump) for bump in self._noise.slice(self._key ^ 2, slot, _MINUTES_A_NODE)]
            whole = sum(weights)
            found = self._cached[-slot] = [share / whole for share in accumulate(weights, initial=0.0)]
        return found
