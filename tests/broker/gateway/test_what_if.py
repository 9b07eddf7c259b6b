"""Margin asked before an order is given: the broker's own figures, and nothing is ordered."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from apps.broker import services as broker
from apps.broker.choices import RequestKind
from apps.broker.models import BrokerOrder, Order
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.running import ACCOUNT, RunningGateway, running
from tradeops.lib.known import Known, Unknown

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Iterator[RunningGateway]:
    with running(simulator) as gateway:
        yield gateway


def ask(simulator: SimulatorProcess, **changes: object) -> Known | Unknown:
    con_id = simulator.control("quote SPY")["quotes"][0]["con_id"]
    payload = {"account": ACCOUNT, "con_id": con_id, "side": "BUY", "quantity": "100", "order_type": "MKT"}
    return broker.ask(RequestKind.WHAT_IF, payload | changes)


def test_margin_is_the_brokers_and_nothing_is_ordered(gateway: RunningGateway, simulator: SimulatorProcess) -> None:
    before = len(simulator.control("orders")["orders"])
    answer = ask(simulator)
    assert isinstance(answer, Known), answer
    row = {name: Decimal(value) for name, value in answer.value.items() if name.startswith(("initial", "equity"))}
    assert row["initial_margin_change"] > 0
    assert row["initial_margin_after"] - row["initial_margin_before"] == row["initial_margin_change"]
    assert Decimal(answer.value["commission"]) > 0 and answer.value["commission_currency"] == "USD"
    twice = ask(simulator, quantity="200")
    assert Decimal(twice.value["initial_margin_change"]) > row["initial_margin_change"]
    assert len(simulator.control("orders")["orders"]) == before
    assert not Order.objects.exists() and not BrokerOrder.objects.exists()


def test_question_that_makes_no_order_is_told_so(gateway: RunningGateway, simulator: SimulatorProcess) -> None:
    for changes in ({"side": "HOLD"}, {"quantity": "NaN"}, {"quantity": "much"}, {"order_type": "MAGIC"}):
        answer = ask(simulator, **changes)
        assert isinstance(answer, Unknown) and "cannot be understood" in answer.reason, (changes, answer)


def test_unknown_contract_is_told_so(gateway: RunningGateway, simulator: SimulatorProcess) -> None:
    answer = ask(simulator, con_id=1)
    assert isinstance(answer, Unknown) and answer.reason
