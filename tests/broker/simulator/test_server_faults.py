"""Every fault that the control port can cause, as the real client meets it."""

from __future__ import annotations

import asyncio
import time

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Order, RequestError, Stock, StopOrder, Trade

from apps.broker.simulator.testing import ControlError, SimulatorProcess

from .conftest import Connect
from .server_support import Recorder, Wire, until

ACCOUNT = "DU1234567"


@pytest.fixture
async def ib(simulator: SimulatorProcess, connect: Connect) -> IB:
    return await connect(simulator, 1)


async def spy(ib: IB) -> Stock:
    contract = Stock("SPY", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    return contract


async def working_order(ib: IB, order: Order | None = None) -> Trade:
    trade = ib.placeOrder(await spy(ib), order or LimitOrder("BUY", 10, 500.0))
    await until(lambda: trade.orderStatus.permId)
    return trade


async def reconnected(simulator: SimulatorProcess, connect: Connect, client_id: int = 1) -> IB:
    for _ in range(400):
        try:
            return await connect(simulator, client_id)
        except OSError:
            await asyncio.sleep(0.02)
    raise TimeoutError("could not connect again")


# connections


async def test_restart_closes_refuses_and_keeps_orders(simulator: SimulatorProcess, ib: IB, connect: Connect) -> None:
    ib.reqMktData(await spy(ib))
    trade = await working_order(ib)
    before = simulator.control("positions")
    simulator.control("restart 1.5")
    await until(lambda: not ib.isConnected())
    with pytest.raises(OSError):
        Wire(simulator)

    again = await reconnected(simulator, connect)
    assert [open_.orderStatus.permId for open_ in again.openTrades()] == [trade.orderStatus.permId]
    assert simulator.control("positions") == before
    assert simulator.control("status")["lines"] == 0


@pytest.mark.parametrize(("words", "starts_again"), [("restart 0.1", True), ("restart 0.1 keep-ids", False)])
async def test_restart_starts_order_ids_again_unless_kept(
    simulator: SimulatorProcess, connect: Connect, words: str, starts_again: bool
) -> None:
    ib = await connect(simulator, 2)
    trade = await working_order(ib)
    ib.cancelOrder(trade.order)
    await until(trade.isDone)
    used = trade.order.orderId
    simulator.control(words)
    await until(lambda: not ib.isConnected())
    again = await reconnected(simulator, connect, 2)
    fresh = await working_order(again)
    assert (fresh.order.orderId <= used) is starts_again
    assert fresh.orderStatus.permId > trade.orderStatus.permId


async def test_planned_restart_happens_by_the_simulated_clock(simulator: SimulatorProcess, ib: IB) -> None:
    assert simulator.control("restart-at 15:31 0.1")["at"] == "2026-11-20T15:31:00+00:00"
    simulator.control("tick 50")
    assert (await ib.reqCurrentTimeAsync()).minute == 30
    simulator.control("tick 15")
    await until(lambda: not ib.isConnected())


@pytest.mark.parametrize("how", ["drop 1", "drop 1 rst", "drop all"])
async def test_drop_ends_the_connection(simulator: SimulatorProcess, ib: IB, how: str) -> None:
    simulator.control(how)
    await until(lambda: not ib.isConnected())
    simulator.wait_until("status", "connections", 0)


async def test_drop_of_an_unknown_client_is_an_error(simulator: SimulatorProcess) -> None:
    with pytest.raises(ControlError, match="not connected"):
        simulator.control("drop 77")


async def test_black_hole_is_half_open_and_heals(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("blackhole on")
    question = asyncio.ensure_future(ib.reqCurrentTimeAsync())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(question), 0.3)
    assert ib.isConnected()
    silent = Wire(simulator)
    silent.send(b"API\0\0\0\0\x09v157..178")
    simulator.control("blackhole off")
    assert await asyncio.wait_for(question, 5)
    assert silent.hear()[0] == "178"
    silent.close()


async def test_client_that_left_in_the_black_hole_can_come_back(
    simulator: SimulatorProcess, ib: IB, connect: Connect
) -> None:
    simulator.control("blackhole on")
    ib.disconnect()
    simulator.control("blackhole off")
    again = await connect(simulator, 1)
    assert again.isConnected()


async def test_refuse_keeps_present_clients(simulator: SimulatorProcess, ib: IB, connect: Connect) -> None:
    simulator.control("refuse 1.5")
    with pytest.raises(OSError):
        Wire(simulator)
    assert await ib.reqCurrentTimeAsync()
    await reconnected(simulator, connect, 2)


async def test_accept_close_accepts_and_closes(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("accept-close on")
    link = Wire(simulator)
    assert link.is_closed_by_peer()
    link.close()
    simulator.control("accept-close off")
    link = Wire(simulator)
    assert link.hello()[0] == "178"
    link.close()
    assert await ib.reqCurrentTimeAsync()


# broker connectivity


async def test_silence_after_1100_until_1102(simulator: SimulatorProcess, ib: IB) -> None:
    ticker = ib.reqMktData(await spy(ib))
    await until(ticker.hasBidAsk)
    recorder = Recorder(ib)
    simulator.control("1100")
    await recorder.error(1100)
    recorder.messages.clear()
    trade = ib.placeOrder(ticker.contract, MarketOrder("BUY", 5))
    simulator.control("tick 5")
    assert await ib.reqCurrentTimeAsync(), "the gateway itself still answers"
    assert recorder.kinds() == {49}
    assert trade.orderStatus.status == "PendingSubmit"
    assert simulator.control("orders")["orders"] == []

    simulator.control("1102")
    await recorder.error(1102)
    await until(lambda: trade.orderStatus.status == "Filled")
    recorder.messages.clear()
    simulator.control("price SPY 601")
    await until(lambda: 1 in recorder.kinds())


async def test_fill_during_1100_is_told_afterwards(simulator: SimulatorProcess, ib: IB) -> None:
    trade = await working_order(ib)
    simulator.control("1100")
    simulator.control(f"fill 1 {trade.order.orderId} 10 500")
    await ib.reqCurrentTimeAsync()
    assert trade.orderStatus.status == "Submitted" and not trade.fills
    simulator.control("1101")
    await until(lambda: trade.orderStatus.status == "Filled" and trade.fills)


async def test_1101_ends_market_data_subscriptions(simulator: SimulatorProcess, ib: IB) -> None:
    ticker = ib.reqMktData(await spy(ib))
    await until(ticker.hasBidAsk)
    simulator.control("1100")
    simulator.control("1101")
    assert simulator.control("status")["lines"] == 0


async def test_login_during_1100_is_told_so(simulator: SimulatorProcess) -> None:
    simulator.control("1100")
    link = Wire(simulator)
    link.login(4)
    assert link.hear()[3] == "1100"
    link.close()


@pytest.mark.parametrize("code", [2103, 2104, 2105, 2106, 2107, 2108, 2110, 2157, 2158])
async def test_farm_notices(simulator: SimulatorProcess, ib: IB, code: int) -> None:
    recorder = Recorder(ib)
    text = simulator.control(f"farm {code}")["text"]
    assert await recorder.error(code) == (-1, code, text)


# errors and silence on demand


async def test_error_reaches_all_clients(simulator: SimulatorProcess, ib: IB, connect: Connect) -> None:
    recorders = [Recorder(ib), Recorder(await connect(simulator, 2))]
    simulator.control("error 10197 No market data during competing live session")
    for recorder in recorders:
        assert await recorder.error(10197) == (-1, 10197, "No market data during competing live session")


async def test_fail_answers_the_next_requests_with_an_error(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("fail reqContractDetails 200 2")
    for _ in range(2):
        with pytest.raises(RequestError) as refusal:
            await ib.reqContractDetailsAsync(Stock("SPY", "SMART", "USD"))
        assert refusal.value.code == 200
    assert await ib.reqContractDetailsAsync(Stock("SPY", "SMART", "USD"))


async def test_mute_leaves_the_next_requests_unanswered(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("mute reqCurrentTime 1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.3)
    assert await asyncio.wait_for(ib.reqCurrentTimeAsync(), 5)


async def test_garbled_messages_are_dropped_by_the_client_though_the_answer_ends(
    simulator: SimulatorProcess, connect: Connect
) -> None:
    simulator.control("trade QQQ BUY 5")
    simulator.control("garble POSITION 1")
    ib = await connect(simulator, 2)
    held = {row["con_id"] for row in simulator.control("positions")["positions"]}
    assert len(ib.positions()) == len(held) - 1
    assert {position.contract.conId for position in await ib.reqPositionsAsync()} == held
    with pytest.raises(ControlError, match="no message named"):
        simulator.control("garble NONSENSE 1")


async def test_read_only_api_refuses_orders(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    simulator.control("readonly on")
    recorder = Recorder(ib)
    trade = ib.placeOrder(contract, MarketOrder("BUY", 1))
    assert (await recorder.error(321))[0] == trade.order.orderId
    assert trade.orderStatus.status == "ValidationError"
    assert simulator.control("orders")["orders"] == []
    simulator.control("readonly off")
    assert (await working_order(ib)).isActive()


# orders


async def test_reject_uses_code_and_text(simulator: SimulatorProcess, ib: IB) -> None:
    recorder = Recorder(ib)
    simulator.control("reject 1 201 Order rejected - reason:No trading permissions")
    trade = ib.placeOrder(await spy(ib), MarketOrder("BUY", 1))
    assert "No trading permissions" in (await recorder.error(201))[2]
    await until(trade.isDone)
    assert trade.orderStatus.status in ("Cancelled", "Inactive")
    await working_order(ib)


@pytest.mark.parametrize(("style", "first"), [("error-first", "4"), ("status-first", "3")])
async def test_rejection_comes_in_both_orders(connect: Connect, style: str, first: str) -> None:
    with SimulatorProcess("--reject-style", style) as simulator:
        ib = await connect(simulator, 1)
        contract = await spy(ib)
        recorder = Recorder(ib)
        simulator.control("reject 1")
        trade = ib.placeOrder(contract, MarketOrder("BUY", 1))
        await recorder.error(201)
        await until(lambda: "3" in [fields[0] for fields in recorder.messages])
        order_id = str(trade.order.orderId)
        about = [fields[0] for fields in recorder.messages if order_id in fields[1:3] and fields[0] in ("3", "4")]
        assert about[0] == first


async def test_hold_and_fill_by_hand_in_parts(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("hold on")
    trade = await working_order(ib, MarketOrder("BUY", 100))
    simulator.control("tick 5")
    assert trade.orderStatus.status == "Submitted"
    simulator.control(f"fill 1 {trade.order.orderId} 40 600.5")
    await until(lambda: trade.filled() == 40)
    assert trade.orderStatus.status == "Submitted" and trade.orderStatus.remaining == 60
    simulator.control(f"fill 1 {trade.order.orderId} 60 600.7")
    await until(lambda: trade.orderStatus.status == "Filled")
    assert trade.orderStatus.avgFillPrice == pytest.approx(600.62)
    await until(lambda: all(fill.commissionReport.execId for fill in trade.fills))


async def test_fill_chunk_limits_each_fill(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("fill-chunk 30")
    trade = await working_order(ib, MarketOrder("BUY", 100))
    simulator.control("tick 10")
    await until(lambda: trade.orderStatus.status == "Filled")
    assert [fill.execution.shares for fill in trade.fills] == [30, 30, 30, 10]


async def test_price_and_halt_decide_about_fills(simulator: SimulatorProcess, ib: IB) -> None:
    simulator.control("price SPY 600")
    trade = await working_order(ib, StopOrder("SELL", 10, 580.0))
    assert trade.orderStatus.status == "PreSubmitted"
    simulator.control("halt SPY on")
    simulator.control("price SPY 570")
    await ib.reqCurrentTimeAsync()
    assert trade.filled() == 0
    simulator.control("halt SPY off")
    simulator.control("tick 3")
    await until(lambda: trade.orderStatus.status == "Filled")


async def test_lost_acknowledgement_is_found_by_asking(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    simulator.control("lose-ack 1")
    trade = ib.placeOrder(contract, LimitOrder("BUY", 3, 500.0, orderRef="mine"))
    await ib.reqCurrentTimeAsync()
    assert trade.orderStatus.status == "PendingSubmit" and trade.orderStatus.permId == 0
    await ib.reqOpenOrdersAsync()
    assert trade.orderStatus.status == "Submitted" and trade.orderStatus.permId > 0
    ib.cancelOrder(trade.order)
    await until(lambda: trade.orderStatus.status == "Cancelled")


async def test_lost_acknowledgement_of_a_fill_is_found_in_executions(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    simulator.control("lose-ack 1")
    trade = ib.placeOrder(contract, MarketOrder("BUY", 3, orderRef="mine"))
    await ib.reqCurrentTimeAsync()
    simulator.control("tick 3")
    await ib.reqCurrentTimeAsync()
    assert trade.orderStatus.status == "PendingSubmit" and not trade.fills
    fills = await ib.reqExecutionsAsync()
    assert [fill.execution.orderRef for fill in fills] == ["mine"]


async def test_lost_order_never_exists(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    simulator.control("lose-order 1")
    lost = ib.placeOrder(contract, LimitOrder("BUY", 3, 500.0))
    kept = await working_order(ib)
    assert lost.orderStatus.status == "PendingSubmit"
    assert [order["order_id"] for order in simulator.control("orders")["orders"]] == [kept.order.orderId]


async def test_duplicate_execution_is_sent_twice(simulator: SimulatorProcess, ib: IB) -> None:
    trade = await working_order(ib, MarketOrder("BUY", 3))
    simulator.control("tick")
    await until(lambda: trade.fills)
    recorder = Recorder(ib)
    exec_id = simulator.control("dup-exec")["exec_id"]
    await until(lambda: any(exec_id in fields for fields in recorder.messages))
    assert len(trade.fills) == 1
    assert len(simulator.control("executions")["executions"]) == 1


async def test_corrected_execution_has_a_new_suffix(simulator: SimulatorProcess, ib: IB) -> None:
    trade = await working_order(ib, MarketOrder("BUY", 3))
    simulator.control("tick")
    await until(lambda: trade.fills)
    old = trade.fills[0].execution.execId
    corrected = simulator.control(f"correct-exec {old} 599.25")
    await until(lambda: len(trade.fills) == 2)
    assert corrected["exec_id"] != old and corrected["exec_id"].rpartition(".")[0] == old.rpartition(".")[0]
    assert trade.fills[-1].execution.price == 599.25


async def test_trade_by_hand_changes_positions(simulator: SimulatorProcess, ib: IB) -> None:
    contract = await spy(ib)
    before = {held.contract.conId: held.position for held in ib.positions()}.get(contract.conId, 0)
    simulator.control("trade SPY BUY 7")
    await until(lambda: {held.contract.conId: held.position for held in ib.positions()}[contract.conId] == before + 7)
    await until(lambda: any(item.contract.conId == contract.conId for item in ib.portfolio()))


async def test_order_by_hand_is_seen_by_asking_and_cancelled_by_hand(simulator: SimulatorProcess, ib: IB) -> None:
    perm_id = simulator.control("order SPY BUY 10 500")["perm_id"]
    await ib.reqCurrentTimeAsync()
    assert ib.openTrades() == []
    assert [trade.order.permId for trade in await ib.reqAllOpenOrdersAsync()] == [perm_id]
    simulator.control(f"cancel {perm_id}")
    assert simulator.control("orders")["orders"][0]["status"] == "Cancelled"


async def test_cancel_by_hand_reaches_the_owner(simulator: SimulatorProcess, ib: IB) -> None:
    trade = await working_order(ib)
    simulator.control(f"cancel {trade.orderStatus.permId}")
    await until(lambda: trade.orderStatus.status == "Cancelled")


async def test_end_of_day_expires_day_orders(simulator: SimulatorProcess, ib: IB) -> None:
    day = await working_order(ib)
    lasting = await working_order(ib, LimitOrder("BUY", 1, 400.0, tif="GTC"))
    simulator.control("end-day")
    await until(day.isDone)
    assert lasting.isActive()


async def test_lost_connection_keeps_orders_working(simulator: SimulatorProcess, ib: IB, connect: Connect) -> None:
    trade = await working_order(ib)
    perm_id, order_id = trade.orderStatus.permId, trade.order.orderId
    simulator.control("drop 1 rst")
    await until(lambda: not ib.isConnected())
    simulator.control(f"fill 1 {order_id} 10 500")
    again = await connect(simulator, 1)
    assert [fill.execution.permId for fill in again.fills()] == [perm_id]
    assert again.openTrades() == []


async def test_bulletin_is_published(simulator: SimulatorProcess, ib: IB) -> None:
    ib.reqNewsBulletins(True)
    await ib.reqCurrentTimeAsync()
    simulator.control("bulletin Exchange ISE is closed")
    await until(lambda: [news.message for news in ib.newsBulletins()] == ["Exchange ISE is closed"])


async def test_log_proves_what_was_sent_and_when(simulator: SimulatorProcess, ib: IB) -> None:
    began = time.time()
    trade = await working_order(ib)
    entry = next(entry for entry in simulator.control("log 50 1")["messages"] if entry["type"] == "placeOrder")
    assert entry["fields"][:2] == ["3", str(trade.order.orderId)]
    assert began <= entry["at_epoch"] <= time.time()
