"""Round numbers for the axis of a chart."""

from __future__ import annotations

import math


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Steps of 1, 2, 2.5 or 5 times a power of ten that reach from at most `low` to at least `high`.

    Equal bounds are moved apart first. At most `most` + 1 steps.
    """
    if high - low < 1e-12 * max(1.0, abs(low), abs(high)):
        room = abs(high) * 0.01 or 1.0
        low, high = low - room, high + room
    step = _step((high - low) / most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * (1 - 1e-9))
