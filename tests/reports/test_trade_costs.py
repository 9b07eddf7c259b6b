"""Slippage, exchange rates, what instruments contributed, axes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.choices import Side
from apps.reports.domain.attribution import Held, Moved, contributions
from apps.reports.domain.axis import ticks
from apps.reports.domain.rates import ExchangeRates
from apps.reports.domain.slippage import intended_price, slippage_bps, slippage_figures

PRICES = st.decimals("0.01", "9999", places=2)


def test_slippage_is_positive_when_adverse() -> None:
    assert slippage_bps(Side.BUY, Decimal(100), Decimal("100.10")) == pytest.approx(10)
    assert slippage_bps(Side.SELL, Decimal(100), Decimal("100.10")) == pytest.approx(-10)
    assert slippage_bps(Side.SELL, Decimal(50), Decimal("49.95")) == pytest.approx(10)


@given(PRICES, PRICES)
def test_slippage_of_a_sale_mirrors_that_of_a_buy(intended: Decimal, price: Decimal) -> None:
    assert slippage_bps(Side.BUY, intended, price) == -slippage_bps(Side.SELL, intended, price)


def test_slippage_figures_worked_by_hand() -> None:
    figures = slippage_figures([-4.0, 0.0, 2.0, 12.0, -30.0])
    assert figures is not None
    assert (figures.count, figures.mean, figures.median, figures.outliers) == (5, -4.0, 0.0, 2)
    assert figures.favourable == pytest.approx(0.4)
    assert slippage_figures([]) is None


@pytest.mark.parametrize(
    ("order_type", "expected"),
    [
        ("LMT", Decimal(10)),
        ("LOC", Decimal(10)),
        ("STP", Decimal(9)),
        ("STP LMT", Decimal(9)),
        ("MKT", None),
        ("MOC", None),
        ("TRAIL", None),
    ],
)
def test_intended_price_is_the_limit_or_the_trigger(order_type: str, expected: Decimal | None) -> None:
    assert intended_price(order_type, Decimal(10), Decimal(9)) == expected


def test_order_without_a_price_had_none_in_mind() -> None:
    assert intended_price("LMT", None, None) is None
    assert intended_price("LMT", Decimal(0), None) is None


def test_rate_is_the_newest_known_else_the_first_after() -> None:
    rates = ExchangeRates(
        "USD", [("GBP", date(2026, 1, 10), Decimal("1.3")), ("GBP", date(2026, 1, 5), Decimal("1.2"))]
    )
    days = {1: "1.2", 5: "1.2", 9: "1.2", 10: "1.3", 31: "1.3"}
    assert {day: rates.at("GBP", date(2026, 1, day)) for day in days} == {d: Decimal(r) for d, r in days.items()}
    assert rates.at("USD", date(2026, 1, 1)) == 1
    assert rates.at("EUR", date(2026, 1, 1)) is None
    assert rates.convert(Decimal(13), "USD", "GBP", date(2026, 1, 10)) == 10
    assert rates.convert(Decimal(13), "EUR", "EUR", date(2026, 1, 10)) == 13


def test_rate_of_nothing_is_not_known() -> None:
    assert ExchangeRates("USD", [("GBP", date(2026, 1, 5), Decimal(0))]).at("GBP", date(2026, 1, 5)) is None


def test_contributions_worked_by_hand() -> None:
    """1: held 10, 1,000 to 1,150, 2 bought at 55 (fee 1): +39. 2: all 5 sold at 21 after 100: +5 less fee 1."""
    at = datetime(2026, 1, 7, tzinfo=UTC)
    moves = [
        Moved(1, at, Decimal(2), Decimal(55), Decimal(1)),
        Moved(2, at, Decimal(-5), Decimal(21), Decimal(1)),
        Moved(4, at, Decimal(-1), None),
    ]
    start = {1: Held(Decimal(10), Decimal(1000)), 2: Held(Decimal(5), Decimal(100)), 3: Held(Decimal(1), Decimal(9))}
    start[4] = Held(Decimal(1), Decimal(7))
    end = {1: Held(Decimal(12), Decimal(1150)), 3: Held(Decimal(2), Decimal(18))}
    found = {row.instrument: (row.quantity, row.pnl) for row in contributions(start, end, moves)}
    assert found == {1: (12, 39), 2: (0, 4), 3: (2, None), 4: (0, None)}


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_ticks_enclose_the_values_and_stay_few(low: float, span: float) -> None:
    high = low + span
    steps = ticks(low, high)
    room = (steps[1] - steps[0]) * 1e-6
    assert steps[0] <= low + room and steps[-1] >= high - room
    assert 2 <= len(steps) <= 7
