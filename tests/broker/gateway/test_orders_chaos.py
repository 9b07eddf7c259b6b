"""Kills and drops at random moments, seeded: as many orders at the broker as intents, never one more."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest

from apps.broker.choices import OrderState, SessionState
from apps.broker.models import GatewaySession, Order
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import give
from tests.broker.gateway.processes import gateway_process
from tests.broker.gateway.running import running
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

SEED = int(os.environ.get("TRADEOPS_CHAOS_SEED", "20261120"))
SYMBOLS = ("SPY", "QQQ", "IWM")


def references(simulator: SimulatorProcess) -> Counter[str]:
    return Counter(row["order_ref"] for row in simulator.control("orders")["orders"])


def wait_all_settled(simulator: SimulatorProcess, intents: list[Order], *, seconds: float) -> None:
    def settled() -> bool:
        rows = Order.objects.filter(pk__in=[order.pk for order in intents])
        return set(rows.values_list("state", flat=True)) <= {OrderState.WORKING}

    wait_for(settled, seconds=seconds, what=f"seed {SEED}")
    assert references(simulator) == Counter(str(order.pk) for order in intents), f"seed {SEED}"


def ready() -> bool:
    return GatewaySession.objects.filter(state=SessionState.READY).exists()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    GatewaySession.objects.update(state=SessionState.STARTING)


def test_drops_double_nothing_and_lose_nothing(simulator: SimulatorProcess) -> None:
    chance = random.Random(SEED)
    intents: list[Order] = []
    with running(simulator) as gateway:
        for _ in range(6):
            intents += [give(simulator, chance.choice(SYMBOLS)) for _ in range(chance.randint(2, 5))]
            time.sleep(chance.uniform(0, 0.1))
            simulator.control(f"drop 1 {chance.choice(['', 'rst'])}".strip())
            wait_for(lambda: not gateway.gateway.keeper.is_ready)
            wait_for(lambda: gateway.gateway.keeper.is_ready)
        wait_all_settled(simulator, intents, seconds=40)


def test_killed_gateways_double_nothing_and_lose_nothing(simulator: SimulatorProcess) -> None:
    chance = random.Random(SEED)
    intents: list[Order] = []
    for _ in range(3):
        with gateway_process(simulator.port) as process:
            wait_for(ready, seconds=30)
            intents += [give(simulator, chance.choice(SYMBOLS)) for _ in range(6)]
            time.sleep(chance.uniform(0, 0.15))
            kill(process)
    with gateway_process(simulator.port) as process:
        wait_all_settled(simulator, intents, seconds=60)
        kill(process)
