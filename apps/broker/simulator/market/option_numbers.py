"""Option contract ids: underlying, week of expiry, strike and right packed into one number, so any id can be read back.

They depend neither on the seed nor on the date, and fit into 31 bits above every other contract id.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from .calendars import venues
from .listings import US_LINES

FIRST_ID = 1_000_000_000
_FIRST_FRIDAY = date(2021, 1, 1)
_WEEKS, _HALF_DOLLARS = 1024, 8192


class OptionKey(NamedTuple):
    under_con_id: int
    week: int  # number of the Friday
    strike: float
    is_put: bool


def to_con_id(key: OptionKey) -> int:
    position = _POSITIONS[key.under_con_id]
    strike = round(key.strike * 2)
    return FIRST_ID + ((position * _WEEKS + key.week) * _HALF_DOLLARS + strike) * 2 + key.is_put


def from_con_id(con_id: int) -> OptionKey | None:
    """None for what is no option of this market: unknown underlying or a strike off its grid."""
    if con_id < FIRST_ID:
        return None
    rest, right = divmod(con_id - FIRST_ID, 2)
    rest, half_dollars = divmod(rest, _HALF_DOLLARS)
    position, week = divmod(rest, _WEEKS)
    if position >= len(US_LINES) or not is_on_grid(half_dollars / 2, US_LINES[position].strike_step):
        return None
    return OptionKey(US_LINES[position].con_id, week, half_dollars / 2, bool(right))


def is_on_grid(strike: float, step: float) -> bool:
    return 0 < strike < _HALF_DOLLARS / 2 and strike % step == 0


def friday_of(week: int) -> date:
    return _FIRST_FRIDAY + timedelta(weeks=week)


def week_of(day: date) -> int:
    """Of the Friday on or after a day."""
    return -((_FIRST_FRIDAY - day).days // 7)


def expiry_of(week: int) -> date:
    """The Friday, or the last trading day before it when the exchange is closed."""
    friday = friday_of(week)
    venue = venues()["US"]
    return friday if venue.is_trading_day(friday) else venue.previous_trading_day(friday)


def is_monthly(week: int) -> bool:
    return 15 <= friday_of(week).day <= 21


_POSITIONS = {line.con_id: position for position, line in enumerate(US_LINES)}
