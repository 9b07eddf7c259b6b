"""Bar sizes and durations as clients write them, and which of them go together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from ..types import RequestError

BAR_SECONDS = {
    "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30,
    "1 min": 60, "2 mins": 120, "3 mins": 180, "5 mins": 300, "10 mins": 600, "15 mins": 900, "20 mins": 1200,
    "30 mins": 1800, "1 hour": 3600, "2 hours": 7200, "3 hours": 10800, "4 hours": 14400, "8 hours": 28800,
    "1 day": 86_400, "1W": 604_800, "1M": 2_592_000,
}  # fmt: skip
DAY_SECONDS, MONTH_SECONDS = BAR_SECONDS["1 day"], BAR_SECONDS["1M"]
_SYNONYMS = {"1 sec": "1 secs", "1 mins": "1 min", "1 hours": "1 hour", "1 week": "1W", "1 month": "1M"}
_SYNONYMS |= {"1 w": "1W", "1 m": "1M", "1 days": "1 day"}
_DURATION = re.compile(r"(\d{1,6}) ([SDWMY])")
_UNIT_DAYS = {"D": 1, "W": 7, "M": 31, "Y": 366}
_LONGEST_IN_UNIT = {"S": (86_400, "seconds", "days"), "D": (365, "days", "years"), "M": (12, "months", "years")}
_LONGEST_SECONDS = (  # bar size up to, longest request
    (1, 2000), (5, 10_000), (10, 20_000), (15, 30_000), (30, DAY_SECONDS), (60, 31 * DAY_SECONDS),
    (120, 62 * DAY_SECONDS), (180, 93 * DAY_SECONDS), (1200, 366 * DAY_SECONDS), (28_800, 1100 * DAY_SECONDS),
    (MONTH_SECONDS, 7400 * DAY_SECONDS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Duration:
    count: int
    unit: str  # S D W M Y

    @property
    def seconds(self) -> int:
        return self.count if self.unit == "S" else self.count * _UNIT_DAYS[self.unit] * DAY_SECONDS

    def first_day(self, last: date) -> date:
        """Of a span of weeks, months or years that ends with the last day."""
        if self.unit == "W":
            return last - timedelta(days=7 * self.count - 1)
        months = self.count * (12 if self.unit == "Y" else 1)
        year, month = divmod(last.year * 12 + last.month - 1 - months, 12)
        return _in_month(year, month + 1, last.day) + timedelta(days=1)


def bar_seconds(text: str) -> int:
    size = BAR_SECONDS.get(_SYNONYMS.get(text.strip().lower(), text.strip()))
    if size is None:
        legal = ", ".join(BAR_SECONDS)
        raise _invalid(f"Historical data bar size setting is invalid. Legal ones are: {legal}")
    return size


def parse_duration(text: str) -> Duration:
    found = _DURATION.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise _invalid(
            f"Historical data query duration '{text}' is invalid. Write a number, a blank and S, D, W, M or Y"
        )
    duration = Duration(int(found[1]), found[2])
    longest, unit, better = _LONGEST_IN_UNIT.get(duration.unit, (10_000, "", ""))
    if duration.count > longest:
        raise _invalid(f"Historical data requests for durations longer than {longest} {unit} must be made in {better}")
    return duration


def check_length(duration: Duration, size: int) -> None:
    longest = next(limit for upto, limit in _LONGEST_SECONDS if size <= upto)
    if duration.seconds > longest:
        raise RequestError(162, "Historical Market Data Service error message:Time length exceed max.")


def _in_month(year: int, month: int, day: int) -> date:
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


def _invalid(cause: str) -> RequestError:
    return RequestError(321, f"Error validating request.-'bU' : cause - {cause}")
