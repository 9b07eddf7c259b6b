"""Exchange holidays and early closes by rule, so that any year works."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_US_MOURNING = {date(2025, 1, 9)}
_MONDAY, _THURSDAY = 0, 3


def easter_sunday(year: int) -> date:
    """Anonymous Gregorian computus."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last(year: int, month: int, weekday: int) -> date:
    day = _nth(year, month, weekday, 4)
    return day + timedelta(days=7) if (day + timedelta(days=7)).month == month else day


def _observed_us(day: date) -> date:
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


@lru_cache(maxsize=64)
def us_holidays(year: int) -> frozenset[date]:
    new_year = date(year, 1, 1)
    days = {
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        easter_sunday(year) - timedelta(days=2),
        _last(year, 5, _MONDAY),
        _observed_us(date(year, 6, 19)),
        _observed_us(date(year, 7, 4)),
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 11, _THURSDAY, 4),
        _observed_us(date(year, 12, 25)),
    }
    if new_year.weekday() != 5:  # a Saturday New Year is not observed: the books close on 31 December
        days.add(_observed_us(new_year))
    return frozenset(days | {day for day in _US_MOURNING if day.year == year})


@lru_cache(maxsize=64)
def uk_holidays(year: int) -> frozenset[date]:
    easter = easter_sunday(year)
    new_year, christmas = date(year, 1, 1), date(year, 12, 25)
    boxing_day = christmas + timedelta(days={3: 1, 4: 3, 5: 3, 6: 2}.get(christmas.weekday(), 1))
    return frozenset(
        {
            new_year + timedelta(days={5: 2, 6: 1}.get(new_year.weekday(), 0)),
            easter - timedelta(days=2),
            easter + timedelta(days=1),
            _nth(year, 5, _MONDAY, 1),
            _last(year, 5, _MONDAY),
            _last(year, 8, _MONDAY),
            christmas + timedelta(days={5: 2, 6: 1}.get(christmas.weekday(), 0)),
            boxing_day,
        }
    )


def is_us_holiday(day: date) -> bool:
    return day in us_holidays(day.year)


def is_uk_holiday(day: date) -> bool:
    return day in uk_holidays(day.year)


def is_us_half_day(day: date) -> bool:
    """Early close at 13:00: before Independence Day, after Thanksgiving, on Christmas Eve."""
    if day.weekday() >= 5 or is_us_holiday(day):
        return False
    before_independence = (day.month, day.day) == (7, 3) and (day + timedelta(days=1)).weekday() < 5
    after_thanksgiving = day - timedelta(days=1) == _nth(day.year, 11, _THURSDAY, 4)
    return before_independence or after_thanksgiving or (day.month, day.day) == (12, 24)


def is_uk_half_day(day: date) -> bool:
    """Early close at 12:30 on the last working day before Christmas and before New Year."""
    if day.month != 12 or day.weekday() >= 5:
        return False
    for feast in (date(day.year, 12, 25), date(day.year + 1, 1, 1)):
        eve = feast - timedelta(days=1)
        while eve.weekday() >= 5:
            eve -= timedelta(days=1)
        if day == eve:
            return True
    return False
