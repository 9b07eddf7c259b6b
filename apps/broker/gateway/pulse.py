"""When each contract's price was last heard to move, and whether it usually moves often."""

from __future__ import annotations

from collections import deque

# A new subscription delivers at once what the broker has kept, also where nothing reaches the broker any more.
FIRST_VALUES_SECONDS = 2.0
# Twenty ticks within five minutes: three such contracts are heard every five seconds together.
LIVELY_TICKS, LIVELY_SECONDS = 20, 300.0


class Pulse:
    """Times are the event loop's, in seconds. It outlives connections: a new one proves nothing about the prices."""

    def __init__(self) -> None:
        self._heard: dict[int, deque[float]] = {}

    def hear(self, con_id: int, *, now: float, opened_at: float) -> None:
        if now - opened_at > FIRST_VALUES_SECONDS:
            self._heard.setdefault(con_id, deque(maxlen=LIVELY_TICKS)).append(now)

    def last(self, con_id: int) -> float:
        """0 before the first."""
        heard = self._heard.get(con_id)
        return heard[-1] if heard else 0.0

    def is_lively(self, con_id: int) -> bool:
        """Did it tick often, until it was last heard?"""
        heard = self._heard.get(con_id)
        return heard is not None and len(heard) == LIVELY_TICKS and heard[-1] - heard[0] <= LIVELY_SECONDS
