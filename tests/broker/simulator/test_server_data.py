"""Market data, history and option calculations as the real client decodes them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from ib_async import (
    IB,
    ComboLeg,
    Contract,
    Forex,
    Index,
    Option,
    RequestError,
    ScannerSubscription,
    Stock,
    Ticker,
)

from apps.broker.simulator.testing import SimulatorProcess

from .conftest import Connect
from .server_support import Recorder, until

EXPIRY = "20261218"


@pytest.fixture
async def ib(simulator: SimulatorProcess, connect: Connect) -> IB:
    return await connect(simulator, 1)


async def spy(ib: IB) -> Stock:
    contract = Stock("SPY", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


async def option_of(ib: IB, right: str = "C") -> Option:
    contract = Option("SPY", EXPIRY, 625, right, "SMART")
    await ib.qualifyContractsAsync(contract)
    assert contract.conId
    return contract


# quotes


async def test_stream_tells_all_prices_and_follows_the_market(simulator: SimulatorProcess, ib: IB) -> None:
    ticker = ib.reqMktData(await spy(ib))
    await until(lambda: ticker.volume == ticker.volume and ticker.hasBidAsk())
    assert ticker.low <= ticker.last <= ticker.high
    assert ticker.bid < ticker.ask and ticker.bidSize > 0 and ticker.lastSize > 0
    assert ticker.open > 0 and ticker.close > 0 and ticker.halted == 0
    assert ticker.marketDataType == 1 and ticker.minTick == 0.01

    told = simulator.control("price SPY 612.34")
    await until(lambda: ticker.last == told["last"])
    assert (ticker.bid, ticker.ask) == (told["bid"], told["ask"])


async def test_only_what_changed_is_sent(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    ib.reqMktData(contract)
    recorder = Recorder(ib)
    await until(lambda: len(recorder.messages) > 8)
    recorder.messages.clear()
    simulator.control("halt SPY on")
    await until(lambda: recorder.messages)
    assert ["45", "6", recorder.messages[0][2], "49", "1"] in recorder.messages
    assert not [fields for fields in recorder.messages if fields[0] == "1" and fields[3] in ("6", "7", "9", "14")]


async def test_cancelled_stream_is_silent(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    ticker = ib.reqMktData(contract)
    await until(ticker.hasBidAsk)
    ib.cancelMktData(contract)
    simulator.wait_until("status", "lines", 0)
    recorder = Recorder(ib)
    simulator.control("tick 20")
    await ib.reqCurrentTimeAsync()
    assert not recorder.kinds() & {1, 2, 45, 46}


async def test_snapshot_ends_and_leaves_no_line(simulator: SimulatorProcess, ib: IB) -> None:
    (ticker,) = await ib.reqTickersAsync(await spy(ib))
    assert ticker.hasBidAsk()
    assert simulator.control("status")["lines"] == 0


async def test_generic_ticks_arrive(ib: IB) -> None:
    ticker = ib.reqMktData(await spy(ib), "100,101,104,105,106,165,221,233,236,293,375,411,456")
    await until(lambda: ticker.shortableShares == ticker.shortableShares and ticker.dividends)
    assert 0 < ticker.histVolatility < 2 and 0 < ticker.impliedVolatility < 2
    assert ticker.low52week <= ticker.low26week <= ticker.low13week < ticker.high13week <= ticker.high52week
    assert ticker.avVolume > 0 and ticker.callVolume > 0 and ticker.putOpenInterest > 0
    assert ticker.markPrice == pytest.approx(ticker.midpoint())
    assert ticker.rtVolume > 0 and ticker.vwap > 0 and ticker.tradeCount > 0


async def test_generic_ticks_of_options_know_the_right(ib: IB) -> None:
    call = ib.reqMktData(await option_of(ib, "C"), "100,101")
    put = ib.reqMktData(await option_of(ib, "P"), "100,101")
    await until(lambda: call.callOpenInterest > 0 and put.putOpenInterest > 0)
    assert math.isnan(call.putOpenInterest) and math.isnan(put.callOpenInterest)


@pytest.mark.parametrize(("ticks", "snapshot"), [("1,2", False), ("100", True), ("x", False)])
async def test_wrong_generic_ticks_are_refused(ib: IB, ticks: str, snapshot: bool) -> None:
    recorder = Recorder(ib)
    ib.reqMktData(await spy(ib), ticks, snapshot)
    await recorder.error(321)


async def test_index_has_no_bid_and_ask(ib: IB) -> None:
    index = Index("VIX", "CBOE")
    await ib.qualifyContractsAsync(index)
    ticker = ib.reqMktData(index)
    await until(lambda: ticker.last > 0)
    assert ticker.bid == -1 and not ticker.hasBidAsk()


async def test_option_stream_has_all_four_computations(simulator: SimulatorProcess, ib: IB) -> None:
    ticker = ib.reqMktData(await option_of(ib))
    await until(lambda: ticker.modelGreeks and ticker.lastGreeks and ticker.bidGreeks and ticker.askGreeks)
    model = ticker.modelGreeks
    assert 0 < model.delta < 1 and model.gamma > 0 and model.vega > 0 and model.theta < 0
    assert ticker.bidGreeks.impliedVol < ticker.askGreeks.impliedVol
    simulator.control("price SPY 500")
    await until(lambda: ticker.modelGreeks.undPrice == pytest.approx(500, abs=0.02))
    assert ticker.modelGreeks.delta < model.delta


async def test_combo_is_priced_from_its_legs(ib: IB) -> None:
    low, high = await option_of(ib), Option("SPY", EXPIRY, 640, "C", "SMART")
    await ib.qualifyContractsAsync(high)
    legs = [ComboLeg(low.conId, 1, "BUY", "SMART"), ComboLeg(high.conId, 1, "SELL", "SMART")]
    bag = Contract(secType="BAG", symbol="SPY", currency="USD", exchange="SMART", comboLegs=legs)
    recorder = Recorder(ib)
    ib.client.reqMktData(900, bag, "", False, False, [])
    legs_now = await ib.reqTickersAsync(low, high)
    prices = {fields[3]: float(fields[4]) for fields in recorder.messages if fields[0] == "1" and fields[2] == "900"}
    assert prices["1"] == pytest.approx(legs_now[0].bid - legs_now[1].ask)
    assert prices["2"] == pytest.approx(legs_now[0].ask - legs_now[1].bid)


@pytest.mark.parametrize(
    ("level", "wanted", "code", "data_type", "delayed"),
    [
        ("live", 1, None, 1, False),
        ("live", 3, None, 1, False),
        ("delayed", 1, 354, None, False),
        ("delayed", 3, 10167, 3, True),
        ("none", 1, 354, None, False),
        ("none", 3, 354, None, False),
    ],
)
async def test_entitlement_decides_the_kind_of_data(
    simulator: SimulatorProcess, ib: IB, level: str, wanted: int, code: int | None, data_type: int | None, delayed: bool
) -> None:
    simulator.control(f"entitle {level} SPY")
    recorder = Recorder(ib)
    ib.reqMarketDataType(wanted)
    ticker: Ticker = ib.reqMktData(await spy(ib))
    if code:
        await recorder.error(code)
    if data_type:
        await until(ticker.hasBidAsk)
        assert ticker.marketDataType == data_type
        assert ("66" in {fields[3] for fields in recorder.messages if fields[0] == "1"}) is delayed
    else:
        await ib.reqCurrentTimeAsync()
        assert not ticker.hasBidAsk()


async def test_frozen_data_is_given_only_outside_exchange_hours(connect: Connect) -> None:
    saturday = ("--start", "2026-11-21T15:00:00Z", "--exchange-hours")
    with SimulatorProcess(*saturday) as simulator:
        ib = await connect(simulator, 1)
        ib.reqMarketDataType(2)
        ticker = ib.reqMktData(await spy(ib))
        await until(ticker.hasBidAsk)
        assert ticker.marketDataType == 2


async def test_delayed_option_stream_has_computations(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("entitle delayed")
    ib.reqMarketDataType(4)
    recorder = Recorder(ib)
    ticker = ib.reqMktData(await option_of(ib))
    await until(lambda: ticker.modelGreeks)
    assert {fields[2] for fields in recorder.messages if fields[0] == "21"} == {"80", "81", "82", "83"}


# contracts


async def test_whole_expiry_is_resolved_by_one_request(ib: IB) -> None:
    details = await ib.reqContractDetailsAsync(Option("SPY", EXPIRY, exchange="SMART"))
    assert len(details) > 50
    assert {found.contract.lastTradeDateOrContractMonth for found in details} == {EXPIRY}
    assert {found.contract.multiplier for found in details} == {"100"}


async def test_unknown_contract_is_error_200(ib: IB) -> None:
    with pytest.raises(RequestError) as refusal:
        await ib.reqContractDetailsAsync(Stock("NOSUCHTHING", "SMART", "USD"))
    assert refusal.value.code == 200


async def test_ambiguous_contract_is_error_200_for_data(ib: IB) -> None:
    recorder = Recorder(ib)
    ib.client.reqMktData(901, Option("SPY", EXPIRY, exchange="SMART"), "", False, False, [])
    assert "ambiguous" in (await recorder.error(200))[2]


async def test_data_without_exchange_is_refused(ib: IB) -> None:
    recorder = Recorder(ib)
    ib.client.reqMktData(902, Contract(conId=756733), "", False, False, [])
    assert "exchange" in (await recorder.error(321))[2]


async def test_chain_has_expirations_and_strikes(ib: IB) -> None:
    contract = await spy(ib)
    chains = await ib.reqSecDefOptParamsAsync("SPY", "", "STK", contract.conId)
    smart = next(chain for chain in chains if chain.exchange == "SMART")
    assert EXPIRY in smart.expirations and 625.0 in smart.strikes and smart.multiplier == "100"


async def test_chain_of_a_wrong_contract_id_is_refused(ib: IB) -> None:
    recorder = Recorder(ib)
    ib.client.reqSecDefOptParams(903, "SPY", "", "STK", 1)
    await recorder.error(321)


async def test_market_rule_tells_the_increments(ib: IB) -> None:
    (details,) = await ib.reqContractDetailsAsync(await option_of(ib))
    rule = await ib.reqMarketRuleAsync(int(details.marketRuleIds.split(",")[0]))
    assert rule and rule[0].lowEdge == 0 and rule[0].increment > 0


# history


async def test_daily_bars_cover_a_year_and_end_today(ib: IB) -> None:
    bars = await ib.reqHistoricalDataAsync(await spy(ib), "", "1 Y", "1 day", "TRADES", True)
    assert 248 <= len(bars) <= 256
    assert bars[-1].date == date(2026, 11, 20)
    assert all(bar.low <= min(bar.open, bar.close) and bar.high >= max(bar.open, bar.close) for bar in bars)
    assert all(bar.volume > 0 and bar.barCount > 0 for bar in bars)


@pytest.mark.parametrize("date_format", [1, 2])
async def test_intraday_bars_start_at_the_open(ib: IB, date_format: int) -> None:
    end = datetime(2026, 11, 19, 21, 0, tzinfo=UTC)
    bars = await ib.reqHistoricalDataAsync(await spy(ib), end, "1 D", "30 mins", "TRADES", True, date_format)
    assert len(bars) == 13
    assert bars[0].date == datetime(2026, 11, 19, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "size", "what", "code"),
    [("1 D", "7 mins", "TRADES", 321), ("1 X", "1 day", "TRADES", 321), ("1 D", "1 day", "NONSENSE", 321)],
)
async def test_nonsense_history_request_is_refused(ib: IB, duration: str, size: str, what: str, code: int) -> None:
    recorder = Recorder(ib)
    ib.client.reqHistoricalData(904, await spy(ib), "", duration, size, what, True, 1, False, [])
    await recorder.error(code)


async def test_wrong_end_date_is_error_10314(ib: IB) -> None:
    with pytest.raises(RequestError) as refusal:
        await ib.reqHistoricalDataAsync(await spy(ib), "yesterday", "1 D", "1 day", "TRADES", True)
    assert refusal.value.code == 10314


async def test_history_kept_up_to_date_grows_and_opens_new_bars(simulator: SimulatorProcess, ib: IB) -> None:
    bars = await ib.reqHistoricalDataAsync(await spy(ib), "", "1800 S", "1 min", "TRADES", True, keepUpToDate=True)
    count, last = len(bars), bars[-1].date
    told = simulator.control("price SPY 610")
    await until(lambda: bars[-1].close == told["last"])
    assert len(bars) in (count, count + 1)
    simulator.control("tick 130")
    await until(lambda: bars[-1].date >= last + timedelta(minutes=2))
    dates = [bar.date for bar in bars]
    assert dates == sorted(set(dates))
    ib.cancelHistoricalData(bars)
    await ib.reqCurrentTimeAsync()
    assert simulator.control("status")["clients"][0]["subscriptions"] == ["account_multi 1"]


async def test_schedule_head_timestamp_and_histogram(ib: IB) -> None:
    contract = await spy(ib)
    schedule = await ib.reqHistoricalScheduleAsync(contract, 5, useRTH=True)
    assert len(schedule.sessions) == 5 and schedule.sessions[-1].refDate == "20261120"
    first = await ib.reqHeadTimeStampAsync(contract, "TRADES", True, 1)
    assert first.year < 2026
    as_epoch = await ib.reqHeadTimeStampAsync(contract, "TRADES", True, 2)
    assert as_epoch.replace(tzinfo=None) == first
    histogram = await ib.reqHistogramDataAsync(contract, True, "1 week")
    assert len(histogram) > 10 and all(row.count > 0 for row in histogram)


@pytest.mark.parametrize("what", ["TRADES", "BID_ASK", "MIDPOINT"])
async def test_historical_ticks_of_all_kinds(ib: IB, what: str) -> None:
    start = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
    ticks = await ib.reqHistoricalTicksAsync(await spy(ib), start, "", 100, what, True)
    assert len(ticks) == 100
    assert ticks[0].time >= start
    if what == "BID_ASK":
        assert all(tick.priceBid < tick.priceAsk for tick in ticks)


async def test_historical_ticks_need_one_bound(ib: IB) -> None:
    with pytest.raises(RequestError) as refusal:
        await ib.reqHistoricalTicksAsync(await spy(ib), "", "", 100, "TRADES", True)
    assert refusal.value.code == 10187


# live bars, ticks, depth


async def test_real_time_bars_come_every_five_seconds(simulator: SimulatorProcess, ib: IB) -> None:
    bars = ib.reqRealTimeBars(await spy(ib), 5, "MIDPOINT", True)
    await ib.reqCurrentTimeAsync()
    simulator.control("tick 21")
    await until(lambda: len(bars) >= 4)
    assert {(after.time - before.time).total_seconds() for before, after in zip(bars, bars[1:], strict=False)} == {5.0}
    assert all(bar.low <= bar.close <= bar.high for bar in bars)


@pytest.mark.parametrize("kind", ["Last", "AllLast", "BidAsk", "MidPoint"])
async def test_tick_by_tick_follows_the_market(simulator: SimulatorProcess, ib: IB, kind: str) -> None:
    contract = await spy(ib)
    ticker = ib.reqTickByTickData(contract, kind)
    await until(lambda: ticker.tickByTicks)
    seen: list[object] = []
    ticker.updateEvent += lambda changed: seen.extend(changed.tickByTicks)
    simulator.control("tick 20")
    await until(lambda: len(seen) > 3)


async def test_tick_by_tick_of_options_is_refused(ib: IB) -> None:
    recorder = Recorder(ib)
    ib.reqTickByTickData(await option_of(ib), "Last")
    await recorder.error(10189)


@pytest.mark.parametrize("smart", [True, False])
async def test_depth_shows_a_book_around_the_quote(simulator: SimulatorProcess, ib: IB, smart: bool) -> None:
    contract = await spy(ib)
    ticker = ib.reqMktDepth(contract, 5, smart)
    await until(lambda: len(ticker.domBids) == 5 and len(ticker.domAsks) == 5)
    told = simulator.control("price SPY 600.5")
    await until(lambda: ticker.domBids[0].price == told["bid"] and ticker.domAsks[0].price == told["ask"])
    prices = [level.price for level in ticker.domBids]
    assert prices == sorted(prices, reverse=True)


# calculations, scanner, currencies


async def test_calculations_are_each_others_inverse(ib: IB) -> None:
    contract = await option_of(ib)
    priced = await ib.calculateOptionPriceAsync(contract, 0.25, 620.0)
    found = await ib.calculateImpliedVolatilityAsync(contract, priced.optPrice, 620.0)
    assert found.impliedVol == pytest.approx(0.25, abs=1e-4)
    assert found.undPrice == 620.0


async def test_scanner_ranks_and_filters(ib: IB) -> None:
    gainers = await ib.reqScannerDataAsync(ScannerSubscription(10, "STK", "STK.US.MAJOR", "TOP_PERC_GAIN"))
    assert [row.rank for row in gainers] == list(range(10))
    expensive = ScannerSubscription(50, "STK", "STK.US", "MOST_ACTIVE", abovePrice=400)
    found = await ib.reqScannerDataAsync(expensive)
    assert "SPY" in {row.contractDetails.contract.symbol for row in found}
    assert "F" not in {row.contractDetails.contract.symbol for row in found}


async def test_scanner_subscription_repeats(simulator: SimulatorProcess, ib: IB) -> None:
    rows = ib.reqScannerSubscription(ScannerSubscription(5, "STK", "STK.US", "MOST_ACTIVE"))
    await until(lambda: len(rows) == 5)
    updates: list[object] = []
    ib.scannerDataEvent += updates.append
    simulator.control("tick 31")
    await until(lambda: updates)
    assert len(rows) == 5


async def test_currency_pair_streams(ib: IB) -> None:
    pair = Forex("GBPUSD")
    await ib.qualifyContractsAsync(pair)
    ticker = ib.reqMktData(pair)
    await until(ticker.hasBidAsk)
    assert 1.0 < ticker.bid < ticker.ask < 1.7
