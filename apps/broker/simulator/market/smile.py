"""Implied volatility by strike and expiry: the SSVI surface of Gatheral and Jacquier (2014), free of arbitrage.

Its at-the-money total variance follows a mean-reverting variance whose 30 day value is given; it grows with time, so
calendars cannot be arbitraged; skew and curvature obey eta * (1 + |rho|) <= 2, so butterflies cannot either.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

_REVERSION = 3.0
_MONTH = 30 / 365


class Skew(NamedTuple):
    rho: float
    eta: float


INDEX_SKEW = Skew(-0.62, 0.95)
SHARE_SKEW = Skew(-0.3, 0.9)


class Smile(NamedTuple):
    """One expiration."""

    forward: float
    years: float
    variance: float  # total, at the money
    curvature: float
    rho: float

    def volatility(self, strike: float) -> float:
        bent = self.curvature * log(strike / self.forward)
        root = sqrt((bent + self.rho) ** 2 + 1 - self.rho**2)
        return sqrt(self.variance / 2 * (1 + self.rho * bent + root) / self.years)


def make_smile(forward: float, years: float, month_volatility: float, usual_volatility: float, skew: Skew) -> Smile:
    variance = _total_variance(years, month_volatility, usual_volatility)
    return Smile(forward, years, variance, skew.eta / sqrt(variance * (1 + variance)), skew.rho)


def _total_variance(years: float, month_volatility: float, usual_volatility: float) -> float:
    usual = usual_volatility**2
    start = max(usual + (month_volatility**2 - usual) / _average(_MONTH), 0.1 * usual)
    return years * (usual + (start - usual) * _average(years))


def _average(years: float) -> float:
    """Share of today's gap to usual variance that remains on average until then."""
    return (1 - exp(-_REVERSION * years)) / (_REVERSION * years)
