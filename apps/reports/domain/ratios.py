"""Risk figures of a row of daily returns (fractions), risk-free rate 0, 252 trading days a year."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import date

TRADING_DAYS_A_YEAR = 252
ROLLING_WINDOW = 30
# Equal returns differ by rounding alone: below this a deviation is none.
NOTHING = 1e-12


def annualised_volatility(returns: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1) * sqrt(252), a fraction a year; None with fewer than two returns."""
    return deviation_of(returns) * math.sqrt(TRADING_DAYS_A_YEAR) if len(returns) > 1 else None


def deviation_of(returns: Sequence[float]) -> float:
    """Sample standard deviation (n - 1) of at least two returns; the unit of the returns."""
    # statistics.stdev counts in exact fractions: the rolling windows of five years would take half a second.
    mean = math.fsum(returns) / len(returns)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in returns) / (len(returns) - 1))


def sharpe_ratio(returns: Sequence[float]) -> float:
    """mean / sample standard deviation * sqrt(252), unit-free (Sharpe 1994, risk-free 0).

    0 by definition with fewer than two returns or no deviation: look at the number of returns before judging.
    """
    if len(returns) < 2:
        return 0.0
    deviation = deviation_of(returns)
    if deviation < NOTHING:
        return 0.0
    return statistics.fmean(returns) / deviation * math.sqrt(TRADING_DAYS_A_YEAR)


def sortino_ratio(returns: Sequence[float]) -> float:
    """mean / downside deviation * sqrt(252), unit-free; the downside deviation is sqrt(mean(min(r, 0)^2)) over all
    returns (Sortino and Price 1994, target 0).

    0 with fewer than two returns or a mean of 0; infinite when a positive mean met no loss.
    """
    if len(returns) < 2:
        return 0.0
    mean = statistics.fmean(returns)
    downside = math.sqrt(statistics.fmean(min(value, 0.0) ** 2 for value in returns))
    if downside < NOTHING:
        return math.inf if mean > NOTHING else 0.0
    return mean / downside * math.sqrt(TRADING_DAYS_A_YEAR)


def rolling_sharpe(returns: Sequence[tuple[date, float]], window: int = ROLLING_WINDOW) -> list[tuple[date, float]]:
    """The Sharpe ratio of the last `window` returns at each date that has that many."""
    values = [value for _, value in returns]
    ends = range(window, len(values) + 1)
    return [(returns[end - 1][0], sharpe_ratio(values[end - window : end])) for end in ends]
