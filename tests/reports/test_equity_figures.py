"""Returns, drawdowns and ratios: against tables worked by hand, pandas and numpy, and by their properties."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reports.domain import equity, ratios
from apps.reports.domain.equity import EquityPoint, IndexPoint
from apps.reports.domain.performance import measure

MONDAY = date(2026, 1, 5)
EQUITIES = st.lists(st.decimals(100, 1_000_000, places=2), min_size=2, max_size=120)
RETURNS = st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=120)


def points(*equities: str | Decimal, first: date = MONDAY, flows: dict[int, str] | None = None) -> list[EquityPoint]:
    paid = flows or {}
    return [
        EquityPoint(first + timedelta(days=number), Decimal(value), Decimal(paid.get(number, "0")))
        for number, value in enumerate(equities)
    ]


def index_of(*equities: str | Decimal, first: date = MONDAY, flows: dict[int, str] | None = None) -> list[IndexPoint]:
    index = equity.growth_index(points(*equities, first=first, flows=flows))
    assert index is not None
    return index


@pytest.mark.mission(28)
def test_returns_and_risk_of_a_week_worked_by_hand() -> None:
    """100, 110, 99, 108.9, 108.9: returns +10 %, -10 %, +10 %, 0."""
    figures = measure(points("100", "110", "99", "108.9", "108.9"), [])
    assert figures.total_return == pytest.approx(0.089)
    assert figures.annualised_return == pytest.approx(1.089 ** (365.25 / 4) - 1)
    deviation = math.sqrt((0.075**2 + 0.125**2 + 0.075**2 + 0.025**2) / 3)
    assert figures.annualised_volatility == pytest.approx(deviation * math.sqrt(252))
    assert figures.sharpe_ratio == pytest.approx(0.025 / deviation * math.sqrt(252))
    assert figures.sortino_ratio == pytest.approx(0.025 / math.sqrt(0.01 / 4) * math.sqrt(252))
    assert figures.drawdown is not None
    assert figures.drawdown.depth == pytest.approx(0.1)
    assert figures.drawdown.days == 3
    assert (figures.drawdown.peak_on, figures.drawdown.trough_on) == (date(2026, 1, 6), date(2026, 1, 7))
    assert (figures.start_date, figures.end_date, figures.trading_days) == (MONDAY, date(2026, 1, 9), 5)


@pytest.mark.mission(28)
def test_deposit_and_withdrawal_are_no_return() -> None:
    """100 grows by 10 % to 110; 90 comes in: 200; then it grows by 5 % and 60 goes out: 150."""
    index = index_of("100", "200", "150", flows={1: "90", 2: "-60"})
    assert [point.value for point in index] == pytest.approx([1, 1.1, 1.155])
    figures = measure(points("100", "200", "150", flows={1: "90", 2: "-60"}), [])
    assert figures.net_deposits == 30
    assert figures.profit == 20
    assert figures.drawdown is not None and figures.drawdown.depth == 0


def test_payments_go_to_the_first_point_that_can_show_them() -> None:
    first = datetime.combine(MONDAY, time(16, 35), UTC)
    last = first + timedelta(days=3)
    taken = [
        equity.Valued(first.date(), first, Decimal(100)),
        equity.Valued(last.date(), last, Decimal(150)),
    ]
    moment = timedelta(seconds=1)
    flows = [(first, Decimal(7)), (first + moment, Decimal(20)), (last, Decimal(30)), (last + moment, Decimal(1000))]
    assert [point.flow for point in equity.with_flows(taken, flows)] == [0, 50]


@given(EQUITIES, st.lists(st.decimals(-5000, 5000, places=2), min_size=120, max_size=120))
def test_payments_never_change_the_return(equities: list[Decimal], flows: list[Decimal]) -> None:
    """The same growth with money coming and going: each day the factor acts on what was there."""
    factors = [after / before for before, after in zip(equities, equities[1:], strict=False)]
    value, paid = Decimal(1_000_000), [EquityPoint(MONDAY, Decimal(1_000_000))]
    for number, factor in enumerate(factors):
        grown = value * factor
        flow = max(flows[number], -grown / 2)
        value = grown + flow
        paid.append(EquityPoint(MONDAY + timedelta(days=number + 1), value, flow))
    with_payments, without = equity.growth_index(paid), index_of(*equities)
    assert with_payments is not None
    assert [p.value for p in with_payments] == pytest.approx([p.value for p in without], rel=1e-9)


@given(EQUITIES)
def test_total_return_is_last_over_first(equities: list[Decimal]) -> None:
    assert equity.total_return(index_of(*equities)) == pytest.approx(float(equities[-1] / equities[0]) - 1, abs=1e-9)


@pytest.mark.mission(28)
@given(EQUITIES)
def test_figures_agree_with_pandas(equities: list[Decimal]) -> None:
    series = pd.Series([float(value) for value in equities], index=pd.date_range(MONDAY, periods=len(equities)))
    index = index_of(*equities)
    sampled = series[pd.DatetimeIndex(series.index).day_of_week < 5]
    changes = sampled.pct_change().dropna()
    ours = equity.daily_returns(index)
    assert [day for day, _ in ours] == [stamp.date() for stamp in changes.index]
    assert [value for _, value in ours] == pytest.approx(list(changes), abs=1e-9)
    falls = 1 - series / series.cummax()
    found = equity.max_drawdown(index)
    assert found is not None and found.depth == pytest.approx(falls.max(), abs=1e-9)
    below = index_runs([point.value > 0 for point in equity.drawdowns(index)])
    assert found.days == below


def index_runs(flags: list[bool]) -> int:
    series = pd.Series(flags)
    return int(series.groupby((~series).cumsum()).sum().max())


@pytest.mark.mission(28)
@given(RETURNS)
def test_ratios_agree_with_numpy(returns: list[float]) -> None:
    values = np.array(returns)
    deviation = values.std(ddof=1)
    assert ratios.annualised_volatility(returns) == pytest.approx(deviation * np.sqrt(252), abs=1e-9)
    if deviation > 1e-9:
        assert ratios.sharpe_ratio(returns) == pytest.approx(
            values.mean() / deviation * np.sqrt(252), rel=1e-6, abs=1e-6
        )
    downside = np.sqrt(np.mean(np.minimum(values, 0) ** 2))
    if downside > 1e-9:
        expected = values.mean() / downside * np.sqrt(252)
        assert ratios.sortino_ratio(returns) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(-0.2, 0.2), min_size=30, max_size=90))
def test_rolling_sharpe_agrees_with_pandas(returns: list[float]) -> None:
    dated = [(MONDAY + timedelta(days=number), value) for number, value in enumerate(returns)]
    windows = pd.Series(returns).rolling(30)
    found = ratios.rolling_sharpe(dated)
    assert [day for day, _ in found] == [day for day, _ in dated[29:]]
    for number, (_, value) in enumerate(found):
        window = np.array(returns[number : number + 30])
        if window.std(ddof=1) > 1e-6:
            expected = windows.mean().iloc[number + 29] / windows.std().iloc[number + 29] * np.sqrt(252)
            assert value == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(RETURNS, st.floats(0.1, 5))
def test_sharpe_does_not_change_with_the_size_of_the_bet(returns: list[float], size: float) -> None:
    if np.std(returns) > 1e-6:
        scaled = [value * size for value in returns]
        assert ratios.sharpe_ratio(scaled) == pytest.approx(ratios.sharpe_ratio(returns), rel=1e-6, abs=1e-6)


def test_flat_equity_has_no_risk_and_no_ratio() -> None:
    figures = measure(points(*["100"] * 40), [])
    assert (figures.total_return, figures.annualised_volatility, figures.sharpe_ratio, figures.sortino_ratio) == (
        0,
    ) * 4
    assert figures.drawdown is not None and (figures.drawdown.depth, figures.drawdown.days) == (0, 0)


def test_steady_gain_has_no_deviation_though_floats_differ() -> None:
    """A Sharpe ratio of 10^15 would be a rounding error, not a triumph."""
    returns = [value for _, value in equity.daily_returns(index_of(*(str(Decimal("1.001") ** n) for n in range(5))))]
    assert ratios.sharpe_ratio(returns) == 0
    assert ratios.sortino_ratio(returns) == math.inf


def test_one_snapshot_has_no_return_and_no_risk() -> None:
    figures = measure(points("100"), [])
    assert figures.total_return is None and figures.annualised_return is None
    assert figures.profit is None and figures.drawdown is None
    assert figures.annualised_volatility is None and figures.sharpe_ratio == 0 and figures.returns == 0


def test_weekends_do_not_dilute_the_volatility() -> None:
    """Friday 100, Saturday 100, Sunday 100, Monday 110: one daily return of 10 %."""
    index = index_of("100", "100", "100", "110", first=date(2026, 1, 9))
    assert equity.daily_returns(index) == [(date(2026, 1, 12), pytest.approx(0.1))]


def test_return_from_a_sunday_baseline_is_the_mondays() -> None:
    index = index_of("100", "105", "105", first=date(2026, 1, 11))
    assert equity.daily_returns(index)[0] == (date(2026, 1, 12), pytest.approx(0.05))


@pytest.mark.parametrize("equities", [("100", "0", "50"), ("100", "-5", "50")])
def test_no_return_can_be_stated_after_everything_was_lost(equities: tuple[str, ...]) -> None:
    figures = measure(points(*equities), [])
    assert figures.total_return is None and figures.sharpe_ratio is None and figures.drawdown is None


def test_loss_hidden_by_a_deposit_is_not_stated_as_a_return() -> None:
    assert equity.growth_index(points("100", "50", flows={1: "60"})) is None


def test_time_before_the_first_deposit_is_not_measured() -> None:
    assert equity.measurable(points("0", "0", "100", "110")) == points("0", "0", "100", "110")[2:]
    assert equity.measurable(points("0", "0")) == []


def test_annual_return_beyond_all_numbers_is_not_stated() -> None:
    assert equity.annualised_return(index_of("1", "10000")) is None


@given(EQUITIES)
def test_drawdown_is_between_nothing_and_everything(equities: list[Decimal]) -> None:
    found = equity.max_drawdown(index_of(*equities))
    assert found is not None
    assert 0 <= found.depth < 1 and found.days < len(equities) and found.peak_on <= found.trough_on
    assert (found.depth == 0) == (found.days == 0)
