"""Which slots there should be, minute by minute, without any of the product's code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# New York in the winter of the simulated quarter: UTC-5 throughout, by the exchange's own announcement.
NEW_YORK_HOLIDAYS = {date(2025, 11, 27), date(2025, 12, 25), date(2026, 1, 1), date(2026, 1, 19)}
NEW_YORK_HALF_DAYS = {date(2025, 11, 28), date(2025, 12, 24)}
OPENING, CLOSE, EARLY_CLOSE = time(14, 30, tzinfo=UTC), time(21, tzinfo=UTC), time(18, tzinfo=UTC)


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
    trading = trading_days(after, until)
    closes = [datetime.combine(day, EARLY_CLOSE if day in NEW_YORK_HALF_DAYS else CLOSE) for day in trading]
    return [slot for close in closes if after < (slot := close + minutes_after_close * MINUTE) <= until]


def slots_before_new_york(minutes_before_opening: int, after: datetime, until: datetime) -> list[datetime]:
    openings = [datetime.combine(day, OPENING) for day in trading_days(after, until)]
    return [slot for opening in openings if after < (slot := opening - minutes_before_opening * MINUTE) <= until]


def trading_days(after: datetime, until: datetime) -> list[date]:
    days = [after.date() + number * DAY for number in range((until - after).days + 2)]
    return [day for day in days if day.isoweekday() <= 5 and day not in NEW_YORK_HOLIDAYS]


def minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    at = after.replace(second=0, microsecond=0) + MINUTE
    while at <= until:
        yield at
        at += MINUTE


def fits(field: str, value: int) -> bool:
    return field == "*" or int(field) == value
