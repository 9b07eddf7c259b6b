"""Order numbers are never used twice: at the broker a second order under a number changes the first."""

from __future__ import annotations

import pytest
from django.db import transaction

from apps.broker.choices import OrderState
from apps.broker.gateway.orders import numbers
from apps.broker.models import BrokerOrder, Order, OrderNumbering
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import at_broker, give, wait_state
from tests.broker.gateway.running import running
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)


def shown_at_broker(order_id: int, client_id: int = 1) -> None:
    now = clock.now()
    BrokerOrder.objects.create(
        perm_id=order_id, order_id=order_id, client_id=client_id, account=make_account(), instrument=make_instrument(),
        side="BUY", order_type="LMT", quantity=1, filled=0, remaining=1, status="Submitted", first_seen_at=now,
        as_of=now,
    )  # fmt: skip


def next_number(proposed: int) -> int:
    numbers.raise_floor(1, proposed)
    with transaction.atomic():
        return numbers.reserve(1, 3)


def test_first_number_lies_above_what_the_broker_proposes_and_all_that_the_tables_know() -> None:
    assert next_number(57) == 57
    assert next_number(1) == 60, "three were reserved"
    shown_at_broker(80)
    shown_at_broker(900, client_id=2)
    assert next_number(1) == 81
    make_order(client_id=1, order_id=100)
    make_order(client_id=2, order_id=901)
    assert next_number(1) == 101
    assert next_number(200) == 200


def test_new_ledger_against_a_broker_whose_numbers_are_used(simulator: SimulatorProcess) -> None:
    with running(simulator):
        first = wait_state(give(simulator), OrderState.WORKING)
    forget_numbers()
    with running(simulator):
        second = wait_state(give(simulator, "QQQ"), OrderState.WORKING)
    [kept], [added] = at_broker(simulator, first), at_broker(simulator, second)
    assert kept["status"] == added["status"] == "Submitted" and kept["perm_id"] != added["perm_id"]
    assert added["order_id"] > kept["order_id"]


def forget_numbers() -> None:
    """As a restored or new database does, of which only the broker knows what was used."""
    OrderNumbering.objects.all().delete()
    BrokerOrder.objects.all().delete()
    Order.objects.update(order_id=None)
