"""Daily bars: what is complete, what is new, and whether the past was rewritten."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.strategies.exceptions import UnusableHistory

FULL_DURATION = "2 Y"
OVERLAP_DAYS = 10
# IB states longer durations in years.
LONGEST_IN_DAYS = 365
# Over Christmas or Easter London closes for up to four days in a row: five days from close to close.
LONGEST_GAP_DAYS = 6
TOLERANCE = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class DayBar:
    on: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`problem`: why the stored days cannot be continued with the fetched ones; empty when `new` just follows."""

    new: tuple[DayBar, ...]
    problem: str


def read_bars(symbol: str, rows: Iterable[Mapping[str, Any]], *, today: date) -> list[DayBar]:
    """Completed days only, the oldest first: the bar of a day that still trades would change.

    Raises UnusableHistory for a price that is missing or not positive.
    """
    bars = [read_bar(symbol, row) for row in rows if date.fromisoformat(row["start"]) < today]
    return sorted({bar.on: bar for bar in bars}.values(), key=lambda bar: bar.on)


def read_bar(symbol: str, row: Mapping[str, Any]) -> DayBar:
    return DayBar(
        date.fromisoformat(row["start"]),
        read_price(symbol, row, "open"),
        read_price(symbol, row, "high"),
        read_price(symbol, row, "low"),
        read_price(symbol, row, "close"),
        read_number(row.get("volume")),
    )


def read_price(symbol: str, row: Mapping[str, Any], name: str) -> Decimal:
    price = read_number(row[name])
    if price is None or price <= 0:
        raise UnusableHistory(f"The broker's {name} of {symbol} on {row['start']} is no price: {row[name]!r}.")
    return price


def read_number(text: Any) -> Decimal | None:
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def needed_duration(last: date | None, today: date) -> str:
    """As IB writes it: two years at first, then back to some days before the last stored one."""
    if last is None:
        return FULL_DURATION
    days = (today - last).days + OVERLAP_DAYS
    return f"{days} D" if days <= LONGEST_IN_DAYS else FULL_DURATION


def compare(stored: Sequence[DayBar], fetched: Sequence[DayBar]) -> Comparison:
    """Do the fetched days continue the stored ones? Both sorted by day."""
    if not stored or not fetched:
        return Comparison(tuple(fetched), "" if not stored else "the broker states no days at all")
    last, first = stored[-1].on, fetched[0].on
    old = {bar.on: bar for bar in stored if bar.on >= first}
    common = {bar.on: bar for bar in fetched if bar.on <= last}
    new = tuple(bar for bar in fetched if bar.on > last)
    if not old or not common:
        return Comparison(new, f"the days fetched from {first} on do not reach back to the last stored day {last}")
    return Comparison(new, find_difference(old, common) or describe_gaps([stored[-1].on, *(bar.on for bar in new)]))


def find_difference(old: Mapping[date, DayBar], now: Mapping[date, DayBar]) -> str:
    if days := sorted(set(old) ^ set(now)):
        return f"{days[0]} exists only {'in the stored' if days[0] in old else 'in the fetched'} days"
    for day in sorted(old):
        before, after = old[day].close, now[day].close
        if abs(after - before) > TOLERANCE * before:
            return (
                f"the close of {day} was {before.normalize():f} and is now {after.normalize():f} (factor "
                f"{after / before:.6g}): a split, a distribution or a correction"
            )
    return ""


def find_gaps(days: Sequence[date]) -> list[tuple[date, date]]:
    """Neighbours that lie further apart than any holidays of London."""
    return [(one, other) for one, other in itertools.pairwise(days) if (other - one).days > LONGEST_GAP_DAYS]


def describe_gaps(days: Sequence[date]) -> str:
    gaps = find_gaps(days)
    return "no days between " + ", ".join(f"{one} and {other}" for one, other in gaps) if gaps else ""
