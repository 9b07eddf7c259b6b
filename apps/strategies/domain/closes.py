"""Month-end closes and what they say: pure arithmetic on ratios, hence floats."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from apps.strategies.exceptions import NotEnoughHistory, StaleHistory

RETURNS_NEEDED = 13
# London never closes for longer; a series that ends earlier has stopped.
LONGEST_SILENCE_DAYS = 7
# Far below what prices resolve, far above what floating point adds.
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Close:
    """An adjusted daily close, in whatever unit the line is quoted."""

    on: date
    value: float


def month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def month_name(number: int) -> str:
    return f"{number // 12}-{number % 12 + 1:02d}"


def month_ends(symbol: str, closes: Sequence[Close], through: date) -> list[Close]:
    """The last close of each month up to that of `through`, the oldest first, without holes.

    Months before the latest hole do not count. A fund that has not traded yet in the month of `through` keeps its last
    close for it. Raises StaleHistory for one that stopped trading before.
    """
    last = {month_number(close.on): close for close in sorted(closes, key=lambda close: close.on)}
    if not last:
        raise NotEnoughHistory(f"{symbol} has no closes at all: is its contract right, and is there a permission?")
    newest = last[max(last)]
    if (through - newest.on).days > LONGEST_SILENCE_DAYS:
        raise StaleHistory(f"{symbol} has no close since {newest.on}; the newest of the others is of {through}.")
    latest = month_number(through)
    last.setdefault(latest, newest)
    unbroken = itertools.takewhile(lambda month: month in last, itertools.count(latest, -1))
    return [last[month] for month in unbroken][::-1]


def require_returns(symbol: str, ends: Sequence[Close]) -> None:
    """Raises NotEnoughHistory that says which months are missing."""
    returns = len(ends) - 1
    if returns >= RETURNS_NEEDED:
        return
    first = month_number(ends[0].on)
    until, since = month_name(first - 1), month_name(first - (RETURNS_NEEDED - returns))
    missing = until if since == until else f"{since} to {until}"
    raise NotEnoughHistory(
        f"{symbol} has {returns} monthly returns, the 12-1 momentum needs {RETURNS_NEEDED}: "
        f"month-end closes of {missing} are missing."
    )


def monthly_returns(ends: Sequence[Close]) -> list[float]:
    """Fractions: close / the close a month before - 1."""
    return [later.value / earlier.value - 1 for earlier, later in itertools.pairwise(ends)]


def twelve_one_momentum(ends: Sequence[Close]) -> float:
    """P(t-1 month) / P(t-13 months) - 1: the twelve monthly returns before the latest one, as a fraction.

    Rounded to 12 digits, so that equal momenta are equal whatever the unit of the prices.
    """
    return round(ends[-2].value / ends[-RETURNS_NEEDED - 1].value - 1, DIGITS)
