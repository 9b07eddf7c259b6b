"""The past: it adds up, meets the present and never changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from math import log
from statistics import stdev

import pytest

from apps.broker.simulator.market import Market
from apps.broker.simulator.types import Bar, Contract, RequestError

from .market_support import FRIDAY_MORNING, SATURDAY, bars, euro, index, new_market, stock

MARKET = new_market()
SPY = stock(MARKET, "SPY")
INTRADAY = ["1 min", "2 mins", "3 mins", "5 mins", "10 mins", "15 mins", "20 mins", "30 mins", "1 hour", "2 hours"]
LINES = [SPY, stock(MARKET, "TSLA"), stock(MARKET, "SXLB"), stock(MARKET, "SXLK", "GBP"), index(MARKET, "VIX")]


def _summary(parts: list[Bar]) -> tuple[float, float, float, float, int]:
    return (
        parts[0].open,
        max(bar.high for bar in parts),
        min(bar.low for bar in parts),
        parts[-1].close,
        sum(bar.volume for bar in parts),
    )


def _by_day(found: list[Bar]) -> dict[date, list[Bar]]:
    return {day: list(parts) for day, parts in groupby(found, key=lambda bar: bar.start.date())}


@pytest.mark.parametrize("contract", LINES, ids=lambda contract: f"{contract.symbol}-{contract.currency}")
@pytest.mark.parametrize("size", INTRADAY)
def test_intraday_bars_make_the_daily_bar(contract: Contract, size: str) -> None:
    parts, days = _by_day(bars(MARKET, contract, "6 D", size)), bars(MARKET, contract, "6 D", "1 day")
    assert [day.start.date() for day in days] == list(parts)
    for day in days:
        assert _summary(parts[day.start.date()]) == _summary([day])


@pytest.mark.parametrize("what", ["TRADES", "MIDPOINT", "BID", "ASK", "OPTION_IMPLIED_VOLATILITY"])
def test_every_kind_of_bar_adds_up_with_extended_hours_too(what: str) -> None:
    market = new_market(datetime(2026, 11, 19, 23, 30, tzinfo=UTC))
    parts = bars(market, SPY, "1 D", "5 mins", what, use_rth=False)
    (day,) = bars(market, SPY, "1 D", "1 day", what, use_rth=False)
    assert _summary(parts)[:4] == _summary([day])[:4]
    assert (parts[0].start.hour, len(parts)) == (9, (18 * 60 + 30 - 4 * 60) // 5)


def test_seconds_make_the_minute() -> None:
    seconds, minutes = bars(MARKET, SPY, "1800 S", "1 secs"), bars(MARKET, SPY, "1800 S", "1 min")
    assert len(seconds) == 1800 and len(minutes) == 30
    for n, minute in enumerate(minutes):
        assert _summary(seconds[60 * n : 60 * n + 60]) == _summary([minute])
    fives = bars(MARKET, SPY, "600 S", "5 secs")
    assert _summary(fives) == _summary(minutes[20:])


def test_running_day_adds_up_in_the_middle_of_a_second() -> None:
    market = new_market(FRIDAY_MORNING + timedelta(minutes=7, seconds=31, milliseconds=250))
    (day,) = bars(market, SPY, "1 D", "1 day")
    for size in ("1 min", "30 secs", "15 mins", "1 hour"):
        assert _summary(bars(market, SPY, "1 D", size)) == _summary([day])


@pytest.mark.parametrize("size", ["1 day", "1 hour", "5 mins", "30 secs", "1W", "1M"])
def test_last_bar_ends_at_the_current_price(size: str) -> None:
    market = new_market()
    for _ in range(30):
        market.tick(13)
        assert bars(market, SPY, "1 D", size)[-1].close == market.quote(SPY.con_id).last


def test_bars_continue_each_other() -> None:
    for found in _by_day(bars(MARKET, SPY, "5 D", "1 min")).values():
        assert all(before.close == after.open for before, after in pairwise(found))


def test_quote_agrees_with_the_bars_of_the_day() -> None:
    yesterday, today = bars(MARKET, SPY, "2 D", "1 day")
    quote = MARKET.quote(SPY.con_id)
    assert (quote.open, quote.high, quote.low, quote.last) == (today.open, today.high, today.low, today.close)
    assert (quote.close, quote.volume) == (yesterday.close, today.volume)


@pytest.mark.parametrize(("duration", "size"), [("2 Y", "1 day"), ("5 D", "1 min"), ("1 M", "1 hour"), ("1 Y", "1W")])
def test_past_never_changes(duration: str, size: str) -> None:
    market = new_market()
    before = bars(market, SPY, duration, size)[:-1]
    market.tick(4000)
    later = {bar.start: bar for bar in bars(market, SPY, duration, size)}
    assert [later[bar.start] for bar in before] == before
    restarted = new_market(FRIDAY_MORNING + timedelta(days=12))
    restarted_bars = {
        bar.start: bar for bar in bars(restarted, SPY, {"5 D": "20 D", "1 M": "2 M"}.get(duration, "3 Y"), size)
    }
    assert [restarted_bars[bar.start] for bar in before] == before


def test_requests_page_backwards_without_gap_or_overlap() -> None:
    whole = bars(MARKET, SPY, "10 D", "15 mins")
    second = bars(MARKET, SPY, "5 D", "15 mins")
    first = bars(MARKET, SPY, "5 D", "15 mins", end=second[0].start)
    assert first + second == whole


def test_past_end_gives_complete_bars_only() -> None:
    end = datetime(2026, 11, 18, 16, 7, 30, tzinfo=UTC)
    found = bars(MARKET, SPY, "1 D", "5 mins", end=end)
    assert found[-1].start == datetime(2026, 11, 18, 16, 0, tzinfo=UTC)
    assert bars(MARKET, SPY, "2 D", "1 day", end=end)[-1].start == datetime(2026, 11, 17, tzinfo=UTC)
    assert bars(MARKET, SPY, "2 W", "1W", end=end)[-1].start == datetime(2026, 11, 13, tzinfo=UTC)


def test_end_in_the_future_is_now() -> None:
    assert bars(MARKET, SPY, "5 D", "1 day", end=FRIDAY_MORNING + timedelta(days=3)) == bars(
        MARKET, SPY, "5 D", "1 day"
    )


@pytest.mark.parametrize(
    ("duration", "size", "count"),
    [("1 D", "1 day", 1), ("10 D", "1 day", 10), ("1 W", "1 day", 5), ("2 W", "1 day", 10), ("7200 S", "1 min", 120),
     ("1 D", "1 hour", 1), ("2 D", "1 hour", 8), ("60 S", "1 secs", 60), ("23400 S", "30 mins", 13)],
)  # fmt: skip
def test_duration_decides_how_many_bars(duration: str, size: str, count: int) -> None:
    assert len(bars(MARKET, SPY, duration, size)) == count


def test_months_and_years_reach_back_by_the_calendar() -> None:
    assert bars(MARKET, SPY, "1 M", "1 day")[0].start.date() == date(2026, 10, 21)
    assert bars(MARKET, SPY, "2 Y", "1 day")[0].start.date() == date(2024, 11, 21)
    assert bars(new_market(datetime(2026, 3, 31, 15, tzinfo=UTC)), SPY, "1 M", "1 day")[0].start.date() == date(
        2026, 3, 2
    )


def test_two_years_contain_every_session_once() -> None:
    found = bars(MARKET, SPY, "2 Y", "1 day")
    days = [bar.start.date() for bar in found]
    assert len(days) == len(set(days)) == 501 and days == sorted(days)
    assert {bar.start.hour for bar in found} == {0}
    for holiday in (date(2025, 1, 9), date(2025, 7, 4), date(2025, 12, 25), date(2026, 4, 3), date(2026, 6, 19)):
        assert holiday not in days
    assert date(2025, 12, 24) in days


def test_hourly_bars_begin_on_the_hour_after_the_open() -> None:
    starts = [bar.start.strftime("%H:%M") for bar in bars(MARKET, SPY, "2 D", "1 hour")]
    assert starts == ["14:30", "15:00", "16:00", "17:00", "18:00", "19:00", "20:00", "14:30"]


def test_weekend_request_ends_with_friday() -> None:
    market = new_market(SATURDAY)
    assert bars(market, SPY, "1 D", "1 day")[-1].start.date() == date(2026, 11, 20)
    assert len(bars(market, SPY, "3600 S", "1 min")) == 60


def test_bars_are_well_formed() -> None:
    for contract in LINES:
        for bar in bars(MARKET, contract, "1 Y", "1 day"):
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.low <= bar.average <= bar.high and bar.low > 0
            assert (bar.volume > 0) == (bar.count > 0) == (contract.sec_type == "STK")


def test_quote_kinds_surround_trades_and_carry_no_volume() -> None:
    kinds = {what: bars(MARKET, SPY, "10 D", "1 day", what) for what in ("TRADES", "BID", "ASK", "MIDPOINT", "BID_ASK")}
    for trade, bid, ask, middle, both in zip(*kinds.values(), strict=True):
        assert bid.close <= trade.close <= ask.close and bid.close < middle.close < ask.close
        assert (both.high, both.low) == (ask.high, bid.low)
        assert (bid.volume, bid.average, bid.count) == (-1, -1.0, -1)
    assert bars(MARKET, SPY, "10 D", "1 day", "ADJUSTED_LAST") == kinds["TRADES"]
    quote = MARKET.quote(SPY.con_id)
    assert (kinds["BID"][-1].close, kinds["ASK"][-1].close) == (quote.bid, quote.ask)


def test_historical_volatility_is_that_of_thirty_daily_returns() -> None:
    closes = [bar.close for bar in bars(MARKET, SPY, "31 D", "1 day")]
    returns = [log(b / a) for a, b in pairwise(closes)]
    (bar,) = bars(MARKET, SPY, "1 D", "1 day", "HISTORICAL_VOLATILITY")
    assert bar.close == pytest.approx(stdev(returns) * 252**0.5, rel=0.01)
    assert MARKET.historical_volatility(SPY.con_id) == pytest.approx(bar.close, abs=1e-6)


def test_implied_volatility_has_a_year_for_its_rank() -> None:
    found = bars(MARKET, SPY, "1 Y", "1 day", "OPTION_IMPLIED_VOLATILITY")
    assert len(found) > 245
    assert found[-1].close == pytest.approx(MARKET.implied_volatility_index(SPY.con_id), abs=1e-6)
    assert 0.05 < min(bar.low for bar in found) < max(bar.high for bar in found) < 0.6


def test_currency_days_run_from_evening_to_evening() -> None:
    pair = euro(MARKET)
    hours = bars(MARKET, pair, "2 D", "1 hour", "MIDPOINT")
    assert hours[0].start == datetime(2026, 11, 18, 22, 0, tzinfo=UTC)
    (yesterday, today) = bars(MARKET, pair, "2 D", "1 day", "MIDPOINT")
    assert _summary(hours[:24])[:4] == _summary([yesterday])[:4]
    quote = MARKET.quote(pair.con_id)
    assert quote.bid and quote.ask and today.close == pytest.approx((quote.bid + quote.ask) / 2)


@pytest.mark.parametrize(
    ("contract", "what"),
    [(euro(MARKET), "TRADES"), (index(MARKET, "SPX"), "BID"), (index(MARKET, "VIX"), "OPTION_IMPLIED_VOLATILITY"),
     (stock(MARKET, "SXLK"), "OPTION_IMPLIED_VOLATILITY")],
)  # fmt: skip
def test_kind_that_does_not_exist_for_a_line_is_error_162(contract: Contract, what: str) -> None:
    with pytest.raises(RequestError, match="no data") as caught:
        bars(MARKET, contract, "1 D", "1 day", what)
    assert caught.value.code == 162


@pytest.mark.parametrize(
    ("duration", "size", "what", "code"),
    [
        ("", "1 day", "TRADES", 321), ("1", "1 day", "TRADES", 321), ("1 X", "1 day", "TRADES", 321),
        ("0 D", "1 day", "TRADES", 321), ("-1 D", "1 day", "TRADES", 321), ("1.5 D", "1 day", "TRADES", 321),
        ("366 D", "1 day", "TRADES", 321), ("13 M", "1 day", "TRADES", 321), ("86401 S", "1 min", "TRADES", 321),
        ("1 D", "7 mins", "TRADES", 321), ("1 D", "", "TRADES", 321), ("1 D", "1 day", "PRICES", 321),
        ("1 D", "1 secs", "TRADES", 162), ("1 Y", "1 min", "TRADES", 162), ("2 D", "30 secs", "TRADES", 162),
    ],
)  # fmt: skip
def test_nonsense_is_refused_as_ib_does(duration: str, size: str, what: str, code: int) -> None:
    with pytest.raises(RequestError) as caught:
        bars(MARKET, SPY, duration, size, what)
    assert caught.value.code == code and caught.value.text.isascii()


def test_contract_of_another_market_has_no_history() -> None:
    with pytest.raises(RequestError, match="No security definition"):
        bars(MARKET, replace(SPY, con_id=1), "1 D", "1 day")


def test_weeks_and_months_are_whole_however_they_are_asked_for() -> None:
    for size, short, long in (("1W", "1 M", "1 Y"), ("1M", "3 M", "2 Y")):
        some, all_of_them = bars(MARKET, SPY, short, size), bars(MARKET, SPY, long, size)
        assert all_of_them[-len(some) :] == some
    months = bars(MARKET, SPY, "2 M", "1M")
    days = [bar for bar in bars(MARKET, SPY, "3 M", "1 day") if bar.start.month == 10]
    assert _summary([months[-2]]) == _summary(days)


def test_history_begins_somewhere() -> None:
    head = MARKET.head_timestamp(SPY, "TRADES")
    assert head == datetime(2021, 1, 4, 14, 30, tzinfo=UTC)
    assert bars(MARKET, SPY, "20 Y", "1 day")[0].start.date() == head.date()
    with pytest.raises(RequestError, match="no data"):
        bars(MARKET, SPY, "1 Y", "1 day", end=datetime(2020, 1, 1, tzinfo=UTC))


def test_historical_ticks_forwards_and_backwards_agree() -> None:
    back = MARKET.historical_ticks(SPY, None, FRIDAY_MORNING, 500, "TRADES")
    ahead = MARKET.historical_ticks(SPY, back[0].at, None, 500, "TRADES")
    assert ahead == back and len(back) == 500
    assert back[-1].price == MARKET.quote(SPY.con_id).last
    both = MARKET.historical_ticks(SPY, None, FRIDAY_MORNING, 3, "BID_ASK")
    assert all(tick.bid < tick.ask for tick in both)
    assert len(MARKET.historical_ticks(SPY, FRIDAY_MORNING - timedelta(days=3), None, 5000, "TRADES")) == 1000
    with pytest.raises(RequestError, match="start or the end"):
        MARKET.historical_ticks(SPY, None, None, 10, "TRADES")


def test_histogram_counts_the_volume_of_its_period() -> None:
    found = MARKET.histogram(SPY, "3 days", True)
    days = bars(MARKET, SPY, "3 D", "1 day")
    assert sum(count for _, count in found) == sum(bar.volume for bar in days)
    assert min(bar.low for bar in days) <= found[0][0] < found[-1][0] <= max(bar.high for bar in days)
    with pytest.raises(RequestError, match="period"):
        MARKET.histogram(SPY, "some days", True)


def test_long_runs_do_not_grow_without_bound() -> None:
    market = new_market()
    for _ in range(300):
        market.tick(60)
    paths = [line.prices.path for line in market._lines.values()]
    assert all(len(path._minutes) <= 241 and len(path._slots) <= 151 for path in paths)


def test_market_is_the_same_after_wild_reading() -> None:
    wild, calm = new_market(), new_market()
    for n in range(40):
        wild.tick(5)
        for contract in (SPY, *LINES):
            bars(wild, contract, f"{n % 7 + 1} D", INTRADAY[n % len(INTRADAY)])
    calm.tick(200)
    assert _everything(wild) == _everything(calm)


def _everything(market: Market) -> list[object]:
    return [market.quote(contract.con_id) for contract in market.all_contracts()]
