"""The order breaker against the simulator, through a real gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import Settings

from apps.broker.choices import OrderState
from apps.broker.models import EntryProbe, TradingState
from apps.broker.simulator.testing import SimulatorProcess
from apps.risk.choices import BreakerState
from apps.risk.models import Breaker
from apps.risk.services import alerts
from tests.broker.gateway.ordering import at_broker, give, wait_state
from tests.broker.gateway.running import running
from tests.waiting import wait_for
from tradeops.lib.breaking import ORDER_PLACEMENT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process
    connections.close_all()


def state() -> str:
    row = Breaker.objects.filter(name=ORDER_PLACEMENT).first()
    return row.state if row else BreakerState.CLOSED


@pytest.mark.mission(149)
@pytest.mark.mission(153)
def test_refused_orders_open_the_breaker_and_one_entry_proves_that_it_works_again(
    simulator: SimulatorProcess, settings: Settings
) -> None:
    settings.BREAKER_FAILURES, settings.BREAKER_SECONDS = 3, 1
    with running(simulator):
        simulator.control("reject 3")
        for _ in range(3):
            give(simulator)
        wait_for(lambda: state() == BreakerState.OPEN, seconds=20)
        assert TradingState.objects.get(source="breaker").permission == "halted"
        stopped = wait_state(give(simulator), OrderState.DENIED)
        assert "3 order placements in a row failed" in stopped.state_reason
        assert at_broker(simulator, stopped) == []

        wait_for(lambda: alerts.tell_alerts() or state() == BreakerState.HALF_OPEN, seconds=10)
        simulator.control("lose-ack 1")
        first, second = give(simulator), give(simulator)
        assert wait_state(second, OrderState.DENIED)
        assert EntryProbe.objects.get().order == first

        wait_for(lambda: alerts.tell_alerts() or state() != BreakerState.HALF_OPEN, seconds=20)
        wait_for(lambda: alerts.tell_alerts() or state() == BreakerState.HALF_OPEN, seconds=10)
        wait_state(give(simulator), OrderState.WORKING)
        wait_for(lambda: state() == BreakerState.CLOSED, seconds=10)
        wait_state(give(simulator), OrderState.WORKING)
