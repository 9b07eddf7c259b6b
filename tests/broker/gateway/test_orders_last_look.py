"""Whatever is stopped between the claim of an order and its sending is seen right before the message would leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from apps.broker import services as broker
from apps.broker.choices import (
    EmergencyKind,
    EmergencyState,
    OrderState,
    Priority,
    Scope,
    StopSource,
    TradingPermission,
)
from apps.broker.exceptions import TurnDroppedError
from apps.broker.gateway.orders.stops import Stop
from apps.broker.models import EmergencyRun, Order
from apps.broker.simulator.testing import SimulatorProcess
from apps.risk import services as risk
from tests.broker.gateway.ordering import approve, give, keep_fresh, placements, propose, wait_state
from tests.broker.gateway.running import RunningGateway, running
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
EVERYTHING = Stop(Scope.EVERYTHING, "", TradingPermission.HALTED, "smoke")


@contextmanager
def held_before_sending(gateway: RunningGateway, simulator: SimulatorProcess) -> Iterator[Order]:
    """An order that is claimed and waits for the answer whether the broker is there; it comes when the block ends."""
    link, answered = gateway.gateway.trading, asyncio.Event()
    answers = link.answers

    async def wait() -> bool:
        await answered.wait()
        return await answers()

    link.answers = wait  # type: ignore[method-assign]
    order = give(simulator)
    keep_fresh(order)
    yield wait_state(order, OrderState.SUBMITTING)
    link.answers = answers  # type: ignore[method-assign]
    gateway.do(answered.set)


def test_halt_by_file_is_seen_right_before_sending(simulator: SimulatorProcess, tmp_path: Path) -> None:
    flag = tmp_path / "HALT"
    with running(simulator, halt_flag=flag) as gateway:
        with held_before_sending(gateway, simulator) as order:
            flag.write_text(json.dumps({"reason": "smoke", "actor": "bob"}))
            wait_for(lambda: gateway.gateway.orders.stops.flag is not None)
            # The database knows nothing of it here: memory alone must keep the order from leaving.
        order = wait_state(order, OrderState.DENIED)
    assert placements(simulator, order) == [] and "smoke" in order.state_reason


def test_stop_that_was_announced_and_not_read_yet_holds_the_order_back(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        stops = gateway.gateway.orders.stops
        with held_before_sending(gateway, simulator) as order:
            broker.set_trading_state(
                scope=Scope.EVERYTHING, permission=TradingPermission.HALTED, source=StopSource.LIMIT,
                reason="daily loss", actor="limit",
            )  # fmt: skip
            wait_for(lambda: stops.in_doubt)
        order = wait_state(order, OrderState.DENIED)
    assert placements(simulator, order) == [] and "daily loss" in order.state_reason


def test_stop_that_memory_read_from_the_table_holds_the_order_back(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        stops = gateway.gateway.orders.stops
        with held_before_sending(gateway, simulator) as order:
            gateway.do(lambda: stops.take([EVERYTHING], stops.version))
        # The table knows of no stop: read again, the order goes.
        order = wait_state(order, OrderState.WORKING)
    assert order.events.filter(message__startswith="not sent: ").exists()
    assert len(placements(simulator, order)) == order.times_sent == 1


def test_no_order_leaves_after_the_first_cancel_of_a_halt(simulator: SimulatorProcess) -> None:
    with running(simulator):
        orders = [propose(simulator, quantity=Decimal(number)) for number in range(1, 41)]
        approve(*orders)
        wait_for(lambda: any(placements(simulator, order) for order in orders))
        pressed = risk.halt(scope=Scope.EVERYTHING, reason="smoke", actor="ann").run
        assert pressed is not None
        wait_for(lambda: EmergencyRun.objects.filter(pk=pressed.pk, state=EmergencyState.DONE).exists())
        wait_for(lambda: not Order.objects.filter(state__in=[OrderState.APPROVED, OrderState.SUBMITTING]).exists())
        types = [row["type"] for row in simulator.control("log 2000 1")["messages"]]
    assert "placeOrder" in types and "cancelOrder" in types
    assert "placeOrder" not in types[types.index("cancelOrder") :]


def test_kill_empties_the_queue_before_it(simulator: SimulatorProcess) -> None:
    """What waited for its turn behind four hundred others does not leave after the cancels."""
    queued = 400

    async def fill_queue() -> None:
        link = gateway.gateway.trading
        ask = [link.send(Priority.ORDER, lambda ib: ib.client.reqMarketDataType(3)) for _ in range(queued)]
        waiting.extend(map(asyncio.ensure_future, ask))

    waiting: list[asyncio.Future[None]] = []
    with running(simulator) as gateway:
        entry = wait_state(give(simulator), OrderState.WORKING)
        gateway.run(fill_queue)
        EmergencyRun.objects.create(
            kind=EmergencyKind.CANCEL_ALL, scope=Scope.EVERYTHING, reason="test", actor="ann", came_by="api"
        )
        wait_for(lambda: all(each.done() for each in waiting))
        wait_state(entry, OrderState.CANCELLED)
        types = [row["type"] for row in simulator.control("log 5000 1")["messages"]]
    dropped = sum(isinstance(each.exception(), TurnDroppedError) for each in waiting)
    assert dropped > 0 and types.count("reqMarketDataType") == queued - dropped
    assert "reqMarketDataType" not in types[types.index("reqGlobalCancel") :]
