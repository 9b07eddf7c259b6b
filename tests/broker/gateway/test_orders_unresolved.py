"""Orders of unknown fate: two looks, far enough apart; three sendings at most; then a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.broker import ledger
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.gateway.orders import unresolved
from apps.broker.gateway.synchroniser import Look
from apps.broker.models import Order
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.ordering import at_broker, give, keep_fresh, placements, wait_state
from tests.broker.gateway.running import running
from tests.broker.ledger.builders import make_order, order_row, snapshot
from tests.waiting import wait_for
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)
S = OrderState


def lost(**values: Any) -> tuple[Order, datetime]:
    """An order that was sent and not answered, and since when it is unresolved."""
    order = make_order(**({"purpose": OrderPurpose.EXIT, "side": Side.SELL} | values))
    for before, after in ((S.PROPOSED, S.APPROVED), (S.APPROVED, S.SUBMITTING), (S.SUBMITTING, S.UNRESOLVED)):
        ledger.move(order.pk, before=[before], after=after, message="test", times_sent=values.get("times_sent", 1))
    return order, Order.objects.get(pk=order.pk).state_since


def look(order: Order, at: datetime, *rows: object) -> tuple[str, int]:
    """The state and the looks of the order after this complete answer of the broker."""
    unresolved.judge(Look(at, snapshot(rows)))
    order.refresh_from_db()
    return order.state, order.looks


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def test_two_looks_decide_that_are_five_seconds_apart_and_not_too_near_to_the_sending() -> None:
    order, since = lost()
    assert look(order, since + seconds(0.4)) == (S.UNRESOLVED, 0), "the order may still be on its way"
    assert look(order, since + seconds(0.6)) == (S.UNRESOLVED, 1)
    assert look(order, since + seconds(5.5)) == (S.UNRESOLVED, 1), "too near to the first look"
    assert look(order, since + seconds(5.6)) == (S.APPROVED, 0)


def test_order_that_a_look_shows_is_looked_for_anew() -> None:
    order, since = lost()
    assert look(order, since + seconds(1)) == (S.UNRESOLVED, 1)
    shown = order_row(9, order_ref=str(order.pk))
    assert look(order, since + seconds(6), shown) == (S.UNRESOLVED, 0)
    assert look(order, since + seconds(12)) == (S.UNRESOLVED, 1)


@pytest.mark.parametrize(
    ("values", "fate"),
    [
        ({"times_sent": 2}, S.APPROVED),
        ({"times_sent": 3}, S.UNRESOLVED),
        ({"order_type": OrderType.MARKET, "limit_price": None}, S.UNRESOLVED),
    ],
)
def test_what_was_sent_three_times_or_at_the_market_is_left_to_a_person(
    values: dict[str, Any], fate: OrderState
) -> None:
    order, since = lost(**values)
    look(order, since + seconds(1))
    assert look(order, since + seconds(6))[0] == fate


def test_person_is_told_of_an_order_that_is_unresolved_for_thirty_seconds_and_once() -> None:
    order, _ = lost()

    def told(age: float) -> int:
        Order.objects.filter(pk=order.pk).update(state_since=clock.now() - seconds(age))
        unresolved.escalate_overdue()
        return Event.objects.filter(level="ERROR", data__escalation="order unresolved").count()

    # The clock goes on meanwhile, by less than a few seconds.
    assert told(20) == 0
    assert told(30) == 1
    assert told(60) == 1


def test_order_that_reaches_the_lists_between_two_looks_is_not_sent_again(simulator: SimulatorProcess) -> None:
    with running(simulator):
        simulator.control("late-orders on")
        late = give(simulator)
        keep_fresh(late)
        wait_for(lambda: Order.objects.get(pk=late.pk).looks == 1)
        simulator.control("late-orders off")
        late = wait_state(late, OrderState.WORKING)
    assert len(placements(simulator, late)) == len(at_broker(simulator, late)) == late.times_sent == 1
    assert late.events.filter(after=S.UNRESOLVED).exists()


def test_order_that_never_arrives_is_sent_three_times_and_then_left_to_a_person(simulator: SimulatorProcess) -> None:
    with running(simulator):
        simulator.control("lose-order 100")
        order = give(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.EXIT)
        wait_for(lambda: Order.objects.filter(pk=order.pk, times_sent=3, looks__gte=2).exists(), seconds=120)
    order.refresh_from_db()
    assert order.state == S.UNRESOLVED and len(placements(simulator, order)) == 3
    assert at_broker(simulator, order) == []


def test_market_order_is_never_sent_again_though_it_is_sent_with_a_limit(simulator: SimulatorProcess) -> None:
    with running(simulator):
        simulator.control("lose-order 1")
        order = give(simulator, limit_price=Decimal(9999), is_collared=True)
        wait_for(lambda: Order.objects.get(pk=order.pk).looks >= 2, seconds=60)
        keep_fresh(order)
        wait_for(lambda: Order.objects.get(pk=order.pk).looks >= 3, seconds=60)
    order.refresh_from_db()
    assert (order.state, order.times_sent, len(placements(simulator, order))) == (S.UNRESOLVED, 1, 1)
