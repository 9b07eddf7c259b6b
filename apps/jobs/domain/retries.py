from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta


def delay_before(attempt: int, delays: Sequence[int]) -> timedelta:
    """How long to wait before attempt `attempt` (1 is the first); the last delay holds for all further ones."""
    return timedelta(seconds=delays[min(attempt, len(delays)) - 1])
