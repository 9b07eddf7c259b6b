"""Every request that the client library can send is answered."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from ib_async import (
    IB,
    ExecutionFilter,
    MarketOrder,
    Option,
    ScannerSubscription,
    StartupFetchNONE,
    Stock,
    WshEventData,
)
from ib_async.client import Client

from apps.broker.simulator.testing import SimulatorProcess

from .conftest import Connect
from .server_support import Recorder, until

ACCOUNT = "DU1234567"
SPY = Stock("SPY", "SMART", "USD", conId=756733)
R = 777  # request id
ERROR = 4


@dataclass(frozen=True)
class Case:
    """`answers`: message numbers of which one must arrive; `code`: of the error that must arrive; neither: silence."""

    send: Callable[[Client], None]
    answers: tuple[int, ...] = ()
    code: int | None = None


def order_messages(client: Client) -> None:
    client.placeOrder(R, SPY, MarketOrder("BUY", 1, orderId=R))


CASES: dict[str, Case] = {
    "reqMktData": Case(lambda c: c.reqMktData(R, SPY, "", False, False, []), (1,)),
    "cancelMktData": Case(lambda c: c.cancelMktData(R), code=300),
    "placeOrder": Case(order_messages, (5,)),
    "cancelOrder": Case(lambda c: c.cancelOrder(9999), code=10147),
    "reqOpenOrders": Case(lambda c: c.reqOpenOrders(), (53,)),
    "reqAccountUpdates": Case(lambda c: c.reqAccountUpdates(True, ACCOUNT), (54,)),
    "reqExecutions": Case(lambda c: c.reqExecutions(R, ExecutionFilter()), (55,)),
    "reqIds": Case(lambda c: c.reqIds(1), (9,)),
    "reqContractDetails": Case(lambda c: c.reqContractDetails(R, SPY), (52,)),
    "reqMktDepth": Case(lambda c: c.reqMktDepth(R, SPY, 5, False, []), (12,)),
    "cancelMktDepth": Case(lambda c: c.cancelMktDepth(R, False), code=310),
    "reqNewsBulletins": Case(lambda c: c.reqNewsBulletins(True)),
    "cancelNewsBulletins": Case(lambda c: c.cancelNewsBulletins()),
    "setServerLogLevel": Case(lambda c: c.setServerLogLevel(2)),
    "reqAutoOpenOrders": Case(lambda c: c.reqAutoOpenOrders(True), code=327),
    "reqAllOpenOrders": Case(lambda c: c.reqAllOpenOrders(), (53,)),
    "reqManagedAccts": Case(lambda c: c.reqManagedAccts(), (15,)),
    "requestFA": Case(lambda c: c.requestFA(1), code=321),
    "replaceFA": Case(lambda c: c.replaceFA(R, 1, "<x/>"), code=321),
    "reqHistoricalData": Case(
        lambda c: c.reqHistoricalData(R, SPY, "", "2 D", "1 hour", "TRADES", True, 1, False, []), (17,)
    ),
    "exerciseOptions": Case(lambda c: c.exerciseOptions(R, SPY, 1, 1, ACCOUNT, 0), code=321),
    "reqScannerSubscription": Case(
        lambda c: c.reqScannerSubscription(R, ScannerSubscription(10, "STK", "STK.US", "MOST_ACTIVE"), [], []), (20,)
    ),
    "cancelScannerSubscription": Case(lambda c: c.cancelScannerSubscription(R), code=365),
    "reqScannerParameters": Case(lambda c: c.reqScannerParameters(), (19,)),
    "cancelHistoricalData": Case(lambda c: c.cancelHistoricalData(R), code=366),
    "reqCurrentTime": Case(lambda c: c.reqCurrentTime(), (49,)),
    "reqRealTimeBars": Case(lambda c: c.reqRealTimeBars(R, SPY, 5, "TRADES", True, [])),
    "cancelRealTimeBars": Case(lambda c: c.cancelRealTimeBars(R), code=300),
    "reqFundamentalData": Case(lambda c: c.reqFundamentalData(R, SPY, "ReportSnapshot", []), code=430),
    "cancelFundamentalData": Case(lambda c: c.cancelFundamentalData(R)),
    "calculateImpliedVolatility": Case(lambda c: c.calculateImpliedVolatility(R, SPY, 5.0, 600.0, []), code=321),
    "calculateOptionPrice": Case(lambda c: c.calculateOptionPrice(R, SPY, 0.2, 600.0, []), code=321),
    "cancelCalculateImpliedVolatility": Case(lambda c: c.cancelCalculateImpliedVolatility(R)),
    "cancelCalculateOptionPrice": Case(lambda c: c.cancelCalculateOptionPrice(R)),
    "reqGlobalCancel": Case(lambda c: c.reqGlobalCancel()),
    "reqMarketDataType": Case(lambda c: c.reqMarketDataType(3)),
    "reqPositions": Case(lambda c: c.reqPositions(), (62,)),
    "reqAccountSummary": Case(lambda c: c.reqAccountSummary(R, "All", "NetLiquidation,BuyingPower"), (64,)),
    "cancelAccountSummary": Case(lambda c: c.cancelAccountSummary(R)),
    "cancelPositions": Case(lambda c: c.cancelPositions()),
    "verifyRequest": Case(lambda c: c.verifyRequest("x", "1"), code=321),
    "verifyMessage": Case(lambda c: c.verifyMessage("x"), code=321),
    "verifyAndAuthRequest": Case(lambda c: c.verifyAndAuthRequest("x", "1", "k"), code=321),
    "verifyAndAuthMessage": Case(lambda c: c.verifyAndAuthMessage("x", "y"), code=321),
    "queryDisplayGroups": Case(lambda c: c.queryDisplayGroups(R), (67,)),
    "subscribeToGroupEvents": Case(lambda c: c.subscribeToGroupEvents(R, 1), (68,)),
    "updateDisplayGroup": Case(lambda c: c.updateDisplayGroup(R, "756733@SMART"), (68,)),
    "unsubscribeFromGroupEvents": Case(lambda c: c.unsubscribeFromGroupEvents(R)),
    "startApi": Case(lambda c: c.startApi(), code=501),
    "reqPositionsMulti": Case(lambda c: c.reqPositionsMulti(R, ACCOUNT, ""), (72,)),
    "cancelPositionsMulti": Case(lambda c: c.cancelPositionsMulti(R)),
    "reqAccountUpdatesMulti": Case(lambda c: c.reqAccountUpdatesMulti(R, ACCOUNT, "", False), (74,)),
    "cancelAccountUpdatesMulti": Case(lambda c: c.cancelAccountUpdatesMulti(R)),
    "reqSecDefOptParams": Case(lambda c: c.reqSecDefOptParams(R, "SPY", "", "STK", 756733), (76,)),
    "reqSoftDollarTiers": Case(lambda c: c.reqSoftDollarTiers(R), (77,)),
    "reqFamilyCodes": Case(lambda c: c.reqFamilyCodes(), (78,)),
    "reqMatchingSymbols": Case(lambda c: c.reqMatchingSymbols(R, "SP"), (79,)),
    "reqMktDepthExchanges": Case(lambda c: c.reqMktDepthExchanges(), (80,)),
    "reqSmartComponents": Case(lambda c: c.reqSmartComponents(R, "9c0001"), (82,)),
    "reqNewsArticle": Case(lambda c: c.reqNewsArticle(R, "BRFG", "BRFG$1", []), code=10172),
    "reqNewsProviders": Case(lambda c: c.reqNewsProviders(), (85,)),
    "reqHistoricalNews": Case(lambda c: c.reqHistoricalNews(R, 756733, "BRFG", "", "", 10, []), (87,)),
    "reqHeadTimeStamp": Case(lambda c: c.reqHeadTimeStamp(R, SPY, "TRADES", True, 1), (88,)),
    "reqHistogramData": Case(lambda c: c.reqHistogramData(R, SPY, True, "3 days"), (89,)),
    "cancelHistogramData": Case(lambda c: c.cancelHistogramData(R)),
    "cancelHeadTimeStamp": Case(lambda c: c.cancelHeadTimeStamp(R)),
    "reqMarketRule": Case(lambda c: c.reqMarketRule(26), (93,)),
    "reqPnL": Case(lambda c: c.reqPnL(R, ACCOUNT, ""), (94,)),
    "cancelPnL": Case(lambda c: c.cancelPnL(R), code=10185),
    "reqPnLSingle": Case(lambda c: c.reqPnLSingle(R, ACCOUNT, "", 756733), (95,)),
    "cancelPnLSingle": Case(lambda c: c.cancelPnLSingle(R), code=10186),
    "reqHistoricalTicks": Case(
        lambda c: c.reqHistoricalTicks(R, SPY, "", "20261119 15:00:00 US/Eastern", 10, "TRADES", True, False, []), (98,)
    ),
    "reqTickByTickData": Case(lambda c: c.reqTickByTickData(R, SPY, "BidAsk", 0, False), (99,)),
    "cancelTickByTickData": Case(lambda c: c.cancelTickByTickData(R), code=300),
    "reqCompletedOrders": Case(lambda c: c.reqCompletedOrders(False), (102,)),
    "reqWshMetaData": Case(lambda c: c.reqWshMetaData(R), code=10276),
    "cancelWshMetaData": Case(lambda c: c.cancelWshMetaData(R), code=10280),
    "reqWshEventData": Case(lambda c: c.reqWshEventData(R, WshEventData(conId=756733)), code=10276),
    "cancelWshEventData": Case(lambda c: c.cancelWshEventData(R), code=10284),
    "reqUserInfo": Case(lambda c: c.reqUserInfo(R), (107,)),
}
SILENT = {"sendMsg", "send"}


def test_every_request_method_has_a_case() -> None:
    senders = {
        name
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_") and ".send(" in inspect.getsource(method)
    }
    assert senders - SILENT == set(CASES)


@pytest.mark.parametrize("name", CASES)
async def test_request_is_answered(shared_simulator: SimulatorProcess, connect: Connect, name: str) -> None:
    ib: IB = await connect(shared_simulator, fetchFields=StartupFetchNONE)
    recorder = Recorder(ib)
    case = CASES[name]

    case.send(ib.client)
    ib.client.reqNewsProviders()
    await until(lambda: recorder.messages and any(fields[0] == "85" for fields in recorder.messages))

    if name == "reqNewsProviders":
        await until(lambda: [fields[0] for fields in recorder.messages].count("85") == 2)
    if case.answers:
        assert recorder.kinds() & set(case.answers)
    if case.code is None:
        assert recorder.codes() == []
    else:
        assert case.code in recorder.codes()


@pytest.mark.parametrize("version", range(157, 179))
async def test_sync_works_at_every_server_version(
    shared_simulator: SimulatorProcess, connect: Connect, version: int
) -> None:
    ib = IB()
    ib.client.MaxClientVersion = version
    await ib.connectAsync("127.0.0.1", shared_simulator.port, 40, timeout=10, raiseSyncErrors=True)
    try:
        assert ib.client.serverVersion() == version
        details = await ib.reqContractDetailsAsync(Option("SPY", "20261218", 600.0, "C", "SMART"))
        samples = await ib.reqMatchingSymbolsAsync("SPY")
    finally:
        ib.disconnect()

    assert [found.contract.symbol for found in details] == ["SPY"]
    assert details[0].contract.strike == 600.0
    assert details[0].underSymbol == "SPY"
    assert "SPY" in [sample.contract.symbol for sample in samples]
