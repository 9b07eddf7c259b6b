"""Who hears of which order when several clients are connected, and what accounts look like to them."""

from __future__ import annotations

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Option, Stock, Trade

from apps.broker.simulator.testing import SimulatorProcess

from .conftest import START, Connect
from .server_support import Recorder, until

SPY = Stock("SPY", "SMART", "USD", conId=756733)
ORDER_MESSAGES = {3, 5, 11, 59}


async def working_order(ib: IB, price: float = 500.0) -> Trade:
    trade = ib.placeOrder(SPY, LimitOrder("BUY", 10, price))
    await until(lambda: trade.orderStatus.status == "Submitted")
    return trade


async def test_other_clients_hear_nothing_until_they_ask(simulator: SimulatorProcess, connect: Connect) -> None:
    owner, other = await connect(simulator, 1), await connect(simulator, 2)
    recorder = Recorder(other)
    trade = await working_order(owner)
    await other.reqCurrentTimeAsync()
    assert not recorder.kinds() & ORDER_MESSAGES
    assert await other.reqOpenOrdersAsync() == []
    found = await other.reqAllOpenOrdersAsync()
    assert [(order.order.clientId, order.order.permId) for order in found] == [(1, trade.orderStatus.permId)]


async def test_positions_and_account_are_told_to_all(simulator: SimulatorProcess, connect: Connect) -> None:
    owner, other = await connect(simulator, 1), await connect(simulator, 2)
    before = {held.contract.conId: held.position for held in other.positions()}
    recorder = Recorder(other)
    owner.placeOrder(SPY, MarketOrder("BUY", 10))
    await owner.reqCurrentTimeAsync()
    simulator.control("tick 2")
    after = before.get(SPY.conId, 0) + 10
    await until(lambda: {held.contract.conId: held.position for held in other.positions()}.get(SPY.conId) == after)
    await until(lambda: {item.contract.conId: item.position for item in other.portfolio()}.get(SPY.conId) == after)
    assert {6, 7, 61, 73} <= recorder.kinds()
    assert not recorder.kinds() & ORDER_MESSAGES


async def test_other_client_cannot_cancel(simulator: SimulatorProcess, connect: Connect) -> None:
    owner, other = await connect(simulator, 1), await connect(simulator, 2)
    trade = await working_order(owner)
    recorder = Recorder(other)
    other.client.cancelOrder(trade.order.orderId)
    await recorder.error(10147)
    assert trade.orderStatus.status == "Submitted"


async def test_master_client_hears_everything(connect: Connect) -> None:
    with SimulatorProcess(*START, "--master-client-id", "7") as simulator:
        owner, master = await connect(simulator, 1), await connect(simulator, 7)
        recorder = Recorder(master)
        trade = owner.placeOrder(SPY, MarketOrder("BUY", 10))
        await owner.reqCurrentTimeAsync()
        simulator.control("tick 2")
        await until(lambda: trade.orderStatus.status == "Filled")
        await until(lambda: recorder.kinds() >= ORDER_MESSAGES)
        assert [open_.orderStatus.permId for open_ in master.trades()] == [trade.orderStatus.permId]
        simulator.control("order SPY BUY 1 400")
        await until(lambda: any(open_.order.totalQuantity == 1 for open_ in master.trades()))


async def test_client_zero_binds_orders_entered_by_hand(simulator: SimulatorProcess, connect: Connect) -> None:
    perm_id = simulator.control("order SPY BUY 10 500")["perm_id"]
    ib = await connect(simulator, 0)
    (trade,) = ib.openTrades()
    assert trade.orderStatus.permId == perm_id and trade.order.orderId < 0
    later = simulator.control("order SPY BUY 5 499")["perm_id"]
    await until(lambda: later in {open_.orderStatus.permId for open_ in ib.openTrades()})
    ib.cancelOrder(trade.order)
    await until(lambda: trade.orderStatus.status == "Cancelled")


async def test_global_cancel_reaches_every_client(simulator: SimulatorProcess, connect: Connect) -> None:
    owner, other = await connect(simulator, 1), await connect(simulator, 2)
    trade = await working_order(owner)
    by_hand = simulator.control("order SPY BUY 10 500")["perm_id"]
    other.reqGlobalCancel()
    await until(lambda: trade.orderStatus.status == "Cancelled")
    states = {order["perm_id"]: order["status"] for order in simulator.control("orders")["orders"]}
    assert states[by_hand] == "Cancelled"


async def test_executions_can_be_asked_for_by_everyone(simulator: SimulatorProcess, connect: Connect) -> None:
    owner, other = await connect(simulator, 1), await connect(simulator, 2)
    owner.placeOrder(SPY, MarketOrder("BUY", 10, orderRef="abc"))
    await owner.reqCurrentTimeAsync()
    simulator.control("tick 2")
    recorder = Recorder(other)
    (fill,) = await other.reqExecutionsAsync()
    assert (fill.execution.clientId, fill.execution.orderRef, fill.execution.shares) == (1, "abc", 10)
    assert 59 in recorder.kinds()


