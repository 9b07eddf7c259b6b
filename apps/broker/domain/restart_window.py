"""When a lost connection is expected: the nightly restart of TWS and IB's own server resets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

MARGIN = timedelta(minutes=5)
EVERY_DAY = frozenset(range(7))
SATURDAY, FRIDAY = 5, 4
NOT_SATURDAY = EVERY_DAY - {SATURDAY}


class Region(StrEnum):
    """Where the IB servers that the login was assigned to stand; NONE expects no server reset."""

    AMERICA = "AMERICA"
    EUROPE = "EUROPE"
    ASIA = "ASIA"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class RestartWindow:
    """From `starts_at` to `ends_at` on the clocks of `zone`, over midnight if need be, on the `weekdays` it starts.

    Equal times mean: no window.
    """

    starts_at: time
    ends_at: time
    zone: tzinfo = UTC
    weekdays: frozenset[int] = EVERY_DAY

    def contains(self, now: datetime) -> bool:
        return self.until(now) is not None

    def until(self, now: datetime) -> datetime | None:
        """When the window that holds `now` ends, with its margin; None where none does."""
        if self.starts_at == self.ends_at:
            return None
        ends = (end + MARGIN for start, end in self._around(now) if start - MARGIN <= now < end + MARGIN)
        return max(ends, default=None)

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """In UTC: two times of one zone would be compared by their clocks, which is wrong on the days these change."""
        today = now.astimezone(self.zone).date()
        for day in (today + timedelta(days=offset) for offset in (-1, 0, 1)):
            if day.weekday() in self.weekdays:
                last_day = day + timedelta(days=self.ends_at < self.starts_at)
                yield self._at(day, self.starts_at), self._at(last_day, self.ends_at)

    def _at(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


NEW_YORK, ZURICH, HONG_KONG = ZoneInfo("America/New_York"), ZoneInfo("Europe/Zurich"), ZoneInfo("Asia/Hong_Kong")
WEEKEND = RestartWindow(time(23, 0), time(3, 0), NEW_YORK, frozenset({FRIDAY}))
# IB's published reset schedule (system status page, "System Reset Schedule"), Sunday to Friday and the weekend.
SERVER_RESETS: dict[Region, tuple[RestartWindow, ...]] = {
    Region.AMERICA: (RestartWindow(time(0, 15), time(1, 45), NEW_YORK, NOT_SATURDAY), WEEKEND),
    Region.EUROPE: (RestartWindow(time(6, 25), time(7, 45), ZURICH, NOT_SATURDAY), WEEKEND),
    Region.ASIA: (
        RestartWindow(time(4, 45), time(6, 5), HONG_KONG, NOT_SATURDAY),
        RestartWindow(time(20, 15), time(21, 15), HONG_KONG, NOT_SATURDAY),
        WEEKEND,
    ),
    Region.NONE: (),
}


@dataclass(frozen=True, slots=True)
class RestartCalendar:
    """Every window in which losing the broker is no alarm."""

    windows: tuple[RestartWindow, ...]

    @classmethod
    def of(cls, region: Region, own: RestartWindow) -> RestartCalendar:
        """`own` is the auto restart set in TWS or IB Gateway itself."""
        return cls((own, *SERVER_RESETS[region]))

    def contains(self, now: datetime) -> bool:
        return self.until(now) is not None

    def until(self, now: datetime) -> datetime | None:
        """When the last of the windows that hold `now` ends, in UTC; None outside of all."""
        return max((end for window in self.windows if (end := window.until(now)) is not None), default=None)
