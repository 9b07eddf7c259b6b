"""Weeks and months by name. A week is an ISO week: 2026-W53 begins in 2026 and ends on 2027-01-03."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from apps.reports.choices import ReportKind
from apps.reports.exceptions import InvalidPeriod

WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
FIRST_YEAR = 1990


@dataclass(frozen=True, slots=True)
class Period:
    """`first` and `last` are UTC dates, both included."""

    kind: ReportKind
    label: str
    first: date
    last: date

    @property
    def title(self) -> str:
        if self.kind == ReportKind.MONTHLY:
            return f"{self.first:%B %Y}"
        return f"{written(self.first)} to {written(self.last)}"

    def __str__(self) -> str:
        return self.label


def written(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"


def week(text: str) -> Period:
    """`2026-W05`. Raises InvalidPeriod naming the expected form."""
    found = WEEK.fullmatch(text.strip().upper())
    if found is None or int(found[1]) < FIRST_YEAR:
        raise InvalidPeriod(f"{text!r} is not a week: write the ISO year and week, as 2026-W05.")
    year, number = int(found[1]), int(found[2])
    try:
        monday = date.fromisocalendar(year, number, 1)
    except ValueError:
        raise InvalidPeriod(f"{text!r} is not a week: {year} has the weeks 01 to {weeks_in(year)}.") from None
    return week_of(monday)


def month(text: str) -> Period:
    """`2026-01`. Raises InvalidPeriod naming the expected form."""
    found = MONTH.fullmatch(text.strip())
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < FIRST_YEAR:
        raise InvalidPeriod(f"{text!r} is not a month: write year and month, as 2026-01.")
    return month_of(date(int(found[1]), int(found[2]), 1))


def parse(kind: ReportKind, text: str) -> Period:
    return week(text) if kind == ReportKind.WEEKLY else month(text)


def week_of(day: date) -> Period:
    """The ISO week that holds the day; around New Year its year is not the calendar's."""
    year, number, weekday = day.isocalendar()
    monday = day - timedelta(days=weekday - 1)
    return Period(ReportKind.WEEKLY, f"{year}-W{number:02}", monday, monday + timedelta(days=6))


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Period(ReportKind.MONTHLY, f"{first:%Y-%m}", first, following - timedelta(days=1))


def last_week(day: date) -> Period:
    """The newest week whose Sunday has come: on a Sunday the one that ends that day."""
    return week_of(day - timedelta(days=6))


def weeks_in(year: int) -> int:
    """52 or 53. 28 December always lies in the last week."""
    return date(year, 12, 28).isocalendar().week
