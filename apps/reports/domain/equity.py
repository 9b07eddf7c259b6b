"""The account's worth over time, with deposits and withdrawals taken out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

DAYS_A_YEAR = 365.25
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Net liquidation on a UTC date; `flow` is what was paid in (out: negative) since the point before, this day's
    payments included. Both in the account's currency."""

    date: date
    equity: Decimal
    flow: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """What 1.0 invested at the first point has become, payments taken out."""

    date: date
    value: float


@dataclass(frozen=True, slots=True)
class Drawdown:
    """`depth` is a positive fraction of the peak (0.1 = 10 % below it); `days` the longest run of snapshots below a
    peak, which are days while there is one snapshot a day."""

    depth: float
    days: int
    peak_on: date
    trough_on: date


class Valued(NamedTuple):
    """Net liquidation as it was at `taken_at`, the snapshot of the UTC `date`."""

    date: date
    taken_at: datetime
    equity: Decimal


def with_flows(values: Iterable[Valued], flows: Iterable[tuple[datetime, Decimal]]) -> list[EquityPoint]:
    """Give each payment to the first point that was taken when the equity had it, in the same moment or after.

    Payments up to the first point are part of it, payments after the last are not in it yet: neither counts.
    """
    ordered, paid = sorted(values), sorted(flows)
    points: list[EquityPoint] = []
    for number, value in enumerate(ordered):
        before = ordered[number - 1].taken_at if number else value.taken_at
        flow = sum((amount for arrived_at, amount in paid if before < arrived_at <= value.taken_at), Decimal(0))
        points.append(EquityPoint(value.date, value.equity, flow))
    return points


def measurable(points: Sequence[EquityPoint]) -> list[EquityPoint]:
    """Without the leading points at which there was no money yet: no return on nothing can be stated."""
    start = next((number for number, point in enumerate(points) if point.equity > 0), len(points))
    return list(points[start:])


def growth_index(points: Sequence[EquityPoint]) -> list[IndexPoint] | None:
    """Time-weighted: index[0] = 1, index[i] = index[i-1] * (equity[i] - flow[i]) / equity[i-1] (daily-valued TWR,
    payments at the end of the day; GIPS). Fraction, unit-free.

    None when the equity, with or without the payment, was not positive at some point: from there on no return can
    be stated.
    """
    if any(min(point.equity, point.equity - point.flow) <= 0 for point in points[1:]) or _starts_empty(points):
        return None
    index: list[IndexPoint] = []
    value = 1.0
    for number, point in enumerate(points):
        if number:
            value *= float((point.equity - point.flow) / points[number - 1].equity)
        index.append(IndexPoint(point.date, value))
    return index


def _starts_empty(points: Sequence[EquityPoint]) -> bool:
    return bool(points) and points[0].equity <= 0


def total_return(index: Sequence[IndexPoint]) -> float | None:
    """last / first - 1, a fraction; None with fewer than two points."""
    return index[-1].value / index[0].value - 1 if len(index) > 1 else None


def annualised_return(index: Sequence[IndexPoint]) -> float | None:
    """(1 + total return) ^ (365.25 / calendar days) - 1, a fraction; None with fewer than two points or beyond what
    a number can hold."""
    total = total_return(index)
    if total is None:
        return None
    try:
        return float((1 + total) ** (DAYS_A_YEAR / (index[-1].date - index[0].date).days) - 1)
    except OverflowError:
        return None


def daily_returns(index: Sequence[IndexPoint]) -> list[tuple[date, float]]:
    """Fractions from one weekday's snapshot to the next, dated by the later.

    Weekends are folded into Monday: 365 returns a year, two sevenths of them zero, would understate a volatility
    that is annualised by 252.
    """
    sampled = [point for number, point in enumerate(index) if number == 0 or point.date.weekday() < SATURDAY]
    pairs = zip(sampled, sampled[1:], strict=False)
    return [(after.date, after.value / before.value - 1) for before, after in pairs]


def trading_days(points: Sequence[EquityPoint]) -> int:
    """Weekday snapshots."""
    return sum(point.date.weekday() < SATURDAY for point in points)


def drawdowns(index: Sequence[IndexPoint]) -> list[IndexPoint]:
    """(peak so far - value) / peak so far: fractions, 0 at a peak, positive below it."""
    peak = 0.0
    found: list[IndexPoint] = []
    for point in index:
        peak = max(peak, point.value)
        found.append(IndexPoint(point.date, (peak - point.value) / peak))
    return found


def max_drawdown(index: Sequence[IndexPoint]) -> Drawdown | None:
    """The deepest fall below an earlier peak, and the longest run of snapshots below one; None with fewer than two
    points."""
    depths = drawdowns(index)
    if len(depths) < 2:
        return None
    deepest = max(range(len(depths)), key=lambda number: depths[number].value)
    peak = max(range(deepest + 1), key=lambda number: (index[number].value, number))
    return Drawdown(depths[deepest].value, longest_run(depths), index[peak].date, index[deepest].date)


def longest_run(depths: Sequence[IndexPoint]) -> int:
    longest = run = 0
    for point in depths:
        run = run + 1 if point.value > 0 else 0
        longest = max(longest, run)
    return longest