async def test_what_if_is_told_to_the_owner_only(connect: Connect) -> None:
    with SimulatorProcess(*START, "--master-client-id", "7") as simulator:
        owner, master = await connect(simulator, 1), await connect(simulator, 7)
        recorder = Recorder(master)
        state = await owner.whatIfOrderAsync(SPY, MarketOrder("BUY", 10))
        assert float(state.initMarginChange) > 0
        await master.reqCurrentTimeAsync()
        assert not recorder.kinds() & ORDER_MESSAGES
        assert simulator.control("orders")["orders"] == []


async def test_completed_orders_are_listed_after_reconnecting(simulator: SimulatorProcess, connect: Connect) -> None:
    owner = await connect(simulator, 1)
    trade = await working_order(owner)
    owner.cancelOrder(trade.order)
    await until(trade.isDone)
    again = await connect(simulator, 2)
    assert [done.order.permId for done in await again.reqCompletedOrdersAsync(False)] == [trade.orderStatus.permId]


async def test_several_accounts_are_kept_apart(connect: Connect) -> None:
    with SimulatorProcess(*START, "--accounts", "DU1,DU2") as simulator:
        ib = await connect(simulator, 1, account="DU2")
        assert ib.managedAccounts() == ["DU1", "DU2"]
        held = {account: sum(1 for each in ib.positions(account)) for account in ("DU1", "DU2")}
        trade = ib.placeOrder(SPY, MarketOrder("BUY", 10, account="DU2"))
        await ib.reqCurrentTimeAsync()
        simulator.control("tick 2")
        await until(lambda: trade.orderStatus.status == "Filled")
        assert trade.fills[0].execution.acctNumber == "DU2"
        assert {value.account for value in await ib.accountSummaryAsync()} == {"DU1", "DU2"}
        assert held["DU1"] == len(ib.positions("DU1"))
        recorder = Recorder(ib)
        ib.client.reqPnL(900, "DU3", "")
        await recorder.error(321)


async def test_profit_streams_follow_the_price(simulator: SimulatorProcess, connect: Connect) -> None:
    ib = await connect(simulator, 1)
    ib.placeOrder(SPY, MarketOrder("BUY", 100))
    await ib.reqCurrentTimeAsync()
    simulator.control("tick 2")
    whole, single = ib.reqPnL("DU1234567"), ib.reqPnLSingle("DU1234567", "", SPY.conId)
    await until(lambda: single.value == single.value and whole.dailyPnL == whole.dailyPnL)
    before = (whole.dailyPnL, single.unrealizedPnL)
    told = simulator.control("price SPY 900")
    await until(lambda: single.unrealizedPnL > before[1] and whole.dailyPnL > before[0])
    assert single.value == pytest.approx(single.position * (told["bid"] + told["ask"]) / 2, rel=1e-3)


async def test_account_summary_is_repeated_after_three_minutes(simulator: SimulatorProcess, connect: Connect) -> None:
    ib = await connect(simulator, 1)
    await ib.reqAccountSummaryAsync()
    recorder = Recorder(ib)
    simulator.control("price SPY 700")
    await ib.reqCurrentTimeAsync()
    assert 63 not in recorder.kinds()
    simulator.control("tick 181")
    await until(lambda: 63 in recorder.kinds())


async def test_account_and_portfolio_are_refreshed_after_three_minutes(
    simulator: SimulatorProcess, connect: Connect
) -> None:
    ib = await connect(simulator, 1)
    recorder = Recorder(ib)
    simulator.control("price SPY 700")
    await ib.reqCurrentTimeAsync()
    assert not recorder.kinds() & {6, 7, 73}
    simulator.control("tick 181")
    await until(lambda: {6, 7, 8, 73} <= recorder.kinds())
    held = {item.contract.symbol: item.marketPrice for item in ib.portfolio() if item.contract.secType == "STK"}
    assert held["SPY"] == pytest.approx(700, rel=0.05)


async def test_exercise_turns_options_into_shares(simulator: SimulatorProcess, connect: Connect) -> None:
    ib = await connect(simulator, 1)
    call = Option("SPY", "20261218", 600, "C", "SMART")
    await ib.qualifyContractsAsync(call)
    ib.placeOrder(call, MarketOrder("BUY", 2))
    await ib.reqCurrentTimeAsync()
    simulator.control("price SPY 650")
    simulator.control("tick 2")
    await until(lambda: {held.contract.conId: held.position for held in ib.positions()}.get(call.conId) == 2)
    shares = {held.contract.conId: held.position for held in ib.positions()}.get(SPY.conId, 0)
    recorder = Recorder(ib)
    ib.exerciseOptions(call, 1, 5, "DU1234567", 0)
    await recorder.error(322)
    ib.exerciseOptions(call, 1, 2, "DU1234567", 0)
    await until(
        lambda: {held.contract.conId: held.position for held in ib.positions()}.get(SPY.conId, 0) == shares + 200
    )
    assert call.conId not in {held.contract.conId for held in ib.positions()}
