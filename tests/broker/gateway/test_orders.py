"""An approved order is sent once and the ledger follows it to its end; asserted against the simulator's own ledger."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.broker import services as broker
from apps.broker.choices import OrderState, OrderType
from apps.broker.models import Order
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import at_broker, give, wait_state
from tests.broker.gateway.running import running

pytestmark = pytest.mark.django_db(transaction=True)


def test_approved_order_is_sent_once_filled_and_known(simulator: SimulatorProcess) -> None:
    with running(simulator):
        resting = give(simulator)
        order = give(simulator, order_type=OrderType.MARKET)
        order = wait_state(order, OrderState.FILLED)
        resting = wait_state(resting, OrderState.WORKING)
        broker.request_cancel(order_id=resting.pk, actor="person")
        resting = wait_state(resting, OrderState.CANCELLED)
    (shown,) = at_broker(simulator, order)
    assert (shown["perm_id"], shown["order_id"]) == (order.perm_id, order.order_id)
    assert order.filled_quantity == Decimal(shown["filled"]) == 10
    (shown,) = at_broker(simulator, resting)
    assert (shown["status"], shown["perm_id"]) == ("Cancelled", resting.perm_id)
    assert Order.objects.count() == 2 and order.times_sent == resting.times_sent == 1
