"""The breakers as people and machines see them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.risk.models import Breaker
from apps.risk.services.breakers import ALWAYS_THERE


@dataclass(frozen=True, slots=True)
class BreakerView:
    """`countdown_seconds`: until an open breaker lets its probe through; None while it is not open."""

    name: str
    state: str
    state_since: datetime | None
    failures: int
    failure_threshold: int
    recovery_seconds: int
    opened_at: datetime | None
    countdown_seconds: float | None
    times_opened: int
    last_failure_at: datetime | None
    last_failure: str
    last_success_at: datetime | None

    def as_row(self) -> dict[str, Any]:
        times = ("state_since", "opened_at", "last_failure_at", "last_success_at")
        row = asdict(self)
        return row | {name: row[name].isoformat() if row[name] else None for name in times}


def breaker_views(*, now: datetime) -> list[BreakerView]:
    """Every breaker of the registry, those that have never failed among them."""
    rows = {row.name: row for row in Breaker.objects.all()}
    missing = [Breaker(name=name, state_since=now) for name in ALWAYS_THERE if name not in rows]
    return [_view(row, now) for row in sorted([*rows.values(), *missing], key=lambda row: row.name)]


def _view(row: Breaker, now: datetime) -> BreakerView:
    return BreakerView(
        name=row.name,
        state=str(row.state),
        state_since=row.state_since if row.pk else None,
        failures=row.failures,
        failure_threshold=settings.BREAKER_FAILURES,
        recovery_seconds=settings.BREAKER_SECONDS,
        opened_at=row.opened_at,
        countdown_seconds=row.countdown(now),
        times_opened=row.times_opened,
        last_failure_at=row.last_failure_at,
        last_failure=row.last_failure,
        last_success_at=row.last_success_at,
    )
