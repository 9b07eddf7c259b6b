"""The limits that IB documents: messages, market data lines, history, subscriptions, ids."""

from __future__ import annotations

import asyncio

import pytest
from ib_async import IB, Option, RequestError, Stock

from apps.broker.simulator.limits import HistoryPacing, HistoryQuery, MessageRate
from apps.broker.simulator.testing import SimulatorProcess
from apps.broker.simulator.types import RequestError as Refusal

from .conftest import Connect
from .server_support import Recorder, Wire, until

ACCOUNT = "DU1234567"
SPY = Stock("SPY", "SMART", "USD", conId=756733)


@pytest.fixture
async def ib(simulator: SimulatorProcess, connect: Connect) -> IB:
    return await connect(simulator, 1)


# messages


def test_message_rate_counts_a_strict_sliding_second() -> None:
    rate = MessageRate()
    assert [rate.wait(0.02 * number, 50) for number in range(50)] == [0.0] * 50
    assert rate.wait(0.99, 50) == pytest.approx(0.01)
    assert rate.wait(1.0, 50) == 0.0
    assert rate.wait(1.0, 50) > 0
    assert rate.wait(1.0, 0) == 0.0


def test_message_above_the_rate_is_lost_with_error_100(simulator: SimulatorProcess) -> None:
    link = Wire(simulator)
    link.login(1)
    for _ in range(60):
        link.say(49, 1)
    assert link.hear_error(100)[2] == "-1"
    link.close()


def test_third_violation_disconnects(simulator: SimulatorProcess) -> None:
    link = Wire(simulator)
    link.login(1)
    for _ in range(52):
        link.say(49, 1)
    assert link.is_closed_by_peer()
    link.close()


