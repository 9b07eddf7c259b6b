"""The nightly restart of TWS: a time of day in which a lost connection is expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RestartWindow:
    """From `starts_at` to `ends_at`, UTC, over midnight if need be; equal times mean: no window."""

    starts_at: time
    ends_at: time
    margin: timedelta = MARGIN

    def contains(self, now: datetime) -> bool:
        if self.starts_at == self.ends_at:
            return False
        return any(start - self.margin <= now < end + self.margin for start, end in self._around(now))

    def _around(self, now: datetime) -> list[tuple[datetime, datetime]]:
        days = [now.date() + timedelta(days=offset) for offset in (-1, 0, 1)]
        length = timedelta(days=self.ends_at < self.starts_at)
        return [
            (
                datetime.combine(day, self.starts_at, now.tzinfo),
                datetime.combine(day + length, self.ends_at, now.tzinfo),
            )
            for day in days
        ]
