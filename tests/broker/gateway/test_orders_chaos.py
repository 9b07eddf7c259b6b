"""Kills and drops at random moments, seeded: as many orders at the broker as intents, never one more."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest

from apps.broker import services as broker
from apps.broker.choices import OrderState, Scope, SessionState, StopSource
from apps.broker.models import GatewaySession, Order, TradingState
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
    """A circuit breaker may stop what comes after many failures: that was never sent."""

    def settled() -> bool:
        return states(intents) <= {OrderState.WORKING, OrderState.DENIED}

    try:
        wait_for(settled, seconds=seconds)
    except AssertionError:
        raise AssertionError(f"seed {SEED}: {histories(intents)}") from None
    working = Order.objects.filter(pk__in=[order.pk for order in intents], state=OrderState.WORKING)
    assert references(simulator) == Counter(str(order.pk) for order in working), f"seed {SEED}"
    assert 2 * len(working) > len(intents), f"seed {SEED}: {histories(intents)}"


def states(intents: list[Order]) -> set[str]:
    return set(Order.objects.filter(pk__in=[order.pk for order in intents]).values_list("state", flat=True))


def histories(intents: list[Order]) -> list[tuple[str, list[str]]]:
    """Of the orders that did not settle."""
    rows = Order.objects.filter(pk__in=[order.pk for order in intents]).exclude(state=OrderState.WORKING)
    return [(row.state, list(row.events.values_list("message", flat=True))) for row in rows]


def ready() -> bool:
    return GatewaySession.objects.filter(state=SessionState.READY).exists()


def release_breaker() -> None:
    """As a person does who has seen why orders failed."""
    for stop in TradingState.objects.filter(source=StopSource.BREAKER):
        broker.release_trading_state(
            scope=Scope(stop.scope), target=stop.target, source=StopSource.BREAKER, reason="seen", actor="person"
        )


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
    for _ in range(4):
        with gateway_process(simulator.port) as process:
            wait_for(ready, seconds=30)
            release_breaker()
            intents += [give(simulator, chance.choice(SYMBOLS)) for _ in range(4)]
            time.sleep(chance.uniform(0, 0.15))
            kill(process)
    release_breaker()
    with gateway_process(simulator.port) as process:
        wait_all_settled(simulator, intents, seconds=60)
        kill(process)
