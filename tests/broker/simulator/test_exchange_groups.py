"""Brackets, OCA groups and held-back transmission."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.broker.simulator.exchange import Order

from .exchange_support import Floor


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.move("AAPL", 200.0)
    floor.heard.clear()
    return floor


def bracket(floor: Floor, entry_price: float = 195.0, quantity: int = 100) -> tuple[Order, Order, Order]:
    parent = floor.place(1, "BUY", quantity, "LMT", limit_price=entry_price, transmit=False)
    profit = floor.place(2, "SELL", quantity, "LMT", limit_price=220.0, parent_id=1, transmit=False)
    stop = floor.place(3, "SELL", quantity, "STP", aux_price=180.0, parent_id=1)
    return parent, profit, stop


def test_nothing_is_said_about_an_untransmitted_order(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10, transmit=False)
    assert (floor.heard.events, order.transmitted, order.filled) == ([], False, 0)
    floor.tick(2)
    assert floor.heard.events == []
    assert floor.exchange.open_orders(1) == [order]


def test_last_child_releases_parent_and_siblings(floor: Floor) -> None:
    parent, profit, stop = bracket(floor)
    assert [order.status for order in (parent, profit, stop)] == ["Submitted", "PreSubmitted", "PreSubmitted"]
    assert [order.why_held for order in (parent, profit, stop)] == ["", "child", "child"]
    assert [order.order_id for order in floor.heard.opened] == [1, 2, 3]


def test_siblings_form_a_group_named_after_the_parent(floor: Floor) -> None:
    parent, profit, stop = bracket(floor)
    assert profit.oca_group == stop.oca_group == str(parent.perm_id)
    assert parent.oca_group == ""
    assert profit.parent_perm_id == parent.perm_id


def test_children_wait_for_the_complete_parent_fill(floor: Floor) -> None:
    floor.exchange.fill_chunk = 60
    parent, profit, stop = bracket(floor)
    floor.move("AAPL", 194.0)
    assert (parent.filled, profit.why_held) == (60, "child")
    floor.move("AAPL", 194.0)
    assert (parent.status, profit.status, stop.status) == ("Filled", "Submitted", "PreSubmitted")
    assert (profit.why_held, stop.why_held) == ("", "trigger")


def test_filled_profit_target_cancels_the_stop(floor: Floor) -> None:
    parent, profit, stop = bracket(floor, entry_price=210.0)
    assert parent.status == "Filled"
    before = floor.held()

    floor.move("AAPL", 221.0)

    assert (profit.status, stop.status) == ("Filled", "Cancelled")
    assert floor.held() == before - 100


def test_filled_stop_cancels_the_profit_target(floor: Floor) -> None:
    _, profit, stop = bracket(floor, entry_price=210.0)
    floor.move("AAPL", 179.0)
    assert (profit.status, stop.status) == ("Cancelled", "Filled")
    floor.move("AAPL", 230.0)
    assert profit.filled == 0


def test_partly_filled_target_reduces_the_stop(floor: Floor) -> None:
    _, profit, stop = bracket(floor, entry_price=210.0)
    floor.exchange.fill_chunk = 30
    floor.move("AAPL", 221.0)
    assert (profit.filled, stop.remaining, stop.status) == (30, Decimal(70), "PreSubmitted")


def test_cancelling_the_parent_cancels_the_children(floor: Floor) -> None:
    parent, profit, stop = bracket(floor)
    floor.exchange.cancel(1, 1)
    assert {order.status for order in (parent, profit, stop)} == {"Cancelled"}
    assert floor.heard.codes() == [202, 202, 202]


def test_rejected_parent_takes_its_children_along(floor: Floor) -> None:
    parent, profit, stop = bracket(floor, quantity=1_000_000)
    assert (parent.status, profit.status, stop.status) == ("Inactive", "Cancelled", "Cancelled")


def test_child_of_a_filled_parent_works_at_once(floor: Floor) -> None:
    floor.place(1, "BUY", 10)
    child = floor.place(2, "SELL", 10, "STP", aux_price=180.0, parent_id=1)
    assert (child.status, child.why_held) == ("PreSubmitted", "trigger")


def test_child_of_a_cancelled_parent_is_refused(floor: Floor) -> None:
    floor.place(1, "BUY", 10, "LMT", limit_price=150.0)
    floor.exchange.cancel(1, 1)
    assert floor.place(2, "SELL", 10, "STP", aux_price=180.0, parent_id=1) is None
    assert floor.heard.codes()[-1] == 106


def test_child_of_an_unknown_parent_is_refused(floor: Floor) -> None:
    assert floor.place(2, "SELL", 10, "STP", aux_price=180.0, parent_id=99) is None
    assert floor.heard.codes() == [135]


def test_cancelled_child_may_cancel_its_parent(floor: Floor) -> None:
    parent = floor.place(1, "BUY", 10, "LMT", limit_price=150.0)
    floor.place(2, "SELL", 10, "STP", aux_price=140.0, parent_id=1, auto_cancel_parent=True)
    floor.exchange.cancel(1, 2)
    assert parent.status == "Cancelled"


def test_untransmitted_order_is_sent_by_placing_it_again(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10, transmit=False)
    floor.place(1, "BUY", 10)
    assert order.status == "Filled"


def group(floor: Floor, oca_type: int, other_quantity: int = 100) -> tuple[Order, Order]:
    first = floor.place(1, "BUY", 100, "LMT", limit_price=195.0, oca_group="g", oca_type=oca_type)
    second = floor.place(2, "BUY", other_quantity, "LMT", limit_price=185.0, oca_group="g", oca_type=oca_type)
    return first, second


@pytest.mark.parametrize("oca_type", [0, 1])
def test_oca_type_one_cancels_the_rest_on_any_fill(floor: Floor, oca_type: int) -> None:
    first, second = group(floor, oca_type)
    floor.exchange.fill_chunk = 10
    floor.move("AAPL", 194.0)
    assert (first.filled, second.status) == (10, "Cancelled")


@pytest.mark.parametrize("oca_type", [2, 3])
def test_oca_types_two_and_three_reduce_the_rest(floor: Floor, oca_type: int) -> None:
    first, second = group(floor, oca_type, other_quantity=250)
    floor.move("AAPL", 194.0)
    assert (first.status, second.status, second.remaining) == ("Filled", "Submitted", Decimal(150))


def test_group_of_another_account_is_another_group() -> None:
    floor = Floor("DU1", "DU2")
    floor.move("AAPL", 200.0)
    first = floor.place(1, "BUY", 10, "LMT", limit_price=195.0, oca_group="g", oca_type=1, account="DU1")
    second = floor.place(2, "BUY", 10, "LMT", limit_price=150.0, oca_group="g", oca_type=1, account="DU2")
    floor.move("AAPL", 194.0)
    assert (first.status, second.status) == ("Filled", "Submitted")


def test_cancelling_one_of_a_group_leaves_the_others(floor: Floor) -> None:
    _, second = group(floor, 1)
    floor.exchange.cancel(1, 1)
    assert second.status == "Submitted"
