"""Which slots there should be, minute by minute, without any of the product's code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


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


def minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    at = after.replace(second=0, microsecond=0) + MINUTE
    while at <= until:
        yield at
        at += MINUTE


def fits(field: str, value: int) -> bool:
    return field == "*" or int(field) == value
