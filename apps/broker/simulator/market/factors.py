"""The hidden drivers of all prices: market, sectors, single names, volatility, currencies.

A factor is a slowly mean-reverting walk with one shock a calendar day (small at weekends), bridged to half-hour nodes.
It is a pure function of seed and time, so that history, live prices and a restarted simulator always agree.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import accumulate
from math import exp, sqrt
from operator import mul

from .noise import Noise

NODE_SECONDS = 1800
NODES_A_DAY = 48
ANCHOR_DAY = 18_628  # 2021-01-01 in days since 1970: no price exists before
REFERENCE_DAY = 20_454  # 2026-01-01: the catalogue's price levels hold around here
WEEKEND_SCALE = 0.4
_CACHED_DAYS = 1200
_CACHED_OWN_DAYS = 30  # one line's history is remembered as such, its factor need not be


def _half_hour_variances() -> list[float]:
    quiet, london, new_york = 0.3, 0.9, 2.2
    return [quiet if n < 14 else london if n < 27 else new_york if n < 42 else quiet for n in range(NODES_A_DAY)]


_VARIANCES = [value / sum(_half_hour_variances()) for value in _half_hour_variances()]
HALF_HOUR_SCALES = [sqrt(value) for value in _VARIANCES]  # share of a day's deviation that falls into each half hour
_SHARES = list(accumulate(_VARIANCES))


class Factor:
    """`scale` is the deviation of a weekday's shock, constant or by day number; `persistence` the daily carry-over."""

    def __init__(
        self,
        noise: Noise,
        name: str,
        scale: float | Callable[[int], float],
        persistence: float,
        cached_days: int = _CACHED_DAYS,
    ) -> None:
        self._noise = noise
        self.key = noise.key(name)
        self._scale = scale
        self._persistence = persistence
        self._cached_days = cached_days
        self._levels = [0.0]
        self._scales: list[float] = []
        self._nodes: dict[int, array[float]] = {}

    def level(self, day: int) -> float:
        """At midnight UTC of a day number."""
        index = max(0, day - ANCHOR_DAY)
        while len(self._levels) <= index:
            self._append_day()
        return self._levels[index]

    def nodes(self, day: int) -> array[float]:
        """The 48 half-hourly values of a day, from midnight UTC."""
        found = self._nodes.get(day)
        if found is None:
            if len(self._nodes) >= self._cached_days:
                self._nodes.clear()
            found = self._nodes[day] = self._make_nodes(day)
        return found

    def _append_day(self) -> None:
        day = ANCHOR_DAY + len(self._scales)
        scale = self._scale if isinstance(self._scale, float) else self._scale(day)
        self._scales.append(scale)
        self._levels.append(self._persistence * self._levels[-1] + scale * self._shock(day))

    def _shock(self, day: int) -> float:
        return self._noise.one(self.key, day) * (WEEKEND_SCALE if is_weekend(day) else 1.0)

    def _make_nodes(self, day: int) -> array[float]:
        if day < ANCHOR_DAY:
            return array("d", [0.0] * NODES_A_DAY)
        start, end = self.level(day), self.level(day + 1)
        scale = self._scales[day - ANCHOR_DAY]
        shock = scale * self._shock(day)
        decay = (end - start - shock) / NODES_A_DAY
        if is_weekend(day):
            scale *= WEEKEND_SCALE
        walk = list(accumulate(map(mul, self._noise.slice(self.key, day + 1_000_000, NODES_A_DAY), HALF_HOUR_SCALES)))
        gap = shock - scale * walk[-1]
        inner = [start + decay * n + scale * walk[n - 1] + gap * _SHARES[n - 1] for n in range(1, NODES_A_DAY)]
        return array("d", [start, *inner])


def is_weekend(day: int) -> bool:
    return (day + 3) % 7 >= 5


class Factors:
    """All factors of one market. Volatility reacts against the market and feeds back into the size of its moves."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise
        self._factors: dict[str, Factor] = {}
        self.fear = Factor(noise, "market", -0.062, 0.965)
        self.volatility = Factor(noise, "volatility", 0.03, 0.93)
        self.market = Factor(noise, "market", self._market_scale, exp(-1 / 800))

    def named(self, name: str, annual_volatility: float, persistence: float = exp(-1 / 700)) -> Factor:
        found = self._factors.get(name)
        if found is None:
            days = _CACHED_DAYS if name.startswith("sector:") else _CACHED_OWN_DAYS
            found = self._factors[name] = Factor(self._noise, name, annual_volatility / 16.3, persistence, days)
        return found

    def _market_scale(self, day: int) -> float:
        return 0.0088 * exp(0.5 * (self.fear.level(day) + self.volatility.level(day)))
