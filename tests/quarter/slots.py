"""Which slots there should be, minute by minute, without any of the product's code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# New York in the winter of the simulated quarter: UTC-5 throughout, by the exchange's own announcement.
NEW_YORK_HOLIDAYS = {date(2025, 11, 27), date(2025, 12, 25), date(2026, 1, 1), date(2026, 1, 19)}
NEW_YORK_HALF_DAYS = {date(2025, 11, 28), date(2025, 12, 24)}
CLOSE, EARLY_CLOSE = time(21, tzinfo=UTC), time(18, tzinfo=UTC)


def slots_of(cron: str, after: datetime, until: datetime) -> list[datetime]:
    """Plain UTC crons of numbers and stars: `minute hour day month weekday`, Sunday being 0."""
    minute, hour, day, month, weekday = cron.split()
    return [
        at
        for at in minutes(after, until)
        if fits(minute, at.minute)
        and fits(hour, at.hour)
        and fits(day, at.day)
        and fits(month, at.month)
        and fits(weekday, at.isoweekday() % 7)
    ]


def slots_after_new_york(minutes_after_close: int, after: datetime, until: datetime) -> list[datetime]:
    days = [after.date() + number * DAY for number in range((until - after).days + 2)]
    trading = [day for day in days if day.isoweekday() <= 5 and day not in NEW_YORK_HOLIDAYS]
    closes = [datetime.combine(day, EARLY_CLOSE if day in NEW_YORK_HALF_DAYS else CLOSE) for day in trading]
    return [slot for close in closes if after < (slot := close + minutes_after_close * MINUTE) <= until]


def minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    at = after.replace(second=0, microsecond=0) + MINUTE
    while at <= until:
        yield at
        at += MINUTE


def fits(field: str, value: int) -> bool:
    return field == "*" or int(field) == value
