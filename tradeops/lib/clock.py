"""The clock: aware UTC, nothing else."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def age_seconds(at: datetime | None, *, now: datetime) -> float | None:
    """Seconds from `at` to `now`; None when `at` is unknown, 0 when it lies ahead by clock jitter."""
    return None if at is None else max(0.0, (now - at).total_seconds())
