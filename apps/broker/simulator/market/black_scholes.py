"""European option values with a continuous dividend yield (Black, Scholes, Merton 1973)."""

from __future__ import annotations

from math import erf, exp, log, pi, sqrt
from typing import NamedTuple

_ROOT_TWO = sqrt(2.0)
_DENSITY = 1 / sqrt(2 * pi)
LOWEST_VOLATILITY, HIGHEST_VOLATILITY = 0.001, 10.0
DAYS_A_YEAR = 365.0
_TOLERANCE = 1e-9


class Terms(NamedTuple):
    """What stays the same for one expiration. `years` to expiry, both rates continuous and annual."""

    spot: float
    years: float
    rate: float
    dividend_yield: float


class Greeks(NamedTuple):
    """vega per volatility point, theta per calendar day."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def option_price(terms: Terms, strike: float, volatility: float, is_call: bool) -> float:
    spot, years, rate, dividend_yield = terms
    deviation = volatility * sqrt(years)
    d1 = (log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    sign = 1.0 if is_call else -1.0
    carried, discounted = spot * exp(-dividend_yield * years), strike * exp(-rate * years)
    return sign * (carried * _normal(sign * d1) - discounted * _normal(sign * (d1 - deviation)))


def option_greeks(terms: Terms, strike: float, volatility: float, is_call: bool) -> Greeks:
    spot, years, rate, dividend_yield = terms
    root = sqrt(years)
    deviation = volatility * root
    d1 = (log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    sign = 1.0 if is_call else -1.0
    fading = exp(-dividend_yield * years)
    carried, discounted = spot * fading, strike * exp(-rate * years)
    first, second = _normal(sign * d1), _normal(sign * (d1 - deviation))
    density = _DENSITY * exp(-d1 * d1 / 2)
    decay = -carried * density * volatility / (2 * root)
    carry = sign * (dividend_yield * carried * first - rate * discounted * second)
    return Greeks(
        price=sign * (carried * first - discounted * second),
        delta=sign * fading * first,
        gamma=fading * density / (spot * deviation),
        vega=carried * density * root / 100,
        theta=(decay + carry) / DAYS_A_YEAR,
    )


def implied_volatility(terms: Terms, strike: float, price: float, is_call: bool, guess: float = 0.3) -> float | None:
    """None when no volatility gives this price: below intrinsic value or above the underlying."""
    low, high = LOWEST_VOLATILITY, HIGHEST_VOLATILITY
    least, most = (option_price(terms, strike, volatility, is_call) for volatility in (low, high))
    if not least - _TOLERANCE <= price <= most + _TOLERANCE:
        return None
    volatility = guess
    for _ in range(60):
        greeks = option_greeks(terms, strike, volatility, is_call)
        miss = greeks.price - price
        if abs(miss) < _TOLERANCE:
            break
        low, high = (low, volatility) if miss > 0 else (volatility, high)
        step = volatility - miss / (100 * greeks.vega) if greeks.vega > 1e-12 else 0.0
        volatility = step if low < step < high else (low + high) / 2
    return volatility


def _normal(x: float) -> float:
    return 0.5 + 0.5 * erf(x / _ROOT_TWO)
