"""Option chains, contract ids, quotes and Greeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import exp

import pytest

from apps.broker.simulator.market.option_numbers import FIRST_ID, expiry_of, from_con_id, week_of
from apps.broker.simulator.types import Query, RequestError

from .market_support import FRIDAY_MORNING, bars, index, new_market, option, stock

SPY = 756733
MARKET = new_market()


def _chain(symbol: str, expiry: str, right: str = "C") -> list[tuple[float, int]]:
    found = MARKET.find(Query(symbol=symbol, sec_type="OPT", expiry=expiry, right=right, exchange="SMART"))
    return [(contract.strike, contract.con_id) for contract in found]


def _model(con_id: int) -> float:
    computation = MARKET.computation(con_id, "model")
    assert computation is not None
    return computation.price


def test_chain_has_six_weeklies_and_eight_monthlies() -> None:
    (smart, *others) = MARKET.chains(SPY)
    assert (smart.exchange, smart.trading_class, smart.multiplier) == ("SMART", "SPY", 100)
    assert {chain.exchange for chain in others} == {"CBOE", "PHLX"}
    assert smart.expirations == (
        "20261120", "20261127", "20261204", "20261211", "20261218", "20261224",
        "20270115", "20270219", "20270319", "20270416", "20270521", "20270617",
    )  # fmt: skip


def test_every_us_line_has_a_chain_around_its_price_and_nothing_else_has() -> None:
    for contract in MARKET.all_contracts():
        chains = MARKET.chains(contract.con_id)
        assert bool(chains) == (contract.sec_type == "STK" and contract.exchange == "SMART")
        if chains:
            spot = MARKET.quote(contract.con_id).last
            assert spot
            assert 12 <= len([strike for strike in chains[0].strikes if strike > spot]) <= 55
            assert 12 <= len([strike for strike in chains[0].strikes if strike < spot]) <= 55


def test_todays_expiration_leaves_the_chain_at_the_close() -> None:
    evening = new_market(FRIDAY_MORNING.replace(hour=21))
    assert evening.chains(SPY)[0].expirations[0] == "20261127"
    assert new_market(FRIDAY_MORNING.replace(hour=20, minute=59)).chains(SPY)[0].expirations[0] == "20261120"


def test_expiration_on_a_holiday_moves_to_the_day_before() -> None:
    assert expiry_of(week_of(date(2027, 3, 26))) == date(2027, 3, 25)


def test_incomplete_option_means_the_whole_part_of_the_chain() -> None:
    chain = MARKET.chains(SPY)[0]
    everything = MARKET.find(Query(symbol="SPY", sec_type="OPT", exchange="SMART"))
    assert len(everything) == 2 * len(chain.expirations) * len(chain.strikes)
    month = MARKET.find(Query(symbol="SPY", sec_type="OPT", expiry="202612", right="PUT"))
    assert {contract.expiry for contract in month} == {"20261204", "20261211", "20261218", "20261224"}
    assert {contract.right for contract in month} == {"P"}
    assert len(MARKET.find(Query(symbol="SPY", sec_type="OPT", strike=600.0))) == 2 * len(chain.expirations)


def test_option_is_found_by_local_symbol() -> None:
    call = option(MARKET, "AAPL", "20261218", 230.0, "C")
    assert call.local_symbol == "AAPL  261218C00230000"
    assert MARKET.find(Query(sec_type="OPT", local_symbol=call.local_symbol)) == MARKET.find(Query(con_id=call.con_id))


@pytest.mark.parametrize(
    "change",
    [
        {"strike": 600.5}, {"strike": 5000.0}, {"expiry": "20261219"}, {"expiry": "20301218"}, {"right": "X"},
        {"multiplier": "10"}, {"currency": "EUR"}, {"exchange": "LSEETF"}, {"trading_class": "SPYW"},
        {"expiry": "20261113"}, {"symbol": "ABC"}, {"local_symbol": "SPY 261218C006"}, {"con_id": FIRST_ID - 1},
    ],
)  # fmt: skip
def test_option_that_does_not_exist_is_error_200(change: dict[str, object]) -> None:
    known = {"symbol": "SPY", "sec_type": "OPT", "expiry": "20261218", "strike": 600.0, "right": "C"}
    assert MARKET.find(Query(**known))  # type: ignore[arg-type]
    with pytest.raises(RequestError) as caught:
        MARKET.find(Query(**{**known, **change}))  # type: ignore[arg-type]
    assert caught.value.code == 200


def test_expired_option_is_found_only_if_asked_for() -> None:
    query = Query(symbol="SPY", sec_type="OPT", expiry="20261113", strike=600.0, right="C", include_expired=True)
    (expired,) = MARKET.find(query)
    quote = MARKET.quote(expired.con_id)
    close = bars(MARKET, stock(MARKET, "SPY"), "6 D", "1 day")[0]
    assert close.start.date() == date(2026, 11, 13)
    assert (quote.bid, quote.ask) == (None, None)
    assert quote.last == pytest.approx(max(0, close.close - 600), abs=0.011)
    assert MARKET.computation(expired.con_id, "model") is None


def test_contract_ids_are_unique_fit_into_31_bits_and_survive_restarts() -> None:
    fresh = new_market(seed=99)
    ids: set[int] = set()
    for under in MARKET.all_contracts():
        if MARKET.chains(under.con_id):
            for contract in MARKET.find(Query(symbol=under.symbol, sec_type="OPT")):
                assert contract.con_id not in ids
                ids.add(contract.con_id)
                assert FIRST_ID <= contract.con_id < 2**31
                assert fresh.by_con_id(contract.con_id) == contract
    assert len(ids) > 50_000


def test_contract_ids_do_not_move_with_time() -> None:
    before = option(MARKET, "SPY", "20270115", 620.0, "P")
    later = new_market(FRIDAY_MORNING + timedelta(days=40))
    assert option(later, "SPY", "20270115", 620.0, "P") == before
    assert new_market(FRIDAY_MORNING + timedelta(days=400)).by_con_id(before.con_id) == before


@pytest.mark.parametrize("con_id", [FIRST_ID, 2**31 - 1, FIRST_ID + 1, 1_005_097_385 + 1, -5])
def test_id_that_belongs_to_no_option_is_unknown(con_id: int) -> None:
    assert MARKET.by_con_id(con_id) is None


def test_id_of_a_strike_off_the_grid_is_unknown() -> None:
    call = option(MARKET, "SPY", "20261218", 600.0, "C")
    assert from_con_id(call.con_id + 2) is None


@pytest.mark.parametrize("symbol", ["SPY", "NVDA", "KO"])
@pytest.mark.parametrize("expiry", ["20261127", "20261218", "20270617"])
def test_model_prices_obey_parity(symbol: str, expiry: str) -> None:
    calls, puts = _chain(symbol, expiry, "C"), _chain(symbol, expiry, "P")
    forwards = []
    for (strike, call), (_, put) in zip(calls, puts, strict=True):
        computation = MARKET.computation(call, "model")
        assert computation is not None
        years = (datetime.strptime(expiry, "%Y%m%d").replace(hour=21, tzinfo=UTC) - FRIDAY_MORNING).total_seconds()
        if expiry == "20270617":
            years -= 3600  # summer time
        if expiry == "20261127":
            years -= 3 * 3600  # half day
        discount = exp(-0.04 * years / 365 / 86400)
        carried = computation.underlying_price - computation.dividend_present_value
        assert computation.price - _model(put) == pytest.approx(carried - strike * discount, abs=1e-6)
        forwards.append(carried / discount)
    assert max(forwards) - min(forwards) < 1e-6


@pytest.mark.parametrize("symbol", ["SPY", "TSLA", "XLU"])
def test_chain_prices_are_monotone_and_convex_in_strike(symbol: str) -> None:
    for expiry in MARKET.chains(stock(MARKET, symbol).con_id)[0].expirations:
        for right, sign in (("C", -1), ("P", 1)):
            points = [(strike, _model(con_id)) for strike, con_id in _chain(symbol, expiry, right)]
            slopes = [(b - a) / (y - x) for (x, a), (y, b) in pairwise(points)]
            assert all(-1e-9 <= sign * slope <= 1 for slope in slopes)
            assert all(after - before >= -1e-9 for before, after in pairwise(slopes))


def test_index_funds_are_skewed_more_than_shares() -> None:
    def skew(symbol: str) -> float:
        contract = stock(MARKET, symbol)
        spot = MARKET.quote(contract.con_id).last or 0
        volatilities = []
        for aim in (0.95, 1.0):
            _, con_id = min(_chain(symbol, "20261218"), key=lambda point: abs(point[0] - aim * spot))
            computation = MARKET.computation(con_id, "model")
            assert computation is not None
            volatilities.append(computation.implied_volatility)
        return volatilities[0] - volatilities[1]

    assert skew("SPY") > skew("MSFT") > 0


def test_at_the_money_volatility_matches_the_index_of_the_line() -> None:
    spot = MARKET.quote(SPY).last or 0
    _, con_id = min(_chain("SPY", "20261218"), key=lambda point: abs(point[0] - spot))
    computation = MARKET.computation(con_id, "model")
    assert computation is not None
    assert computation.implied_volatility == pytest.approx(MARKET.implied_volatility_index(SPY), rel=0.06)


def test_quote_brackets_the_model_on_the_legal_grid() -> None:
    for symbol, step in (("SPY", 0.01), ("MSFT", 0.05)):
        for _, con_id in _chain(symbol, "20261218") + _chain(symbol, "20261218", "P"):
            quote, model = MARKET.quote(con_id), _model(con_id)
            assert quote.ask is not None and quote.last is not None
            assert (quote.bid or 0) <= model <= quote.ask
            assert (quote.bid or 0) <= quote.last <= quote.ask and quote.low <= quote.last <= quote.high
            assert quote.bid is None or quote.bid < quote.ask
            if quote.bid and quote.bid >= 3:
                assert round(quote.bid / step, 6) == round(quote.bid / step)


def test_worthless_option_has_no_bid() -> None:
    quote = MARKET.quote(max(_chain("SPY", "20261120"))[1])
    assert (quote.bid, quote.bid_size) == (None, 0) and quote.ask and quote.ask < 0.05


def test_volatilities_of_bid_and_ask_bracket_the_model() -> None:
    spot = MARKET.quote(SPY).last or 0
    for strike, con_id in _chain("SPY", "20261218"):
        if abs(strike / spot - 1) < 0.04:
            kinds = [MARKET.computation(con_id, kind) for kind in ("bid", "model", "ask")]
            low, middle, high = (kind.implied_volatility for kind in kinds if kind)
            quote = MARKET.quote(con_id)
            assert low < middle < high
            assert kinds[0] and kinds[2] and (kinds[0].price, kinds[2].price) == (quote.bid, quote.ask)


def test_custom_computations_invert_each_other() -> None:
    call = option(MARKET, "SPY", "20261218", 620.0, "C")
    priced = MARKET.price_from_volatility(call.con_id, 0.25, 630.0)
    solved = MARKET.volatility_from_price(call.con_id, priced.price, 630.0)
    assert solved.implied_volatility == pytest.approx(0.25, rel=1e-6)
    assert solved.underlying_price == 630.0
    for price in (0.01, 700.0):
        with pytest.raises(RequestError, match="No volatility"):
            MARKET.volatility_from_price(call.con_id, price, 630.0)
    with pytest.raises(RequestError, match="must be positive"):
        MARKET.price_from_volatility(call.con_id, -0.2, 630.0)


def test_computation_of_a_share_is_refused() -> None:
    with pytest.raises(RequestError, match="No security definition"):
        MARKET.computation(SPY, "model")


def test_option_follows_its_underlying_and_volatility() -> None:
    market = new_market()
    call = option(market, "SPY", "20261218", 625.0, "C")
    before = market.quote(call.con_id)
    market.set_price("SPY", 640.0)
    risen = market.quote(call.con_id)
    assert risen.last and before.last and risen.last > before.last + 5
    vix = market.quote(index(market, "VIX").con_id).last
    market.set_price("VIX", 1.5 * (vix or 0))
    assert (market.quote(call.con_id).last or 0) > risen.last + 2


def test_option_decays_to_intrinsic_value() -> None:
    market = new_market(datetime(2026, 12, 18, 20, 59, 50, tzinfo=UTC))
    spot = market.quote(SPY).last or 0
    for contract in market.find(Query(symbol="SPY", sec_type="OPT", expiry="20261218", right="C")):
        computation = market.computation(contract.con_id, "model")
        assert computation is not None
        assert computation.price == pytest.approx(max(0, spot - contract.strike), abs=0.25)


def test_option_bars_end_at_the_current_quote_and_halves_make_the_day() -> None:
    call = option(MARKET, "SPY", "20261218", 625.0, "C")
    for size in ("1 min", "5 mins", "30 mins", "1 day"):
        last = bars(MARKET, call, "2 D", size)[-1]
        assert last.close == MARKET.quote(call.con_id).last
        assert last.low <= min(last.open, last.close) <= max(last.open, last.close) <= last.high
    halves, days = bars(MARKET, call, "4 D", "30 mins"), bars(MARKET, call, "4 D", "1 day")
    for day in days:
        parts = [bar for bar in halves if bar.start.date() == day.start.date()]
        assert (parts[0].open, parts[-1].close) == (day.open, day.close)
        assert (max(bar.high for bar in parts), min(bar.low for bar in parts)) == (day.high, day.low)


def test_option_has_no_bars_before_it_was_listed() -> None:
    weekly = option(MARKET, "SPY", "20261127", 625.0, "C")
    assert bars(MARKET, weekly, "1 Y", "1 day")[0].start >= datetime(2026, 10, 16, tzinfo=UTC)
    with pytest.raises(RequestError, match="no data") as caught:
        bars(MARKET, weekly, "1 M", "1 day", end=datetime(2026, 9, 1, tzinfo=UTC))
    assert caught.value.code == 162
