"""Whole shares from weights: worked by hand, and what must hold of any portfolio."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.strategies.choices import Action
from apps.strategies.domain.rebalance import Advice, Candidate, FundLine, Quotation, advise, largest_first

EQUITY = Decimal(100_000)
THRESHOLD = Decimal("0.02")


def line(
    quantity: str = "0", price: str | None = "100", value: str | None = "", con_id: int = 1, note: str = ""
) -> FundLine:
    quotation = None if price is None else Quotation(Decimal(price), Decimal(price), "market", "USD")
    worth = Decimal(quantity) * Decimal(price or "100") if value == "" else None if value is None else Decimal(value)
    return FundLine(con_id, f"L{con_id}", "USD", Decimal(quantity), worth, quotation, note)


def candidate(target: str, *lines: FundLine, symbol: str = "SXLK") -> Candidate:
    return Candidate(symbol, Decimal(target), largest_first(lines), "rank 1 is in the top 3")


def advice_of(*candidates: Candidate, cash: str = "100000") -> Advice:
    return advise(EQUITY, Decimal(cash), THRESHOLD, candidates)


def shares_of(*candidates: Candidate) -> list[tuple[str, int]]:
    return [(trade.action.value, int(trade.shares)) for trade in advice_of(*candidates).trades]


@pytest.mark.mission(41)
def test_buy_is_floored() -> None:
    # (0.3333333333333333 - 0.10) x 100,000 / 77 = 303.03
    [trade] = advice_of(candidate("0.3333333333333333", line("100", "77", value="10000"))).trades
    assert (trade.action, trade.shares, trade.value) == (Action.BUY, 303, Decimal(23_331))
    assert trade.reason == "rank 1 is in the top 3: 10.0% to 33.3%"


@pytest.mark.mission(41)
def test_partial_sale_is_floored() -> None:
    # (0.50 - 0.3333333333333333) x 100,000 / 77 = 216.45
    assert shares_of(candidate("0.3333333333333333", line("600", "77", value="50000"))) == [("SELL", 216)]


@pytest.mark.mission(41)
def test_sale_is_capped_at_what_is_held() -> None:
    # The price has halved since the snapshot: the formula alone would sell 600 of 500.
    assert shares_of(candidate("0.2", line("500", "50", value="50000"))) == [("SELL", 500)]


@pytest.mark.mission(41)
@pytest.mark.parametrize(("target", "trades"), [("0.0199", []), ("0.02", [("BUY", 20)]), ("0.021", [("BUY", 21)])])
def test_threshold_of_two_percent_is_inclusive(target: str, trades: list[tuple[str, int]]) -> None:
    assert shares_of(candidate(target, line())) == trades


def test_what_shall_be_left_is_sold_to_the_last_share_although_its_price_rose() -> None:
    assert shares_of(candidate("0", line("100", "105", value="10000"))) == [("SELL", 100)]


def test_third_of_the_equity_that_is_a_whole_number_of_shares_is_bought_whole() -> None:
    advice = advise(Decimal(300), Decimal(300), THRESHOLD, [candidate("0.3333333333333333", line(price="1"))])
    assert advice.trades[0].shares == 100


def test_without_a_price_it_is_held_with_a_warning() -> None:
    advice = advice_of(candidate("0", line("100", None, value="10000", note="Subscribe to LSE.")))
    assert advice.trades == ()
    assert advice.warnings == ("HOLD SXLK: no price. Subscribe to LSE.",)


def test_holding_of_unknown_worth_is_held_with_a_warning() -> None:
    advice = advice_of(candidate("0", line("100", value=None)))
    assert advice.trades == ()
    assert "HOLD SXLK: what is held of it is worth an unknown amount" in advice.warnings[0]


def test_missing_price_within_the_threshold_is_no_concern() -> None:
    assert advice_of(candidate("0.10", line("100", None, value="10000"))) == Advice((), ())


def test_two_lines_of_a_fund_count_together_and_the_larger_is_sold_first() -> None:
    dollars, pence = line("300", "100", con_id=1), line("100", "100", con_id=2)
    advice = advice_of(candidate("0.05", pence, dollars))  # 40 % held, 35 % to sell
    assert [(trade.line.con_id, int(trade.shares)) for trade in advice.trades] == [(1, 300), (2, 50)]
    assert shares_of(candidate("0.40", dollars, pence)) == []
    assert shares_of(candidate("0", dollars, pence)) == [("SELL", 300), ("SELL", 100)]


def test_rows_are_sorted_by_action_then_difference_and_summed() -> None:
    advice = advice_of(
        candidate("0", line("100", con_id=1), symbol="SXLF"),
        candidate("0.4", line(con_id=2), symbol="SXLK"),
        candidate("0.1", line(con_id=3), symbol="SXLV"),
        candidate("0.1", line("300", con_id=4), symbol="SXLE"),
        candidate("0.1", line("100", con_id=5), symbol="SXLU"),
    )
    assert [(trade.action.value, trade.symbol) for trade in advice.trades] == [
        ("BUY", "SXLV"),
        ("BUY", "SXLK"),
        ("SELL", "SXLE"),
        ("SELL", "SXLF"),
    ]
    assert (advice.buy_value, advice.sell_value, advice.net_cash_flow) == (50_000, 30_000, -20_000)


def test_buys_beyond_cash_and_sells_are_warned_of() -> None:
    advice = advice_of(candidate("0.5", line()), cash="20000")
    assert advice.warnings == ("The buys cost 30,000.00 more than the cash and the sells provide.",)
    assert not advice_of(candidate("0.5", line()), cash="50000").warnings


def test_short_position_is_bought_back() -> None:
    assert shares_of(candidate("0", line("-100"))) == [("BUY", 100)]


MONEY = st.decimals("0.5", "5000", places=2)
COUNT = st.integers(0, 3000)


@given(st.lists(st.tuples(COUNT, MONEY, MONEY), min_size=1, max_size=3), st.decimals("0", "1", places=3))
def test_advice_never_sells_more_than_is_held_nor_overshoots(
    lines: list[tuple[int, Decimal, Decimal]], target: Decimal
) -> None:
    held = [
        FundLine(number, "L", "USD", Decimal(count), count * then, Quotation(now, now, "market", "USD"))
        for number, (count, then, now) in enumerate(lines)
    ]
    wanted = Candidate("SXLK", target, largest_first(held), "why")
    equity = sum((each.value or Decimal(0) for each in held), Decimal(1_000_000))
    current = sum((each.value or Decimal(0) for each in held), Decimal(0)) / equity
    trades = advise(equity, equity, THRESHOLD, [wanted]).trades
    quantities = {each.con_id: each.quantity for each in held}
    assert len({trade.action for trade in trades}) <= 1
    for trade in trades:
        assert trade.shares == int(trade.shares) > 0
        assert trade.action is (Action.BUY if target > current else Action.SELL)
        if trade.action is Action.SELL:
            assert trade.shares <= quantities[trade.line.con_id]
    moved = sum((trade.value for trade in trades), Decimal(0))
    if target > 0:
        assert moved <= abs(target - current) * equity + Decimal("0.00001")
    if abs(target - current) < THRESHOLD:
        assert not trades


@given(COUNT, MONEY, st.decimals("0", "1", places=3), st.integers(1, 6))
def test_shares_do_not_depend_on_the_currency_of_the_account(
    count: int, price: Decimal, target: Decimal, power: int
) -> None:
    def shares(factor: int) -> list[Decimal]:
        quotation = Quotation(price, price * factor, "market", "USD")
        held = FundLine(1, "L", "GBP", Decimal(count), count * price * factor, quotation)
        equity = Decimal(20_000_000) * factor
        trades = advise(equity, equity, THRESHOLD, [Candidate("SXLK", target, (held,), "why")]).trades
        return [trade.shares for trade in trades]

    assert shares(1) == shares(2**power)
