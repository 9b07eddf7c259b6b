"""How prices move: repeatably, together, and as told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log
from statistics import correlation, stdev

import pytest

from apps.broker.simulator.market import Market
from apps.broker.simulator.types import MarketSettings, RequestError

from .market_support import FRIDAY_MORNING, SATURDAY, bars, euro, index, new_market, stock


def _returns(market: Market, symbol: str, kind: str = "stock") -> list[float]:
    contract = stock(market, symbol) if kind == "stock" else index(market, symbol)
    closes = [bar.close for bar in bars(market, contract, "2 Y", "1 day")]
    return [log(b / a) for a, b in zip(closes, closes[1:], strict=False)]


def test_same_seed_and_steps_give_the_same_quotes() -> None:
    first, second = new_market(), new_market()
    for _ in range(40):
        first.tick(3)
    second.tick(120)
    quotes = [[market.quote(c.con_id) for c in market.all_contracts()] for market in (first, second)]
    assert quotes[0] == quotes[1]


def test_another_seed_gives_another_market() -> None:
    prices = {new_market(seed=seed).quote(756733).last for seed in (1, 2, 3)}
    assert len(prices) == 3


def test_market_started_later_continues_the_one_started_earlier() -> None:
    early = new_market(FRIDAY_MORNING - timedelta(hours=1))
    early.tick(3600)
    late = new_market()
    assert [early.quote(c.con_id) for c in early.all_contracts()] == [
        late.quote(c.con_id) for c in late.all_contracts()
    ]


def test_tick_names_exactly_the_lines_whose_price_changed() -> None:
    market = new_market()
    ids = [contract.con_id for contract in market.all_contracts()]
    for _ in range(50):
        before = {con_id: market.quote(con_id) for con_id in ids}
        changed = market.tick()
        for con_id in ids:
            after = market.quote(con_id)
            same = (after.bid, after.ask, after.last) == (before[con_id].bid, before[con_id].ask, before[con_id].last)
            assert same or con_id in changed
    assert market.now() == FRIDAY_MORNING + timedelta(seconds=50)


def test_machine_clock_drives_the_market_unless_time_is_fixed() -> None:
    market = Market(MarketSettings(seed=7))
    assert abs((market.now() - datetime.now(UTC)).total_seconds()) < 5
    market.tick()
    assert market.now() - market.quote(756733).at < timedelta(seconds=5)


def test_steps_last_one_tick_interval_from_a_given_start() -> None:
    market = Market(MarketSettings(seed=7, start=FRIDAY_MORNING, tick_interval=0.25))
    market.tick(8)
    assert market.now() == FRIDAY_MORNING + timedelta(seconds=2)


def test_quotes_stay_in_order_and_inside_the_day() -> None:
    market = new_market()
    for _ in range(200):
        market.tick(7)
        for contract in market.all_contracts():
            quote = market.quote(contract.con_id)
            if quote.bid is not None and quote.ask is not None:
                assert quote.bid < quote.ask
                assert quote.last is None or quote.bid <= quote.last <= quote.ask
            if quote.last is not None:
                assert quote.low <= quote.last <= quote.high
                assert quote.low <= quote.open <= quote.high


def test_spread_is_tight_for_liquid_and_wider_for_small_lines() -> None:
    market = new_market()
    spy, fund = market.quote(stock(market, "SPY").con_id), market.quote(stock(market, "SXLB").con_id)
    assert spy.ask and spy.bid and fund.ask and fund.bid
    assert (spy.ask - spy.bid) / spy.bid < 0.0001 < (fund.ask - fund.bid) / fund.bid < 0.003


def test_volatility_is_believable() -> None:
    market = new_market()
    for symbol, low, high in (("SPY", 0.09, 0.24), ("KO", 0.08, 0.24), ("NVDA", 0.28, 0.6), ("TLT", 0.09, 0.2)):
        assert low < stdev(_returns(market, symbol)) * 252**0.5 < high


def test_shares_of_one_market_move_together_and_volatility_against_it() -> None:
    market = new_market()
    spy = _returns(market, "SPY")
    assert correlation(spy, _returns(market, "QQQ")) > 0.75
    assert correlation(spy, _returns(market, "SPX", "index")) > 0.99
    assert correlation(spy, _returns(market, "VIX", "index")) < -0.7
    assert abs(correlation(spy, _returns(market, "GLD"))) < 0.4
    assert correlation(_returns(market, "XLK"), _returns(market, "MSFT")) > 0.6


def test_minutes_are_correlated_too() -> None:
    market = new_market(datetime(2026, 11, 19, 20, 30, tzinfo=UTC))
    moves = []
    for symbol in ("SPY", "QQQ"):
        closes = [bar.close for bar in bars(market, stock(market, symbol), "2 D", "1 min")]
        moves.append([log(b / a) for a, b in zip(closes, closes[1:], strict=False)])
    assert correlation(*moves) > 0.6


def test_price_set_by_hand_holds_now_and_leaves_the_past_alone() -> None:
    market = new_market()
    spy = stock(market, "SPY")
    past = bars(market, spy, "5 D", "1 min")[:-1]
    assert market.set_price("SPY", 700.0) == spy
    quote = market.quote(spy.con_id)
    assert quote.last == 700.0 == quote.high
    assert bars(market, spy, "5 D", "1 min")[:-1] == past
    assert bars(market, spy, "1 D", "1 day")[-1].close == 700.0
    market.tick(5)
    assert market.quote(spy.con_id).last == pytest.approx(700, rel=0.005)


def test_bars_over_a_price_set_by_hand_still_add_up() -> None:
    market = new_market()
    aapl = stock(market, "AAPL")
    market.tick(37)
    market.set_price("AAPL", 400.0)
    market.tick(1900)
    market.set_price("AAPL", 200.0)
    market.tick(333)
    minutes, (day,) = bars(market, aapl, "1 D", "1 min"), bars(market, aapl, "1 D", "1 day")
    assert (max(bar.high for bar in minutes), min(bar.low for bar in minutes)) == (day.high, day.low)
    assert day.high >= 400 and day.low <= 200
    assert minutes[-1].close == day.close == market.quote(aapl.con_id).last


def test_price_of_both_lines_of_a_fund_is_set_together() -> None:
    market = new_market()
    dollar, pence = stock(market, "SXLK"), stock(market, "SXLK", "GBP")
    before = market.quote(pence.con_id).last
    now = market.quote(dollar.con_id).last
    assert before and now
    market.set_price("SXLK", now * 1.1)
    assert market.quote(pence.con_id).last == pytest.approx(before * 1.1, rel=1e-3)


def test_setting_sterling_moves_the_pence_lines() -> None:
    market = new_market()
    pence = stock(market, "SXLK", "GBP")
    before, rate = market.quote(pence.con_id).last, market.exchange_rate("GBP", "USD")
    market.set_price("GBP.USD", rate * 1.05)
    assert before and market.quote(pence.con_id).last == pytest.approx(before / 1.05, rel=1e-3)


def test_setting_the_volatility_index_moves_implied_volatility() -> None:
    market = new_market()
    spy, vix = stock(market, "SPY"), index(market, "VIX")
    before, level = market.implied_volatility_index(spy.con_id), market.quote(vix.con_id).last
    assert before and level
    market.set_price("VIX", 2 * level)
    assert market.implied_volatility_index(spy.con_id) == pytest.approx(2 * before, rel=1e-3)


@pytest.mark.parametrize(("symbol", "price"), [("NOPE", 10.0), ("SPY", 0.0), ("SPY", -1.0)])
def test_impossible_price_is_refused(symbol: str, price: float) -> None:
    with pytest.raises(RequestError):
        new_market().set_price(symbol, price)


def test_halted_line_stands_still_and_resumes_where_it_stood() -> None:
    market = new_market()
    tsla = stock(market, "TSLA")
    market.halt("TSLA", True)
    before = market.quote(tsla.con_id)
    assert before.halted
    assert all(tsla.con_id not in market.tick(30) for _ in range(20))
    halted = market.quote(tsla.con_id)
    assert (halted.last, halted.bid, halted.ask) == (before.last, before.bid, before.ask)
    market.halt("TSLA", False)
    resumed = market.quote(tsla.con_id)
    assert (resumed.last, resumed.halted) == (before.last, False)
    minutes, (day,) = bars(market, tsla, "1 D", "1 min"), bars(market, tsla, "1 D", "1 day")
    assert (max(bar.high for bar in minutes), min(bar.low for bar in minutes)) == (day.high, day.low)
    assert minutes[-2].high == minutes[-2].low == before.last
    market.tick(60)
    assert market.quote(tsla.con_id).last != before.last


def test_market_moves_at_weekends_unless_it_keeps_hours() -> None:
    always, strict = new_market(SATURDAY), new_market(SATURDAY, exchange_hours=True)
    spy = stock(strict, "SPY")
    friday_close = bars(strict, spy, "1 D", "1 day")[-1].close
    assert strict.quote(spy.con_id).last == friday_close
    assert strict.tick(60) == frozenset() and always.tick(60)
    assert always.is_open(spy, SATURDAY) and not strict.is_open(spy, SATURDAY)
    assert strict.is_open(spy, FRIDAY_MORNING) and not strict.is_open(euro(strict), SATURDAY)


def test_hours_are_kept_per_exchange() -> None:
    market = new_market(FRIDAY_MORNING.replace(hour=18), exchange_hours=True)
    changed = market.tick(60)
    assert stock(market, "SPY").con_id in changed
    assert stock(market, "SXLK").con_id not in changed


def test_settings_seed_is_all_that_differs_between_equal_markets() -> None:
    settings = MarketSettings(seed=11, start=FRIDAY_MORNING, tick_interval=0)
    one, other = Market(settings), Market(replace(settings, seed=12))
    assert [c.con_id for c in one.all_contracts()] == [c.con_id for c in other.all_contracts()]
    assert one.chains(756733)[0].expirations == other.chains(756733)[0].expirations
