"""Changing, cancelling and refusing orders; order ids."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from apps.broker.simulator.exchange import Condition, Leg
from apps.broker.simulator.types import Query, RequestError

from .exchange_support import Floor


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.move("AAPL", 200.0)
    floor.heard.clear()
    return floor


def resting(floor: Floor, order_id: int = 1, **more: Any):
    return floor.place(order_id, "BUY", 100, "LMT", limit_price=150.0, **more)


def test_modified_price_keeps_the_order_and_its_permid(floor: Floor) -> None:
    order = resting(floor)
    perm_id = order.perm_id

    changed = floor.place(1, "BUY", 80, "LMT", limit_price=160.0)

    assert changed is order
    assert (order.perm_id, order.request.limit_price, order.remaining) == (perm_id, 160.0, Decimal(80))
    assert floor.heard.events == ["openOrder", "status Submitted"] * 2


def test_modified_order_may_fill_at_once(floor: Floor) -> None:
    order = resting(floor)
    floor.place(1, "BUY", 100, "LMT", limit_price=250.0)
    assert order.status == "Filled"


def test_modified_stop_is_measured_anew(floor: Floor) -> None:
    order = floor.place(1, "SELL", 10, "STP", aux_price=150.0)
    floor.place(1, "SELL", 10, "STP", aux_price=190.0)
    floor.move("AAPL", 189.0)
    assert order.status == "Filled"


def test_modification_keeps_what_is_filled(floor: Floor) -> None:
    floor.exchange.fill_chunk = 40
    order = floor.place(1, "BUY", 100, "LMT", limit_price=250.0)
    floor.place(1, "BUY", 60, "LMT", limit_price=250.0)
    assert (order.status, order.filled) == ("Filled", Decimal(60))


def test_modification_below_the_filled_quantity_is_refused(floor: Floor) -> None:
    floor.exchange.fill_chunk = 40
    order = floor.place(1, "BUY", 100, "LMT", limit_price=250.0)
    floor.place(1, "BUY", 40, "LMT", limit_price=250.0)
    assert floor.heard.codes() == [105]
    assert order.request.quantity == 100


@pytest.mark.parametrize(
    "change", [{"action": "SELL"}, {"symbol": "MSFT"}, {"parent_id": 9}], ids=["side", "contract", "parent"]
)
def test_modification_that_makes_another_order_is_refused(floor: Floor, change: dict[str, Any]) -> None:
    order = resting(floor)
    values = {"action": "BUY", **change}
    floor.exchange.place(floor.request(1, values.pop("action"), 100, "LMT", limit_price=150.0, **values))
    assert floor.heard.codes() == [105]
    assert order.status == "Submitted"


def test_modification_beyond_the_money_leaves_the_order_as_it_was(floor: Floor) -> None:
    order = resting(floor)
    floor.place(1, "BUY", 10_000_000, "LMT", limit_price=150.0)
    assert floor.heard.codes() == [201]
    assert (order.status, order.request.quantity) == ("Submitted", 100)


def test_modifying_a_filled_order_is_refused(floor: Floor) -> None:
    floor.place(1, "BUY", 10)
    floor.place(1, "BUY", 20)
    assert floor.heard.codes() == [104]


def test_reusing_the_id_of_a_cancelled_order_is_refused(floor: Floor) -> None:
    resting(floor)
    floor.exchange.cancel(1, 1)
    resting(floor)
    assert floor.heard.codes() == [202, 103]


def test_id_below_one_already_used_is_refused(floor: Floor) -> None:
    resting(floor, 5)
    assert resting(floor, 4) is None
    assert floor.heard.codes() == [103]


def test_ids_are_counted_per_client(floor: Floor) -> None:
    resting(floor, 5)
    assert resting(floor, 4, client_id=2).status == "Submitted"
    assert [floor.exchange.next_order_id(client_id) for client_id in (1, 2, 3)] == [6, 5, 1]


def test_reset_ids_start_behind_working_orders_and_permids_never_repeat(floor: Floor) -> None:
    first = resting(floor, 3)
    done = floor.place(8, "BUY", 1)
    floor.exchange.reset_order_ids()

    assert floor.exchange.next_order_id(1) == 4
    again = floor.place(8, "BUY", 1)
    assert again.status == "Filled"
    assert len({first.perm_id, done.perm_id, again.perm_id}) == 3
    assert first in floor.exchange.open_orders(1)


def test_cancel_is_confirmed_by_status_and_code_202(floor: Floor) -> None:
    order = resting(floor)
    floor.heard.clear()
    floor.exchange.cancel(1, 1)
    assert order.status == "Cancelled"
    assert floor.heard.events == ["openOrder", "status Cancelled", "error 202"]
    assert floor.exchange.open_orders() == []


def test_cancelling_an_unknown_order_is_code_10147(floor: Floor) -> None:
    floor.exchange.cancel(1, 77)
    assert floor.heard.errors == [(1, 77, 10147, "OrderId 77 that needs to be cancelled is not found.")]


def test_cancelling_a_finished_order_is_code_10148(floor: Floor) -> None:
    floor.place(1, "BUY", 1)
    floor.exchange.cancel(1, 1)
    text = "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled."
    assert floor.heard.errors == [(1, 1, 10148, text)]


def test_orders_of_another_client_cannot_be_cancelled(floor: Floor) -> None:
    order = resting(floor)
    floor.exchange.cancel(2, 1)
    assert floor.heard.codes() == [10147]
    assert order.status == "Submitted"


def test_global_cancel_reaches_everyone(floor: Floor) -> None:
    resting(floor)
    resting(floor, 1, client_id=2)
    resting(floor, 2, client_id=2, transmit=False)
    by_hand = floor.exchange.manual_order("AAPL", "BUY", Decimal(5), 150.0)
    floor.exchange.global_cancel()
    assert floor.exchange.open_orders() == []
    assert by_hand.status == "Cancelled"


def test_cancelled_order_is_completed_with_its_reason(floor: Floor) -> None:
    order = resting(floor)
    floor.exchange.cancel(1, 1)
    assert floor.exchange.completed_orders() == [order]
    assert order.reason.startswith("Cancelled")


REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "zero quantity": (434, {"quantity": 0}),
    "negative quantity": (434, {"quantity": -5}),
    "fraction": (10243, {"quantity": "1.5"}),
    "huge quantity": (201, {"quantity": "1000000000"}),
    "side": (321, {"action": "HOLD"}),
    "type": (387, {"order_type": "FANCY"}),
    "no limit": (321, {"order_type": "LMT"}),
    "limit off the tick": (110, {"order_type": "LMT", "limit_price": 150.003}),
    "limit of zero": (110, {"order_type": "LMT", "limit_price": 0.0}),
    "infinite limit": (321, {"order_type": "LMT", "limit_price": float("inf")}),
    "no stop": (321, {"order_type": "STP"}),
    "stop off the tick": (110, {"order_type": "STP", "aux_price": 150.003}),
    "no trail": (321, {"order_type": "TRAIL"}),
    "two trails": (321, {"order_type": "TRAIL", "aux_price": 1.0, "trailing_percent": 2.0}),
    "whole trail": (321, {"order_type": "TRAIL", "trailing_percent": 100.0}),
    "time in force": (321, {"tif": "SOON"}),
    "no date": (321, {"tif": "GTD"}),
    "bad date": (321, {"tif": "GTD", "good_till_date": "tomorrow"}),
    "bad start": (321, {"good_after_time": "20261340 99:00:00 Mars/Base"}),
    "account": (321, {"account": "DU999"}),
    "unknown symbol": (200, {"symbol": "NOPE"}),
    "unknown conId": (200, {"query": Query(con_id=999_999_999, exchange="SMART")}),
    "no exchange": (321, {"query": Query(con_id=265598)}),
    "wrong exchange": (200, {"query": Query(con_id=265598, exchange="MOON")}),
    "retired flag": (10268, {"raw": {"eTradeOnly": "1"}}),
    "other retired flag": (10269, {"raw": {"firmQuoteOnly": "1"}}),
    "zero id": (321, {"order_id": 0}),
    "empty combo": (321, {"query": Query(symbol="SPY", sec_type="BAG", exchange="SMART", currency="USD")}),
    "condition contract": (321, {"conditions": (Condition(1, ("a", "1", "5", "999999999", "SMART", "0")),)}),
    "condition number": (321, {"conditions": (Condition(1, ("a", "1", "much", "265598", "SMART", "0")),)}),
    "condition conjunction": (321, {"conditions": (Condition(4, ("x", "1", "5")),)}),
    "condition time": (321, {"conditions": (Condition(3, ("a", "1", "noon")),)}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_bad_order_is_refused_with_its_code(floor: Floor, name: str) -> None:
    code, change = REFUSALS[name]
    values = {"order_id": 1, "action": "BUY", "quantity": 10, **change}
    floor.exchange.place(floor.request(values.pop("order_id"), values.pop("action"), values.pop("quantity"), **values))
    assert floor.heard.codes() == [code]
    assert floor.exchange.open_orders() == []
    assert floor.heard.executions == []


@pytest.mark.parametrize("change", [{"order_type": "STP", "aux_price": 5.0}, {"tif": "GTD"}], ids=["type", "date"])
def test_bad_combo_order_is_refused(floor: Floor, change: dict[str, Any]) -> None:
    spread = floor.put_spread(floor.short_put("SPY"), floor.short_put("IWM"))
    floor.place(1, "BUY", 1, **{"order_type": "MKT", **spread, **change})
    assert floor.heard.codes()[0] in (321, 387)


@pytest.mark.parametrize("leg", [Leg(1, 1, "BUY", ""), Leg(265598, 0, "BUY", ""), Leg(265598, 1, "X", "")])
def test_bad_leg_is_refused(floor: Floor, leg: Leg) -> None:
    query = Query(symbol="SPY", sec_type="BAG", exchange="SMART", currency="USD")
    floor.place(1, "BUY", 1, query=query, legs=(leg, Leg(756733, 1, "BUY", "SMART")))
    assert floor.heard.codes()[0] in (200, 321)


def test_ambiguous_account_must_be_named() -> None:
    floor = Floor("DU1", "U2")
    floor.place(1, "BUY", 1)
    assert floor.heard.codes() == [435]
    assert floor.place(2, "BUY", 1, account="U2").status == "Filled"
    assert floor.heard.accounts[-1] == "U2"


def test_index_cannot_be_traded(floor: Floor) -> None:
    floor.place(1, "BUY", 1, query=Query(symbol="VIX", sec_type="IND", exchange="CBOE", currency="USD"))
    assert floor.heard.codes() == [460]


def test_order_beyond_the_money_is_rejected_as_inactive(floor: Floor) -> None:
    order = floor.place(1, "BUY", 1_000_000)
    assert (order.status, floor.heard.events) == ("Inactive", ["error 201", "status Inactive"])
    assert "INITIAL MARGIN" in floor.heard.errors[0][3]
    assert floor.exchange.open_orders() == []
    assert floor.exchange.completed_orders() == [order]


def test_rejection_may_arrive_after_the_status(floor: Floor) -> None:
    floor.exchange.reject_status_first = True
    floor.place(1, "BUY", 1_000_000)
    assert floor.heard.events == ["status Inactive", "error 201"]


def test_next_orders_are_rejected_on_demand(floor: Floor) -> None:
    floor.exchange.reject_next(2, 201, "Order rejected - reason:Test")
    first, second, third = (floor.place(number, "BUY", 1) for number in (1, 2, 3))
    assert [first.status, second.status, third.status] == ["Inactive", "Inactive", "Filled"]
    assert floor.heard.errors[0] == (1, 1, 201, "Order rejected - reason:Test")


def test_selling_a_holding_passes_even_without_margin(floor: Floor) -> None:
    floor.exchange.fill_chunk = None
    shares = floor.held()
    floor.place(1, "BUY", 1)
    assert floor.place(2, "SELL", shares + 1).status == "Filled"
    assert floor.held() == 0


def test_commands_by_control_fail_with_a_request_error(floor: Floor) -> None:
    with pytest.raises(RequestError):
        floor.exchange.fill(1, 99, Decimal(1), 5.0)
    with pytest.raises(RequestError):
        floor.exchange.cancel_by_perm_id(1)
    with pytest.raises(RequestError):
        floor.exchange.duplicate_last_execution()
    with pytest.raises(RequestError):
        floor.exchange.correct_execution("x", 1.0)
    with pytest.raises(RequestError):
        floor.exchange.manual_order("NOPE", "BUY", Decimal(1))
    with pytest.raises(RequestError):
        floor.exchange.manual_trade("AAPL", "STEAL", Decimal(1))
    with pytest.raises(RequestError):
        floor.exchange.fill_chunk = 0
    with pytest.raises(RequestError):
        floor.exchange.positions("nobody")
    resting(floor)
    with pytest.raises(RequestError):
        floor.exchange.fill(1, 1, Decimal(101), 150.0)
