"""Close-all against the simulator's own ledger: flat, never across zero, once per account, however it is disturbed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from apps.broker.choices import EmergencyKind, EmergencyState, OrderPurpose, OrderState, OrderType, Scope, Side
from apps.broker.models import EmergencyRun, Order, TradingState
from apps.broker.simulator.testing import SimulatorProcess
from apps.risk.services import emergency
from apps.risk.services.emergency import Asked
from apps.risk.services.emergency_closing import carry_on
from tests.broker.gateway.ordering import give, wait_state
from tests.broker.gateway.running import running, true_orders, true_positions, wait_until_tables_agree

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture(autouse=True)
def halt_file(settings: Any, tmp_path: Path) -> Path:
    """Of this test alone."""
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    return tmp_path / "HALT"


def press(**values: Any) -> Asked:
    return emergency.close_all(**({"reason": "test", "actor": "ann", "came_by": "command"} | values))


def closed(asked: Asked) -> EmergencyRun:
    carry_on(run_id=asked.run_id)
    return EmergencyRun.objects.get(pk=asked.run_id)


def held(simulator: SimulatorProcess) -> dict[int, Decimal]:
    return {con_id: quantity for (_, con_id), quantity in true_positions(simulator).items()}


def never_across_zero(simulator: SimulatorProcess, start: dict[int, Decimal]) -> None:
    """By the simulator's executions of close-all orders, one after the other."""
    ours = {str(order.pk) for order in Order.objects.filter(purpose=OrderPurpose.FLATTEN)}
    sold: dict[int, Decimal] = {}
    for row in simulator.control("executions")["executions"]:
        if row["order_ref"] in ours:
            sold[row["con_id"]] = sold.get(row["con_id"], Decimal(0)) + Decimal(row["shares"])
    assert sold.keys() <= start.keys()
    assert all(quantity <= abs(start[con_id]) for con_id, quantity in sold.items()), (sold, start)


@pytest.mark.mission(183)
def test_close_all_halts_cancels_and_is_flat_at_the_broker(simulator: SimulatorProcess) -> None:
    simulator.control("trade SPY BUY 100")
    simulator.control("trade AAPL SELL 30")
    simulator.control("order QQQ BUY 5 1")
    with running(simulator):
        wait_until_tables_agree(simulator)
        start = held(simulator)
        stop = wait_state(
            give(simulator, side=Side.SELL, order_type=OrderType.STOP, stop_price=Decimal(1), limit_price=None,
                 quantity=Decimal(100), purpose=OrderPurpose.PROTECTIVE),
            OrderState.WORKING,
        )  # fmt: skip
        run = closed(press())
        assert (run.state, run.problem) == (EmergencyState.DONE, "")
        wait_state(stop, OrderState.CANCELLED)
    assert true_positions(simulator) == {} and true_orders(simulator) == set()
    assert run.picture is not None and run.picture["positions"] == [] and run.picture["open_orders"] == []
    sold = {entry["con_id"]: Decimal(entry["filled"]) for entry in run.results if entry["what"] == "close"}
    assert sold == {con_id: abs(quantity) for con_id, quantity in start.items()}
    assert all(entry["done"] for entry in run.results)
    assert "QQQ" in {entry["symbol"] for entry in run.results if entry["what"] == "cancel"}
    never_across_zero(simulator, start)
    assert TradingState.objects.get(scope=Scope.EVERYTHING).permission == "halted"
