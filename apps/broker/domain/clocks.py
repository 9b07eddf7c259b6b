"""How far the broker's clock is from ours, as far as its answer in whole seconds can tell."""

from __future__ import annotations

from datetime import datetime

# It may cut the second off or round it.
CUT_OFF, ROUNDED_UP = 1.0, 0.5


def certain_offset(told: datetime, *, before: datetime, after: datetime) -> float:
    """Seconds by which the broker's clock is certainly ahead (+) or behind (-); what the question took and the rounding
    could explain is no offset. Asked at `before`, answered at `after`, both by our clock.
    """
    at_least = (told - after).total_seconds() - ROUNDED_UP
    at_most = (told - before).total_seconds() + CUT_OFF
    return at_least if at_least > 0 else min(at_most, 0.0)
