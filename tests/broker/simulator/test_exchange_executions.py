"""Executions and commissions: ids, amounts, combos, corrections, filters, trades by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.broker.simulator.exchange import ExecutionFilter
from apps.broker.simulator.exchange.identifiers import Identifiers
from apps.broker.simulator.types import Contract, Query, RequestError

from .exchange_support import ACCOUNT, START, Floor

EXEC_ID = re.compile(r"[0-9a-f]{8}\.[0-9a-f]{8}\.\d\d\.\d\d")


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.move("AAPL", 200.0)
    floor.heard.clear()
    return floor


def lower_put(floor: Floor, put: Contract) -> Contract:
    """The next lower strike of the same expiry."""
    chain = next(each for each in floor.market.chains(put.under_con_id) if each.trading_class == put.trading_class)
    strike = max(each for each in chain.strikes if each < put.strike)
    query = Query(
        symbol=put.symbol,
        sec_type="OPT",
        expiry=put.expiry,
        strike=strike,
        right="P",
        exchange="SMART",
        currency="USD",
        trading_class=put.trading_class,
    )
    return floor.market.find(query)[0]


def test_exec_ids_are_shaped_like_the_brokers_and_unique(floor: Floor) -> None:
    floor.exchange.fill_chunk = 10
    floor.place(1, "BUY", 30)
    floor.tick(1)
    floor.tick(1)
    ids = [execution.exec_id for execution in floor.heard.executions]
    assert len(set(ids)) == 3
    assert all(EXEC_ID.fullmatch(each) for each in ids)


def test_ids_of_a_later_start_do_not_repeat_those_before() -> None:
    first, later = Identifiers(START, 7), Identifiers(START + timedelta(hours=1), 7)
    used = {first.next_perm_id() for _ in range(1000)} | {first.next_exec_id() for _ in range(1000)}
    again = {later.next_perm_id() for _ in range(1000)} | {later.next_exec_id() for _ in range(1000)}
    assert not used & again


@pytest.mark.parametrize(("shares", "commission"), [(10, "1"), (200, "1"), (1000, "5")])
def test_shares_cost_half_a_cent_each_and_one_dollar_at_least(floor: Floor, shares: int, commission: str) -> None:
    floor.place(1, "BUY", shares)
    assert floor.heard.commissions[0].commission == Decimal(commission)
    assert floor.heard.commissions[0].currency == "USD"


def test_commission_minimum_is_charged_once_for_an_order(floor: Floor) -> None:
    floor.exchange.fill_chunk = 100
    order = floor.place(1, "BUY", 300)
    floor.tick()
    floor.tick()
    assert [report.commission for report in floor.heard.commissions] == [Decimal(1), 0, Decimal("0.5")]
    assert order.commission == Decimal("1.5")


def test_options_cost_65_cents_a_contract(floor: Floor) -> None:
    put = floor.short_put("SPY")
    floor.place(1, "BUY", 2, query=Query(con_id=put.con_id, exchange="SMART"))
    assert floor.heard.commissions[0].commission == Decimal("1.30")
    assert floor.heard.commissions[0].realized_pnl is not None


def test_london_costs_five_basis_points_and_four_at_least(floor: Floor) -> None:
    small = floor.place(1, "BUY", 1, symbol="SXLK")
    large = floor.place(2, "BUY", 1000, symbol="SXLK")
    assert small.commission == Decimal(4)
    assert float(large.commission) == pytest.approx(large.average_fill_price * 1000 * 0.0005, abs=0.005)


def test_opening_trade_has_no_realized_pnl_and_closing_has(floor: Floor) -> None:
    floor.place(1, "BUY", 10, symbol="QQQ")
    floor.move("QQQ", floor.market.quote(floor.contract("QQQ").con_id).last + 10)
    floor.place(2, "SELL", 10, symbol="QQQ")
    bought, sold = floor.heard.executions
    opening, closing = floor.heard.commissions
    assert opening.realized_pnl is None
    gain = (Decimal(str(sold.price)) - Decimal(str(bought.price))) * 10
    assert closing.realized_pnl == gain - opening.commission - closing.commission


def test_combo_has_one_execution_for_itself_and_one_per_leg(floor: Floor) -> None:
    sold = floor.short_put("SPY")
    bought = lower_put(floor, sold)
    before = floor.exchange.position(ACCOUNT, sold.con_id).quantity

    order = floor.place(1, "BUY", 3, "MKT", **floor.put_spread(sold, bought), order_ref="spread")

    whole, first, second = floor.heard.executions
    assert order.status == "Filled"
    assert (whole.contract.sec_type, whole.side, whole.shares) == ("BAG", "BOT", 3)
    assert (first.contract.con_id, first.side, first.shares) == (sold.con_id, "SLD", 3)
    assert (second.contract.con_id, second.side, second.shares) == (bought.con_id, "BOT", 3)
    assert whole.price == pytest.approx(second.price - first.price)
    assert {each.order_ref for each in (whole, first, second)} == {"spread"}
    assert len({each.exec_id for each in (whole, first, second)}) == 3
    assert [report.commission for report in floor.heard.commissions] == [0, Decimal("1.95"), Decimal("1.95")]
    assert floor.exchange.position(ACCOUNT, sold.con_id).quantity == before - 3
    assert floor.exchange.position(ACCOUNT, bought.con_id).quantity == 3


def test_combo_limit_counts_the_net_price(floor: Floor) -> None:
    sold = floor.short_put("SPY")
    bought = lower_put(floor, sold)
    credit = floor.market.quote(sold.con_id).bid - floor.market.quote(bought.con_id).ask
    greedy = floor.place(1, "BUY", 1, "LMT", limit_price=-10.0, **floor.put_spread(sold, bought))
    fair = floor.place(2, "BUY", 1, "LMT", limit_price=round(-credit, 2), **floor.put_spread(sold, bought))
    assert (greedy.status, fair.status) == ("Submitted", "Filled")


def test_forced_combo_fill_adds_up(floor: Floor) -> None:
    sold = floor.short_put("SPY")
    bought = lower_put(floor, sold)
    order = floor.place(1, "BUY", 1, "LMT", limit_price=-10.0, **floor.put_spread(sold, bought))
    floor.exchange.fill(1, 1, Decimal(1), -0.55)
    _, first, second = floor.heard.executions
    assert order.average_fill_price == -0.55
    assert second.price - first.price == pytest.approx(-0.55)


def test_forced_fill_ignores_hold_and_market(floor: Floor) -> None:
    floor.exchange.hold = True
    order = floor.place(1, "BUY", 100, "LMT", limit_price=150.0)
    floor.exchange.fill(1, 1, Decimal(30), 149.5)
    assert (order.status, order.filled, order.average_fill_price) == ("Submitted", Decimal(30), 149.5)
    floor.exchange.fill(1, 1, Decimal(70), 150.0)
    assert (order.status, order.average_fill_price) == ("Filled", pytest.approx(149.85))


def test_executions_are_filtered(floor: Floor) -> None:
    floor.place(1, "BUY", 10)
    floor.place(1, "SELL", 5, symbol="MSFT", client_id=2)
    select = floor.exchange.executions
    assert len(select()) == 2
    assert [e.contract.symbol for e, _ in select(ExecutionFilter(client_id=2))] == ["MSFT"]
    assert [e.contract.symbol for e, _ in select(ExecutionFilter(symbol="AAPL"))] == ["AAPL"]
    assert [e.contract.symbol for e, _ in select(ExecutionFilter(side="SELL"))] == ["MSFT"]
    assert select(ExecutionFilter(account="DU999")) == []
    assert select(ExecutionFilter(sec_type="OPT")) == []
    assert len(select(ExecutionFilter(exchange="SMART", sec_type="STK"))) == 2
    assert select(ExecutionFilter(since=floor.market.now() + timedelta(seconds=1))) == []


def test_every_execution_comes_with_its_own_report(floor: Floor) -> None:
    floor.place(1, "BUY", 10)
    floor.place(2, "SELL", 5)
    assert all(execution.exec_id == report.exec_id for execution, report in floor.exchange.executions())


def test_last_execution_can_be_sent_twice(floor: Floor) -> None:
    floor.place(1, "BUY", 10)
    held = floor.held()
    floor.exchange.duplicate_last_execution()
    first, second = floor.heard.executions
    assert first == second
    assert (floor.held(), len(floor.exchange.executions())) == (held, 1)


def test_correction_has_the_next_revision_and_moves_the_cash(floor: Floor) -> None:
    floor.place(1, "BUY", 10)
    first = floor.heard.executions[0]
    cash = floor.value("CashBalance")

    corrected = floor.exchange.correct_execution(first.exec_id, price=first.price + 1)

    assert corrected.exec_id == first.exec_id[:-2] + "02"
    assert replace(corrected, exec_id=first.exec_id, price=first.price, average_price=first.average_price) == first
    assert floor.value("CashBalance") == cash - 10
    assert len(floor.exchange.executions()) == 2
    assert floor.exchange.correct_execution(first.exec_id, price=first.price).exec_id.endswith(".03")
    assert floor.value("CashBalance") == cash


def test_correction_of_the_amount_moves_the_position(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10)
    before = floor.held()
    corrected = floor.exchange.correct_execution(floor.heard.executions[0].exec_id, shares=Decimal(7))
    assert (corrected.shares, corrected.cumulative, order.filled) == (7, 7, 7)
    assert floor.held() == before - 3


def test_correction_of_a_closing_fill_changes_its_realized_pnl(floor: Floor) -> None:
    floor.place(1, "SELL", 10)
    report = floor.heard.commissions[0]
    sold = floor.heard.executions[0]
    floor.exchange.correct_execution(sold.exec_id, price=sold.price - 2)
    assert floor.heard.commissions[-1].realized_pnl == report.realized_pnl - 20


def test_combo_execution_cannot_be_corrected(floor: Floor) -> None:
    sold = floor.short_put("SPY")
    floor.place(1, "BUY", 1, "MKT", **floor.put_spread(sold, lower_put(floor, sold)))
    with pytest.raises(RequestError):
        floor.exchange.correct_execution(floor.heard.executions[0].exec_id, price=1.0)


def test_trade_by_hand_is_booked_without_an_order_id(floor: Floor) -> None:
    floor.exchange.hold = True
    before = floor.held()
    order = floor.exchange.manual_trade("AAPL", "SELL", Decimal(20))
    execution = floor.heard.executions[0]
    assert (order.status, execution.order_id, execution.client_id) == ("Filled", 0, 0)
    assert execution.price == floor.market.quote(floor.contract("AAPL").con_id).bid
    assert floor.held() == before - 20


def test_order_by_hand_works_and_is_bound_by_client_zero_only(floor: Floor) -> None:
    order = floor.exchange.manual_order("AAPL", "BUY", Decimal(20), 150.0)
    assert (order.order_id, order.client_id, order.status) == (0, 0, "Submitted")

    floor.exchange.bind_manual(3)
    assert (floor.heard.codes(), order.order_id) == ([327], 0)
    floor.exchange.bind_manual(0)
    assert order.order_id == -1
    second = floor.exchange.manual_order("AAPL", "BUY", Decimal(20), 150.0)
    floor.exchange.bind_manual(0)
    assert second.order_id == -2

    floor.exchange.cancel(0, -1)
    assert order.status == "Cancelled"
    floor.exchange.cancel_by_perm_id(second.perm_id)
    assert second.status == "Cancelled"


def test_orders_by_hand_can_be_bound_at_once(floor: Floor) -> None:
    floor.exchange.auto_bind = True
    assert floor.exchange.manual_order("AAPL", "BUY", Decimal(20), 150.0).order_id == -1


def test_option_can_be_traded_by_hand_by_its_conid(floor: Floor) -> None:
    put = floor.short_put("SPY")
    before = floor.exchange.position(ACCOUNT, put.con_id).quantity
    floor.exchange.manual_trade(str(put.con_id), "BUY", Decimal(1))
    assert floor.exchange.position(ACCOUNT, put.con_id).quantity == before + 1


def test_completed_orders_by_hand_are_hidden_from_api_only(floor: Floor) -> None:
    floor.exchange.manual_trade("AAPL", "BUY", Decimal(1))
    mine = floor.place(1, "BUY", 1)
    assert len(floor.exchange.completed_orders()) == 2
    assert floor.exchange.completed_orders(api_only=True) == [mine]


def test_open_orders_are_listed_by_client(floor: Floor) -> None:
    first = floor.place(1, "BUY", 10, "LMT", limit_price=150.0)
    second = floor.place(1, "BUY", 10, "LMT", limit_price=150.0, client_id=2)
    by_hand = floor.exchange.manual_order("AAPL", "BUY", Decimal(20), 150.0)
    assert floor.exchange.open_orders() == [first, second, by_hand]
    assert floor.exchange.open_orders(2) == [second]
    assert floor.exchange.open_orders(0) == [by_hand]
