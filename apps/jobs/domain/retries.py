from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta


def delay_before(attempt: int, delays: Sequence[int]) -> timedelta:
    """How long to wait before attempt `attempt` (1 is the first); the last delay holds for all further ones."""
    return timedelta(seconds=delays[min(attempt, len(delays)) - 1])


def doubling_delays(attempts: int, base: int) -> tuple[int, ...]:
    """Seconds before each attempt: 0, base, 2 base, 4 base, ..."""
    return (0, *(base * 2**number for number in range(attempts - 1)))
