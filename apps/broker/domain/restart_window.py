"""When a lost connection is expected: the nightly restart of TWS and IB's own server resets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

MARGIN = timedelta(minutes=5)
# No window is rarer than one a week, nor longer than a day.
DAYS_BACK = 9
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
        return self.around(now) is not None

    def around(self, now: datetime) -> tuple[datetime, datetime] | None:
        """When the window that contains this moment begins and ends, its margins included; None outside."""
        return self.overlapping(now, now)

    def overlapping(self, first: datetime, last: datetime) -> tuple[datetime, datetime] | None:
        """As `around`, of the first window that contains any moment from `first` to `last`, less than a day apart."""
        if self.starts_at == self.ends_at:
            return None
        spans = ((start - MARGIN, end + MARGIN) for start, end in self._around(first))
        return next(((start, end) for start, end in spans if start <= last and first < end), None)

    def last_end(self, until: datetime) -> datetime:
        """When the window ended last up to this moment, without its margin."""
        days = (until - timedelta(days=back) for back in range(DAYS_BACK))
        return max(end for day in days for _, end in self._around(day) if end <= until)

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
        return any(window.contains(now) for window in self.windows)

    def around(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Of the windows that contain this moment the earliest beginning and the latest end; None outside of all."""
        return self.overlapping(now, now)

    def overlapping(self, first: datetime, last: datetime) -> tuple[datetime, datetime] | None:
        """As `around`, of the windows that contain any moment from `first` to `last`, less than a day apart."""
        spans = [span for window in self.windows if (span := window.overlapping(first, last)) is not None]
        return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
