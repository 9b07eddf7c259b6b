"""Halts while the link to the broker is lost: nothing leaves meanwhile, and the halt is carried out when it is back."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.broker.choices import EmergencyState, OrderPurpose, OrderState, Scope, SessionState, Side
from apps.broker.domain.restart_window import RestartCalendar, RestartWindow
from apps.broker.models import EmergencyRun
from apps.broker.simulator.testing import SimulatorProcess
from apps.risk import services as risk
from tests.broker.gateway.ordering import age_approval, approve, at_broker, give, keep_fresh, propose, wait_state
from tests.broker.gateway.running import running, true_orders, wait_until_tables_agree
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

ALL_DAY = RestartCalendar((RestartWindow(time(0), time(23, 59)),))
NEVER = RestartCalendar(())
GOING = "restart 6 keep-ids"


@pytest.fixture(autouse=True)
def halt_flag(settings: Settings, tmp_path: Path) -> Path:
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    return tmp_path / "HALT"


def end_of(run: EmergencyRun | None, *states: EmergencyState) -> EmergencyRun:
    assert run is not None
    wait_for(lambda: EmergencyRun.objects.get(pk=run.pk).state in states, seconds=60, what=f"receipt {states}")
    return EmergencyRun.objects.get(pk=run.pk)


@pytest.mark.mission(181)
@pytest.mark.parametrize(
    ("goes", "comes", "state", "restarts"),
    [
        ("1100", "1102", SessionState.BROKER_LOST, NEVER),
        ("1100", "1101", SessionState.BROKER_LOST, NEVER),
        (GOING, "", SessionState.DISCONNECTED, NEVER),
        (GOING, "", SessionState.PLANNED_RESTART, ALL_DAY),
    ],
    ids=["1100 then 1102", "1100 then 1101", "disconnect", "planned restart"],
)
def test_halt_while_the_broker_is_away_is_carried_out_when_it_is_back(
    simulator: SimulatorProcess,
    halt_flag: Path,
    goes: str,
    comes: str,
    state: SessionState,
    restarts: RestartCalendar,
) -> None:
    with running(simulator, halt_flag=halt_flag):
        entry = wait_state(give(simulator), OrderState.WORKING)
        stop = wait_state(
            give(simulator, side=Side.SELL, limit_price=Decimal(9000), purpose=OrderPurpose.PROTECTIVE),
            OrderState.WORKING,
        )
    # Around a planned restart no entry is claimed, so none is denied either: it waits until it is too old.
    fate = OrderState.EXPIRED if restarts is ALL_DAY else OrderState.DENIED
    with running(simulator, halt_flag=halt_flag, restarts=restarts) as gateway:
        # Until then it takes the orders of the gateway before it for those of nobody.
        wait_for(lambda: gateway.gateway.orders.book.is_read)
        unsent = propose(simulator, quantity=Decimal(3))
        simulator.control(goes)
        gateway.wait_state(state, seconds=40)
        asked = risk.halt(scope=Scope.EVERYTHING, reason="smoke", actor="ann")
        approve(unsent)
        (age_approval(unsent, seconds=31) if restarts is ALL_DAY else keep_fresh(unsent))
        assert asked.run is not None and asked.run.state != EmergencyState.DONE, "nobody can know it yet"
        if comes:
            simulator.control(comes)
        done = end_of(asked.run, EmergencyState.DONE)
        gateway.wait_ready(seconds=60)
        wait_state(entry, OrderState.CANCELLED, seconds=40)
        wait_state(unsent, fate, seconds=40)
        wait_until_tables_agree(simulator, seconds=40)
        assert true_orders(simulator) == {stop.perm_id}, "protection stays, the entry is gone"
        assert at_broker(simulator, unsent) == []
        later = give(simulator, quantity=Decimal(4))
        (age_approval(later, seconds=31) if restarts is ALL_DAY else keep_fresh(later))
        later = wait_state(later, fate, seconds=40)
    assert ("smoke" in later.state_reason) is (fate == OrderState.DENIED)
    assert at_broker(simulator, later) == []
    assert [(row["order"], row["done"]) for row in done.results] == [(str(entry.pk), True)]
    assert halt_flag.exists()
