"""Circuit breakers as whoever makes calls sees them. Who keeps the count (`apps.risk`) says so at start."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

ORDER_PLACEMENT = "order_placement"
MARKET_DATA = "market_data"
NOTICES = "notices"


class Keeper(Protocol):
    def objection(self, name: str, *, now: datetime | None = None) -> str:
        """Why no call may be made now; "" when one may. Who is admitted to a half-open breaker is its one probe."""

    def refused(self, prefix: str, *, now: datetime | None = None) -> set[str]:
        """The names that begin so and admit nobody just now."""

    def note(self, name: str, problem: str, *, now: datetime | None = None) -> None:
        """How a call ended; "" for a success."""


class _Nobody:
    def objection(self, name: str, *, now: datetime | None = None) -> str:
        return ""

    def refused(self, prefix: str, *, now: datetime | None = None) -> set[str]:
        return set()

    def note(self, name: str, problem: str, *, now: datetime | None = None) -> None:
        return None


_keeper: Keeper = _Nobody()


def keep(keeper: Keeper) -> None:
    global _keeper
    _keeper = keeper


def keeper() -> Keeper:
    return _keeper


def of_place(place: str) -> str:
    """The breaker of one place to which notices go: a dead one must not silence the others."""
    return f"{NOTICES}:{place}"
