"""Orders leave one after the other, however many wait; by the times at which the simulator received them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from apps.broker.choices import OrderState, Priority
from apps.broker.gateway.pacing import ORDERS_PER_SECOND
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import approve, propose, wait_state
from tests.broker.gateway.running import running

pytestmark = pytest.mark.django_db(transaction=True)
# A simulator that falls behind receives the first late and the others at once.
FALLEN_BEHIND_SECONDS = 1.0


def span(simulator: SimulatorProcess, message: str) -> tuple[int, float]:
    """How many of these messages arrived, and the seconds from the first to the last."""
    rows = simulator.control("log 5000 1")["messages"]
    times = [row["at_epoch"] for row in rows if row["type"] == message]
    return len(times), times[-1] - times[0]


def test_messages_of_the_priority_of_orders_are_spread(simulator: SimulatorProcess) -> None:
    count = 120
    with running(simulator) as gateway:
        link = gateway.gateway.trading
        gateway.run(
            lambda: asyncio.gather(
                *(link.send(Priority.ORDER, lambda ib: ib.client.reqMarketDataType(3)) for _ in range(count))
            )
        )
        arrived, seconds = span(simulator, "reqMarketDataType")
    assert arrived == count and seconds >= (count - 1) / ORDERS_PER_SECOND - FALLEN_BEHIND_SECONDS


def test_each_order_waits_for_a_turn_of_its_own(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        orders = [propose(simulator, quantity=Decimal(number)) for number in range(1, 7)]
        # So slow that their turns are told from the time that everything else takes.
        gateway.gateway.pacer._spacing = gateway.gateway.pacer._after_order = 0.5
        approve(*orders)
        for order in orders:
            wait_state(order, OrderState.WORKING, seconds=60)
        arrived, seconds = span(simulator, "placeOrder")
    assert arrived == 6 and seconds >= 5 * 0.5 - FALLEN_BEHIND_SECONDS
