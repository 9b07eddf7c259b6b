"""Option values against parity, finite differences and an independent library."""

from __future__ import annotations

from itertools import pairwise

import pytest
import QuantLib as ql
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.simulator.market.black_scholes import Terms, implied_volatility, option_greeks, option_price
from apps.broker.simulator.market.smile import INDEX_SKEW, SHARE_SKEW, Skew, make_smile

CASES = [
    (Terms(100.0, 0.25, 0.04, 0.01), 100.0, 0.2),
    (Terms(680.0, 7 / 365, 0.04, 0.011), 640.0, 0.31),
    (Terms(25.0, 0.7, 0.04, 0.069), 30.0, 0.45),
    (Terms(450.0, 1 / 365, 0.04, 0.0), 452.5, 0.6),
]


@pytest.mark.parametrize(("terms", "strike", "volatility"), CASES)
def test_call_and_put_obey_parity(terms: Terms, strike: float, volatility: float) -> None:
    call, put = (option_price(terms, strike, volatility, is_call) for is_call in (True, False))
    carried = option_price(terms, 1e-9, volatility, True)
    discount = (carried - option_price(terms, 1e-9 + 1e-3, volatility, True)) / 1e-3
    assert call - put == pytest.approx(carried - strike * discount, abs=1e-6)


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize(("terms", "strike", "volatility"), CASES)
def test_greeks_equal_finite_differences(terms: Terms, strike: float, volatility: float, is_call: bool) -> None:
    def price(spot: float = terms.spot, years: float = terms.years, sigma: float = volatility) -> float:
        return option_price(terms._replace(spot=spot, years=years), strike, sigma, is_call)

    greeks, h = option_greeks(terms, strike, volatility, is_call), terms.spot * 1e-4
    up, down = price(spot=terms.spot + h), price(spot=terms.spot - h)
    assert greeks.price == pytest.approx(price())
    assert greeks.delta == pytest.approx((up - down) / (2 * h), abs=1e-5)
    assert greeks.gamma == pytest.approx((up - 2 * price() + down) / h**2, rel=1e-3)
    assert greeks.vega == pytest.approx(
        (price(sigma=volatility + 1e-5) - price(sigma=volatility - 1e-5)) / 2e-3, rel=1e-4
    )
    later, sooner = price(years=terms.years - 1e-6), price(years=terms.years + 1e-6)
    assert greeks.theta == pytest.approx((later - sooner) / 2e-6 / 365, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("strike", [80.0, 95.0, 100.0, 110.0, 130.0])
def test_values_equal_those_of_quantlib(strike: float, is_call: bool) -> None:
    days, volatility, rate, dividend = 90, 0.27, 0.04, 0.015
    today = ql.Date(20, 11, 2026)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, count)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, strike)
    reference = ql.VanillaOption(payoff, ql.EuropeanExercise(today + days))
    reference.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    greeks = option_greeks(Terms(100.0, days / 365, rate, dividend), strike, volatility, is_call)
    assert greeks.price == pytest.approx(reference.NPV(), rel=1e-9)
    assert greeks.delta == pytest.approx(reference.delta(), rel=1e-9)
    assert greeks.gamma == pytest.approx(reference.gamma(), rel=1e-9)
    assert greeks.vega == pytest.approx(reference.vega() / 100, rel=1e-9)
    assert greeks.theta == pytest.approx(reference.theta() / 365, rel=1e-9)


@given(strike=st.floats(60, 160), volatility=st.floats(0.08, 1.5), years=st.floats(0.02, 1.0), is_call=st.booleans())
def test_implied_volatility_inverts_the_price(strike: float, volatility: float, years: float, is_call: bool) -> None:
    terms = Terms(100.0, years, 0.04, 0.01)
    greeks = option_greeks(terms, strike, volatility, is_call)
    found = implied_volatility(terms, strike, greeks.price, is_call)
    assert found is not None
    assert option_price(terms, strike, found, is_call) == pytest.approx(greeks.price, abs=1e-7)
    if greeks.vega > 1e-3:
        assert found == pytest.approx(volatility, rel=1e-4)


@pytest.mark.parametrize("price", [0.0, 9.0, 101.0, -1.0])
def test_impossible_price_has_no_volatility(price: float) -> None:
    assert implied_volatility(Terms(100.0, 0.5, 0.0, 0.0), 90.0, price, True) is None


@pytest.mark.parametrize("skew", [INDEX_SKEW, SHARE_SKEW])
@pytest.mark.parametrize(("now", "usual"), [(0.10, 0.16), (0.16, 0.16), (0.45, 0.16), (0.9, 0.45)])
def test_surface_admits_no_arbitrage(skew: Skew, now: float, usual: float) -> None:
    assert skew.eta * (1 + abs(skew.rho)) <= 2
    strikes = [60.0 + n for n in range(100)]
    previous = [0.0] * len(strikes)
    for days in (1, 7, 14, 30, 60, 120, 240):
        years = days / 365
        smile = make_smile(100.0, years, now, usual, skew)
        terms = Terms(100.0, years, 0.0, 0.0)
        calls = [option_price(terms, strike, smile.volatility(strike), True) for strike in strikes]
        slopes = [b - a for a, b in pairwise(calls)]
        assert all(-1 - 1e-9 <= slope <= 1e-9 for slope in slopes)
        assert all(b - a >= -1e-9 for a, b in pairwise(slopes))
        assert all(after >= before - 1e-9 for before, after in zip(previous, calls, strict=True))
        previous = calls


def test_surface_meets_the_month_volatility_and_is_skewed_down() -> None:
    smile = make_smile(100.0, 30 / 365, 0.2, 0.16, INDEX_SKEW)
    assert smile.volatility(100.0) == pytest.approx(0.2)
    assert smile.volatility(90.0) > smile.volatility(95.0) > smile.volatility(100.0) > smile.volatility(104.0)


def test_term_structure_slopes_back_to_usual_volatility() -> None:
    calm, scared = (
        [make_smile(100.0, days / 365, now, 0.16, INDEX_SKEW).volatility(100.0) for days in (7, 30, 90, 240)]
        for now in (0.11, 0.35)
    )
    assert calm == sorted(calm) and scared == sorted(scared, reverse=True)
