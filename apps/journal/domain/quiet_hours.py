"""The hours in which only critical notices may wake people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` up to, not including, `end` by the clocks of `zone`; past midnight when `end` is not after it."""

    start: time
    end: time
    zone: str

    def ends_after(self, now: datetime) -> datetime | None:
        """When the quiet hours that `now` lies in end (UTC); None outside them.

        An end that the clocks skip in spring is the moment they skip to.
        """
        zone = ZoneInfo(self.zone)
        local = now.astimezone(zone)
        if not self._holds(local.time()):
            return None
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        return max(now, datetime.combine(day, self.end, zone).astimezone(UTC))

    def _holds(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return self.start != self.end and (at >= self.start or at < self.end)
