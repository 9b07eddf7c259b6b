"""When a job is due: cron, time zone and trading days together. All instants are UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.jobs.domain import calendars, cron
from apps.jobs.exceptions import InvalidSchedule

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
# A cron that meets no trading day for so long never will, or so rarely that nobody means it.
HORIZON = timedelta(days=5 * 366)
# So that a day's slot comes before the next close.
MOST_MINUTES_AFTER_CLOSE = 720


@dataclass(frozen=True, slots=True)
class Plan:
    """`minutes_after_close` wants a calendar and stands in for the cron. Without either nothing is planned."""

    cron: str
    time_zone: str = "UTC"
    calendar: str = ""
    minutes_after_close: int | None = None

    @property
    def is_empty(self) -> bool:
        return not self.cron and self.minutes_after_close is None

    @property
    def display_zone(self) -> ZoneInfo:
        """The clock that the plan is read by: the exchange's when it follows the close."""
        follows_close = self.minutes_after_close is not None
        return calendars.find_zone(self.calendar) if follows_close else cron.find_zone(self.time_zone)

    def __str__(self) -> str:
        if self.is_empty:
            return "by hand only"
        if self.minutes_after_close is not None:
            return f"{self.minutes_after_close} min after the {self.calendar} close"
        on_days = f", {self.calendar} trading days" if self.calendar else ""
        return f"{self.cron} {self.time_zone}{on_days}"


def problems(plan: Plan) -> dict[str, str]:
    """What is wrong with which field; empty when the plan can be used. Reads no calendar."""
    checks: dict[str, Callable[[], object]] = {
        "time_zone": lambda: cron.find_zone(plan.time_zone),
        "calendar": lambda: calendars.find_zone(plan.calendar) if plan.calendar else None,
        "cron": lambda: cron.check_cron(plan.cron) if plan.cron else None,
        "minutes_after_close": lambda: _check_minutes(plan),
    }
    return {field: problem for field, check in checks.items() if (problem := _problem(check))}


def _check_minutes(plan: Plan) -> None:
    if plan.minutes_after_close is None:
        return
    if not plan.calendar:
        raise InvalidSchedule("Minutes after the close need a calendar: choose the exchange whose close is meant.")
    if not 0 <= plan.minutes_after_close <= MOST_MINUTES_AFTER_CLOSE:
        raise InvalidSchedule(f"Minutes after the close must lie between 0 and {MOST_MINUTES_AFTER_CLOSE}.")


def _problem(check: Callable[[], object]) -> str:
    try:
        check()
    except InvalidSchedule as error:
        return str(error)
    return ""


def check(plan: Plan) -> None:
    """Raises InvalidSchedule with every problem."""
    found: Mapping[str, str] = problems(plan)
    if found:
        raise InvalidSchedule(" ".join(found.values()))


def next_slot(plan: Plan, after: datetime) -> datetime | None:
    """The first slot after `after`; None when nothing is planned, or nothing within five years."""
    check(plan)
    if plan.minutes_after_close is not None:
        return _next_after_close(plan, plan.minutes_after_close, after)
    if not plan.cron:
        return None
    zone, limit = cron.find_zone(plan.time_zone), after + HORIZON
    while (slot := cron.next_due(plan.cron, zone, after)) <= limit:
        if not plan.calendar or calendars.is_trading_day(plan.calendar, day := calendars.day_of(plan.calendar, slot)):
            return slot
        after = calendars.start_of(plan.calendar, calendars.next_trading_day(plan.calendar, day)) - INSTANT
    return None


def last_slot(plan: Plan, until: datetime) -> datetime | None:
    """The latest slot up to and including `until`; None as for `next_slot`."""
    check(plan)
    if plan.minutes_after_close is not None:
        return _last_after_close(plan, plan.minutes_after_close, until)
    if not plan.cron:
        return None
    zone, limit = cron.find_zone(plan.time_zone), until - HORIZON
    while (slot := cron.last_due(plan.cron, zone, until)) >= limit:
        if not plan.calendar or calendars.is_trading_day(plan.calendar, day := calendars.day_of(plan.calendar, slot)):
            return slot
        # Up to the last instant of the trading day before.
        last_day = calendars.last_trading_day(plan.calendar, day)
        until = calendars.start_of(plan.calendar, last_day + DAY) - INSTANT
    return None


def _next_after_close(plan: Plan, minutes: int, after: datetime) -> datetime:
    """A slot may fall on the day after its trading day, so the search begins two days early."""
    day = calendars.day_of(plan.calendar, after) - 2 * DAY
    while True:
        day = calendars.next_trading_day(plan.calendar, day)
        if (slot := _after_close(plan, minutes, day)) > after:
            return slot


def _last_after_close(plan: Plan, minutes: int, until: datetime) -> datetime:
    day = calendars.day_of(plan.calendar, until) + 2 * DAY
    while True:
        day = calendars.last_trading_day(plan.calendar, day)
        if (slot := _after_close(plan, minutes, day)) <= until:
            return slot


def _after_close(plan: Plan, minutes: int, day: date) -> datetime:
    close = calendars.close_on(plan.calendar, day)
    if close is None:
        raise InvalidSchedule(f"{plan.calendar} does not trade on {day}.")
    return close + timedelta(minutes=minutes)


def following(plan: Plan, after: datetime, count: int) -> list[datetime]:
    """The next `count` slots after `after`, fewer when there are no more."""
    slots: list[datetime] = []
    while len(slots) < count and (slot := next_slot(plan, after)) is not None:
        slots.append(slot)
        after = slot
    return slots


def newest_between(plan: Plan, first: datetime, until: datetime, most: int) -> list[datetime]:
    """The slots from `first` to `until`, both included, oldest first; only the newest `most` of them."""
    slots: list[datetime] = []
    slot = last_slot(plan, until)
    while slot is not None and slot >= first and len(slots) < most:
        slots.append(slot)
        slot = last_slot(plan, slot - INSTANT)
    return slots[::-1]