async def test_pace_mode_loses_nothing(simulator: SimulatorProcess, connect: Connect) -> None:
    simulator.control("pacing 50 pace")
    ib = await connect(simulator, 1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for request_id in range(1000, 1100):
        ib.client.reqMatchingSymbols(request_id, "SPY")
    recorder = Recorder(ib)
    await until(lambda: len(recorder.messages) >= 100)
    assert [int(fields[1]) for fields in recorder.messages if fields[0] == "79"] == list(range(1000, 1100))
    assert loop.time() - began > 1.0
    assert ib.isConnected()


async def test_client_may_ask_for_pacing_at_login(simulator: SimulatorProcess) -> None:
    ib = IB()
    ib.client.MaxRequests = 0
    ib.client.setConnectOptions("+PACEAPI")
    await ib.connectAsync("127.0.0.1", simulator.port, 9, timeout=10)
    recorder = Recorder(ib)
    for request_id in range(1000, 1080):
        ib.client.reqMatchingSymbols(request_id, "SPY")
    await until(lambda: len(recorder.messages) >= 80)
    assert ib.isConnected() and 100 not in recorder.codes()
    ib.disconnect()


async def test_pacing_can_be_switched_off(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("pacing off")
    recorder = Recorder(ib)
    for request_id in range(1000, 1300):
        ib.client.reqMatchingSymbols(request_id, "SPY")
    await until(lambda: len(recorder.messages) == 300)
    assert recorder.codes() == []


# lines


async def test_hundred_lines_over_all_clients(connect: Connect) -> None:
    with SimulatorProcess("--pacing", "0") as simulator:
        first, second = await connect(simulator, 1), await connect(simulator, 2)
        details = await first.reqContractDetailsAsync(Option("SPY", "20261218", exchange="SMART"))
        for number, found in enumerate(details[:100]):
            (first if number % 2 else second).reqMktData(found.contract)
        simulator.wait_until("status", "lines", 100)
        recorder = Recorder(second)
        second.reqMktData(SPY)
        assert "Max number of tickers" in (await recorder.error(101))[2]

        first.cancelMktData(details[1].contract)
        simulator.wait_until("status", "lines", 99)
        second.client.reqMktData(5000, SPY, "", False, False, [])
        simulator.wait_until("status", "lines", 100)

        first.disconnect()
        simulator.wait_until("status", "lines", 51)


async def test_duplicate_and_unknown_ticker_ids(ib: IB) -> None:
    recorder = Recorder(ib)
    ib.client.reqMktData(700, SPY, "", False, False, [])
    ib.client.reqMktData(700, SPY, "", False, False, [])
    assert (await recorder.error(102))[0] == 700
    ib.client.cancelMktData(701)
    assert (await recorder.error(300))[0] == 701


async def test_depth_and_tick_by_tick_have_their_own_limits(simulator: SimulatorProcess, ib: IB) -> None:
    recorder = Recorder(ib)
    for number in range(4):
        ib.client.reqMktDepth(800 + number, SPY, 5, True, [])
    assert (await recorder.error(309))[0] == 803
    for number in range(6):
        ib.client.reqTickByTickData(900 + number, SPY, "Last", 0, False)
    assert (await recorder.error(10190))[0] == 905
    assert simulator.control("status")["lines"] == 8


async def test_two_account_summaries_per_client(simulator: SimulatorProcess, ib: IB, connect: Connect) -> None:
    recorder = Recorder(ib)
    for request_id in (600, 601, 602):
        ib.client.reqAccountSummary(request_id, "All", "NetLiquidation")
    assert (await recorder.error(322))[0] == 602
    other = await connect(simulator, 2)
    await other.reqAccountSummaryAsync()
    ib.client.cancelAccountSummary(600)
    ib.client.reqAccountSummary(603, "All", "NetLiquidation")
    await until(lambda: ["64", "1", "603"] in recorder.messages)


# history


def query(line: str = "SPY", text: str = "", weight: int = 1) -> HistoryQuery:
    return HistoryQuery((line,), (line, text), weight)


def refused(pacing: HistoryPacing, wanted: HistoryQuery, now: float) -> bool:
    try:
        pacing.admit(wanted, now)
    except Refusal as refusal:
        assert refusal.code == 162
        return True
    return False


def test_identical_history_within_fifteen_seconds_is_refused() -> None:
    pacing = HistoryPacing()
    assert not refused(pacing, query(), 0)
    assert refused(pacing, query(), 14.9)
    assert not refused(pacing, query(text="other"), 14.9)
    assert not refused(pacing, query(), 15.0)


def test_six_history_requests_for_one_line_within_two_seconds_are_refused() -> None:
    pacing = HistoryPacing()
    assert [refused(pacing, query(text=str(number)), 0.1 * number) for number in range(6)] == [False] * 5 + [True]
    assert not refused(pacing, query(text="later"), 2.5)
    assert not refused(pacing, query("MSFT"), 0.5)


def test_sixty_history_requests_in_ten_minutes() -> None:
    pacing = HistoryPacing()
    assert not any(refused(pacing, query(f"line {number}"), number) for number in range(60))
    assert refused(pacing, query("one more"), 599)
    assert not refused(pacing, query("one more"), 600)


def test_bid_ask_history_counts_twice() -> None:
    pacing = HistoryPacing()
    assert not any(refused(pacing, query(f"line {number}", weight=2), number) for number in range(30))
    assert refused(pacing, query("one more"), 31)


async def test_identical_history_request_is_error_162(simulator: SimulatorProcess, ib: IB) -> None:
    arguments = (SPY, "", "2 D", "1 hour", "TRADES", True)
    assert await ib.reqHistoricalDataAsync(*arguments)
    with pytest.raises(RequestError) as refusal:
        await ib.reqHistoricalDataAsync(*arguments)
    assert refusal.value.code == 162 and "pacing violation" in refusal.value.message
    simulator.control("hist-pacing off")
    for _ in range(10):
        assert await ib.reqHistoricalDataAsync(*arguments)


async def test_fifty_open_history_requests(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("pacing off")
    simulator.control("hist-pacing off")
    recorder = Recorder(ib)
    for request_id in range(2000, 2051):
        ib.client.reqHistoricalData(request_id, SPY, "", "3600 S", "1 min", "TRADES", True, 1, True, [])
    assert (await recorder.error(162))[0] == 2050


async def test_history_without_permission_is_error_162(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("entitle none SPY")
    with pytest.raises(RequestError) as refusal:
        await ib.reqHistoricalDataAsync(SPY, "", "2 D", "1 hour", "TRADES", True)
    assert refusal.value.code == 162
