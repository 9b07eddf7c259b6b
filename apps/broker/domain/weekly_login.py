"""The weekly appointment: a person logs TWS or IB Gateway in and approves the second factor on a phone.

From outside a new login of TWS and a new connection to its old login look the same. What can be proved is that the
trading link logged in about then and that its session held after the appointment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.broker.domain.restart_window import WEEKEND, RestartCalendar

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FORMAT = "a weekday, a time and a time zone such as SUN 18:00 Europe/Zurich, or empty for none"
REMINDED_BEFORE = timedelta(hours=2)
EXPECTED_FOR = timedelta(minutes=30)
# Whoever logs in on the morning of the appointment need not do it again.
LOGIN_MAY_PRECEDE = timedelta(hours=12)
# Both clocks may change within a year: that of the appointment and that of a restart.
WEEKS_OF_A_YEAR = 53


@dataclass(frozen=True, slots=True)
class WeeklyLogin:
    """At `at` on the clock of `zone` each `weekday`, Monday being 0.

    A time that the spring skips is an hour later on that clock, one that the autumn repeats is the first.
    """

    weekday: int
    at: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> WeeklyLogin:
        """Raises ValueError for anything but FORMAT."""
        weekday, at, zone = text.split()
        try:
            return cls(WEEKDAYS.index(weekday.upper()), _clock_time(at), ZoneInfo(zone))
        except (ZoneInfoNotFoundError, OSError) as error:
            # A folder of the zone database, such as "Europe", is an OSError.
            raise ValueError(f"no time zone {zone}") from error

    def following(self, now: datetime) -> datetime:
        """The first appointment after this moment, in UTC."""
        return min(moment for moment in self._around(now) if moment > now)

    def latest(self, now: datetime) -> datetime:
        """The last appointment up to this moment, in UTC."""
        return max(moment for moment in self._around(now) if moment <= now)

    def kept_by(self, *, logged_in_at: datetime, held_at: datetime) -> datetime | None:
        """The appointment that a session proves which held at this moment after this login; None: none."""
        appointment = self.latest(held_at)
        return appointment if logged_in_at >= appointment - LOGIN_MAY_PRECEDE else None

    def open_at(self, now: datetime, *, kept_at: datetime | None) -> datetime | None:
        """The appointment that people must think of now: the last where nothing proves it, the next two hours before.

        `kept_at`: when one was proved last.
        """
        last = self.latest(now)
        if kept_at is None or kept_at < last:
            return last
        coming = self.following(now)
        return coming if now >= coming - REMINDED_BEFORE else None

    def name_of(self, appointment: datetime) -> str:
        local = appointment.astimezone(self.zone)
        utc = "" if local.utcoffset() == timedelta(0) else f" ({appointment.astimezone(UTC):%H:%M} UTC)"
        return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}{utc}"

    def collision(self, calendar: RestartCalendar, now: datetime) -> tuple[datetime, tuple[datetime, datetime]] | None:
        """The first appointment of the coming year that a planned restart overlaps, with that restart; None: none."""
        moment = now
        for _ in range(WEEKS_OF_A_YEAR):
            moment = self.following(moment)
            restart = calendar.overlapping(moment, moment + EXPECTED_FOR)
            if restart is not None:
                return moment, restart
        return None

    def _around(self, now: datetime) -> list[datetime]:
        today = now.astimezone(self.zone).date()
        monday = today - timedelta(days=today.weekday())
        return [self._on(monday + timedelta(days=self.weekday, weeks=week)) for week in (-1, 0, 1)]

    def _on(self, day: date) -> datetime:
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)


def without_login(appointment: datetime) -> tuple[datetime, datetime]:
    """From the end of IB's weekend reset to the appointment: the old login may have ended, the new one is to come."""
    return WEEKEND.last_end(appointment), appointment


def _clock_time(text: str) -> time:
    """Without a zone of its own, which would contradict the appointment's. Raises ValueError."""
    found = time.fromisoformat(text)
    if found.tzinfo is not None:
        raise ValueError(f"{text} has a time zone of its own")
    return found
