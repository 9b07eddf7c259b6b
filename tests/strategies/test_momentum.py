"""The ranking, the floor, the places and the weights: worked by hand, by properties, and by a slow second opinion."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.strategies.domain.closes import Close, month_ends, monthly_returns, twelve_one_momentum
from apps.strategies.domain.momentum import Signal, momentum_signal
from apps.strategies.domain.parameters import MomentumParameters
from apps.strategies.domain.universe import SECTORS
from apps.strategies.exceptions import NotEnoughHistory, StaleHistory
from tests.strategies import slow
from tests.strategies.builders import FRIDAY, TODAY, WORKED, closes_at_month_ends, month_end, worked_histories

DEFAULTS = MomentumParameters()
ORIGINAL = replace(DEFAULTS, hysteresis=False)


def signal_of(parameters: MomentumParameters = ORIGINAL, held: tuple[str, ...] = ()) -> Signal:
    return momentum_signal(worked_histories(), parameters, incumbents=held, today=TODAY)


def weights_of(parameters: MomentumParameters = ORIGINAL, held: tuple[str, ...] = ()) -> dict[str, float]:
    return {symbol: weight for symbol, weight in signal_of(parameters, held).weights.items() if weight}


@pytest.mark.mission(41)
def test_worked_table_is_ranked_as_by_hand() -> None:
    signal = signal_of()
    assert [(fund.symbol, fund.rank) for fund in signal.funds] == [
        (symbol, place) for place, (symbol, _) in enumerate(WORKED, start=1)
    ]
    assert [fund.momentum for fund in signal.funds] == pytest.approx([value for _, value in WORKED])
    assert signal.signal_date == FRIDAY


@pytest.mark.mission(41)
def test_top_three_share_the_equity() -> None:
    assert weights_of() == pytest.approx({"SXLK": 1 / 3, "SXLF": 1 / 3, "SXLV": 1 / 3})
    assert signal_of().cash_weight == 0


@pytest.mark.mission(41)
def test_floor_of_minus_twenty_percent_is_inclusive() -> None:
    everyone = weights_of(replace(ORIGINAL, top_n=9))
    assert "SXLY" in everyone and not {"SXLI", "SXLE"} & set(everyone)
    assert everyone["SXLY"] == pytest.approx(1 / 7)
    reason = next(fund.reason for fund in signal_of(replace(ORIGINAL, top_n=9)).funds if fund.symbol == "SXLI")
    assert reason == "momentum -21.0% is below the floor of -20%"


def test_equal_momenta_are_ranked_by_symbol_whatever_the_order_of_the_histories() -> None:
    histories = worked_histories()
    for seed in range(5):
        items = list(histories.items())
        random.Random(seed).shuffle(items)
        ranked = momentum_signal(dict(items), ORIGINAL, today=TODAY).funds
        assert [fund.symbol for fund in ranked[1:3]] == ["SXLF", "SXLV"]


def test_holding_keeps_its_place_up_to_the_exit_rank() -> None:
    assert set(weights_of(DEFAULTS, held=("SXLB",))) == {"SXLK", "SXLF", "SXLB"}  # rank 5 stays
    assert set(weights_of(DEFAULTS, held=("SXLU",))) == {"SXLK", "SXLF", "SXLV"}  # rank 6 leaves
    assert set(weights_of(ORIGINAL, held=("SXLB",))) == {"SXLK", "SXLF", "SXLV"}  # switched off
    [kept] = [fund for fund in signal_of(DEFAULTS, ("SXLB",)).funds if fund.is_held_over]
    assert (kept.symbol, kept.reason) == ("SXLB", "held, and rank 5 is within the exit rank 5")
    displaced = next(fund for fund in signal_of(DEFAULTS, ("SXLB",)).funds if fund.symbol == "SXLV")
    assert displaced.reason == "rank 3 is in the top 3, but holdings within the exit rank keep the places"


def test_of_too_many_holdings_the_best_stay() -> None:
    assert set(weights_of(DEFAULTS, held=("SXLF", "SXLV", "SXLP", "SXLB"))) == {"SXLF", "SXLV", "SXLP"}


def test_holding_below_the_floor_leaves() -> None:
    strict = replace(DEFAULTS, momentum_floor=0.15)
    assert set(weights_of(strict, held=("SXLP",))) == {"SXLK", "SXLF", "SXLV"}


def test_fewer_qualify_the_original_invests_everything() -> None:
    strict = replace(ORIGINAL, momentum_floor=0.3)
    assert weights_of(strict) == {"SXLK": 1.0}
    assert signal_of(strict).cash_weight == 0


def test_fewer_qualify_the_other_places_stay_cash_where_that_is_set() -> None:
    strict = replace(ORIGINAL, momentum_floor=0.3, cash_when_fewer=True)
    assert weights_of(strict) == pytest.approx({"SXLK": 1 / 3})
    assert signal_of(strict).cash_weight == pytest.approx(2 / 3)


def test_nobody_qualifies_all_is_cash() -> None:
    signal = signal_of(replace(ORIGINAL, momentum_floor=0.9))
    assert set(signal.weights.values()) == {0.0}
    assert signal.cash_weight == 1


def test_position_limit_leaves_the_rest_in_cash() -> None:
    limited = replace(ORIGINAL, momentum_floor=0.3, max_position_weight=0.4)
    assert weights_of(limited) == {"SXLK": 0.4}


def test_momentum_is_the_product_of_twelve_returns_before_the_latest() -> None:
    ends = [100.0, 110.0, 99.0, 120.0, 130.0, 90.0, 95.0, 96.0, 97.0, 105.0, 108.0, 111.0, 125.0, 400.0]
    closes = closes_at_month_ends(ends)
    found = month_ends("SXLK", closes, FRIDAY)
    assert [close.value for close in found] == ends
    assert monthly_returns(found)[:2] == pytest.approx([0.10, -0.10])
    assert twelve_one_momentum(found) == pytest.approx(0.25)


def test_month_of_the_latest_close_counts_as_the_latest_even_if_complete() -> None:
    """On Sunday 1 February the latest month is January, so the twelve returns end with December."""
    values = [100.0, *[50.0] * 11, 130.0, 1000.0]
    histories = {"SXLK": closes_at_month_ends(values, latest=date(2026, 1, 30))}
    [fund] = momentum_signal(histories, ORIGINAL, today=date(2026, 2, 1)).funds
    assert fund.momentum == pytest.approx(0.30)
    assert fund.month_ends[-2].on == date(2025, 12, 31)


def test_too_few_months_are_named() -> None:
    histories = worked_histories() | {"SXLE": closes_at_month_ends([100.0] * 10)}
    with pytest.raises(NotEnoughHistory) as caught:
        momentum_signal(histories, ORIGINAL, today=TODAY)
    assert str(caught.value) == (
        "SXLE has 9 monthly returns, the 12-1 momentum needs 13: month-end closes of 2025-01 to 2025-04 are missing."
    )


def test_exactly_thirteen_monthly_returns_suffice() -> None:
    [fund] = momentum_signal({"SXLK": closes_at_month_ends([1.0] * 14)}, ORIGINAL, today=TODAY).funds
    assert (fund.momentum, len(fund.month_ends)) == (0.0, 14)
    with pytest.raises(NotEnoughHistory, match="12 monthly returns.*month-end closes of 2025-01 are missing"):
        momentum_signal({"SXLK": closes_at_month_ends([1.0] * 13)}, ORIGINAL, today=TODAY)


def test_hole_in_the_months_is_named() -> None:
    closes = [close for close in closes_at_month_ends([1.0] * 20) if close.on != month_end(5)]
    with pytest.raises(NotEnoughHistory, match="SXLK has 4 monthly returns.*2025-01 to 2025-09 are missing"):
        momentum_signal({"SXLK": closes}, ORIGINAL, today=TODAY)


def test_every_fund_without_enough_history_is_named() -> None:
    histories = {"SXLK": [], "SXLE": closes_at_month_ends([1.0] * 3), "SXLF": closes_at_month_ends([1.0] * 14)}
    with pytest.raises(NotEnoughHistory, match="SXLE has 2 monthly returns.*SXLK has no closes at all"):
        momentum_signal(histories, ORIGINAL, today=TODAY)


def test_fund_that_stopped_trading_is_named() -> None:
    old = closes_at_month_ends([1.0] * 14, latest=FRIDAY - timedelta(days=8))
    with pytest.raises(StaleHistory, match="SXLK has no close since 2026-02-05"):
        momentum_signal(worked_histories() | {"SXLK": old}, ORIGINAL, today=TODAY)
    with pytest.raises(StaleHistory, match="newest close of any fund is of 2026-02-13, today is 2026-02-21"):
        momentum_signal(worked_histories(), ORIGINAL, today=date(2026, 2, 21))


def test_fund_not_yet_traded_in_the_new_month_is_ranked_over_the_same_months() -> None:
    """All others have a close of Monday 2 February, this one only of Friday: its December is not its January."""
    monday = date(2026, 2, 2)
    traded = closes_at_month_ends([100.0, *[1.0] * 11, 150.0, 9.0], latest=monday)
    silent = [close for close in traded if close.on != monday]
    funds = momentum_signal({"SXLK": traded, "SXLF": silent}, ORIGINAL, today=date(2026, 2, 3)).funds
    assert [fund.momentum for fund in funds] == pytest.approx([0.5, 0.5])


PRICES = st.integers(1_000, 100_000).map(lambda cents: f"{cents / 100:.2f}")
TABLES = st.fixed_dictionaries({symbol: st.lists(PRICES, min_size=14, max_size=16) for symbol in SECTORS})
HELD = st.sets(st.sampled_from(sorted(SECTORS)))


def as_histories(table: dict[str, list[str]], factor: float = 1.0) -> dict[str, list[Close]]:
    return {
        symbol: closes_at_month_ends([float(price) * factor for price in prices]) for symbol, prices in table.items()
    }


@given(TABLES, HELD, st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(-20, 20))
def test_signal_agrees_with_a_slow_second_opinion(
    table: dict[str, list[str]],
    held: set[str],
    top_n: int,
    exit_rank: int,
    hysteresis: bool,
    cash_when_fewer: bool,
    twentieths: int,
) -> None:
    parameters = MomentumParameters(
        top_n=top_n,
        momentum_floor=twentieths / 20,
        hysteresis=hysteresis,
        exit_rank_threshold=exit_rank,
        cash_when_fewer=cash_when_fewer,
    )
    found = momentum_signal(as_histories(table), parameters, incumbents=held, today=TODAY)
    expected = slow.weights(
        table,
        top_n=top_n,
        floor=str(twentieths / 20),
        held=held,
        exit_rank=exit_rank if hysteresis else None,
        cash_when_fewer=cash_when_fewer,
    )
    assert found.weights == pytest.approx({symbol: float(weight) for symbol, weight in expected.items()})
    for fund in found.funds:
        assert fund.momentum == pytest.approx(float(slow.momentum(table[fund.symbol])), abs=1e-11)


@given(TABLES, HELD, st.randoms(use_true_random=False))
def test_order_of_the_input_does_not_matter(table: dict[str, list[str]], held: set[str], chance: random.Random) -> None:
    histories = as_histories(table)
    shuffled = list(histories.items())
    chance.shuffle(shuffled)
    for _, closes in shuffled:
        chance.shuffle(closes)
    straight = momentum_signal(as_histories(table), DEFAULTS, incumbents=held, today=TODAY)
    assert momentum_signal(dict(shuffled), DEFAULTS, incumbents=held, today=TODAY) == straight


@given(TABLES, HELD, st.integers(-10, 10), st.sampled_from(sorted(SECTORS)))
def test_unit_of_the_prices_does_not_matter(
    table: dict[str, list[str]], held: set[str], power: int, symbol: str
) -> None:
    """One fund quoted in another unit. Powers of two, which floats multiply exactly."""
    straight = momentum_signal(as_histories(table), DEFAULTS, incumbents=held, today=TODAY)
    scaled = as_histories(table) | {symbol: as_histories(table, 2.0**power)[symbol]}
    other = momentum_signal(scaled, DEFAULTS, incumbents=held, today=TODAY)
    assert [(fund.symbol, fund.momentum) for fund in other.funds] == [
        (fund.symbol, fund.momentum) for fund in straight.funds
    ]
    assert other.weights == straight.weights


@given(TABLES, HELD, st.floats(0.001, 1000))
def test_momentum_in_pence_is_that_in_pounds(table: dict[str, list[str]], held: set[str], factor: float) -> None:
    straight = momentum_signal(as_histories(table), DEFAULTS, today=TODAY)
    other = momentum_signal(as_histories(table, factor), DEFAULTS, today=TODAY)
    assert {fund.symbol: fund.momentum for fund in other.funds} == pytest.approx(
        {fund.symbol: fund.momentum for fund in straight.funds}, abs=1e-10
    )


@given(TABLES, HELD)
def test_selection_that_is_followed_stays_as_it_is(table: dict[str, list[str]], held: set[str]) -> None:
    """Whoever trades to the signal and asks again is told nothing new."""
    first = momentum_signal(as_histories(table), DEFAULTS, incumbents=held, today=TODAY)
    chosen = {fund.symbol for fund in first.selected}
    again = momentum_signal(as_histories(table), DEFAULTS, incumbents=chosen, today=TODAY)
    assert again.weights == first.weights
    assert len(chosen) <= DEFAULTS.top_n and sum(first.weights.values()) <= 1 + 1e-9
