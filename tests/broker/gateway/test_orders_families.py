"""Brackets, groups of which one cancels all, and orders of others: as the simulator's own ledger has them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Scope, Side, StopSource, TradingPermission
from apps.broker.models import Order
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import approve, at_broker, give, keep_fresh, placements, propose, state, wait_state
from tests.broker.gateway.running import running
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def bracket(simulator: SimulatorProcess, **entry: object) -> tuple[Order, Order, Order]:
    parent = propose(simulator, **entry)
    shared = {"parent": parent, "side": Side.SELL}
    profit = propose(simulator, limit_price=Decimal(9999), purpose=OrderPurpose.EXIT, **shared)
    stop = propose(
        simulator, order_type=OrderType.STOP, stop_price=Decimal(1), limit_price=None,
        purpose=OrderPurpose.PROTECTIVE, **shared,
    )  # fmt: skip
    return parent, profit, stop


def test_bracket_waits_for_all_approvals_leaves_together_and_ends_together(simulator: SimulatorProcess) -> None:
    with running(simulator):
        parent, profit, stop = bracket(simulator)
        approve(parent, profit)
        keep_fresh(parent)
        other = wait_state(give(simulator, "QQQ"), OrderState.WORKING)
        assert [state(order) for order in (parent, profit)] == [OrderState.APPROVED] * 2
        approve(stop)
        family = [wait_state(order, OrderState.WORKING) for order in (parent, profit, stop)]
        simulator.control(f"fill 1 {family[0].order_id} 10 1")
        wait_state(parent, OrderState.FILLED)
        simulator.control(f"fill 1 {family[2].order_id} 10 1")
        wait_state(stop, OrderState.FILLED)
        wait_state(profit, OrderState.CANCELLED)
    numbers = [order.order_id for order in family]
    assert numbers == sorted(n for n in numbers if n) and (other.order_id or 0) < (numbers[0] or 0)
    assert all(len(placements(simulator, order)) == len(at_broker(simulator, order)) == 1 for order in family)
    assert [row["status"] for order in family for row in at_broker(simulator, order)] == [
        "Filled",
        "Cancelled",
        "Filled",
    ]


def test_bracket_of_which_one_is_denied_or_stopped_is_not_sent_at_all(simulator: SimulatorProcess) -> None:
    with running(simulator):
        parent, profit, stop = bracket(simulator)
        broker.deny_order(order_id=stop.pk, reason="too far", actor="risk")
        approve(parent, profit)
        wait_state(parent, OrderState.DENIED)
        wait_state(profit, OrderState.DENIED)
        broker.set_trading_state(
            scope=Scope.STRATEGY, target="s", permission=TradingPermission.HALTED, source=StopSource.LIMIT,
            reason="daily loss", actor="risk",
        )  # fmt: skip
        halted = bracket(simulator, strategy="s")
        approve(*halted)
        assert "daily loss" in wait_state(halted[2], OrderState.DENIED).state_reason
    assert all(placements(simulator, order) == [] for order in (parent, profit, stop, *halted))


def test_group_ends_with_its_first_fill_and_later_members_are_not_sent(simulator: SimulatorProcess) -> None:
    with running(simulator):
        group = [propose(simulator, symbol, oca_group="pair") for symbol in ("SPY", "QQQ")]
        late = propose(simulator, "IWM", oca_group="pair")
        approve(*group)
        first, second = (wait_state(order, OrderState.WORKING) for order in group)
        simulator.control(f"fill 1 {first.order_id} 10 1")
        wait_state(first, OrderState.FILLED)
        wait_state(second, OrderState.CANCELLED)
        approve(late)
        wait_state(late, OrderState.CANCELLED)
    assert [row["status"] for order in group for row in at_broker(simulator, order)] == ["Filled", "Cancelled"]
    assert placements(simulator, late) == []


def test_orders_of_others_are_adopted_followed_and_cancelled_only_together(simulator: SimulatorProcess) -> None:
    simulator.control("trade SPY BUY 10")
    perm_ids = [
        simulator.control(line)["perm_id"]
        for line in ("order SPY SELL 10 9999", "order QQQ BUY 5 1", "order IWM BUY 1")
    ]
    with running(simulator) as gateway:
        wait_for(lambda: Order.objects.filter(perm_id__in=perm_ids, is_external=True).count() == 3)
        closing, opening, done = (Order.objects.get(perm_id=perm_id) for perm_id in perm_ids)
        assert (closing.purpose, opening.purpose) == (OrderPurpose.EXIT, OrderPurpose.ENTRY)
        assert (opening.state, done.state) == (OrderState.WORKING, OrderState.FILLED)
        broker.request_cancel(order_id=opening.pk, actor="person")
        wait_for(lambda: opening.events.filter(data__escalation="cancel not confirmed").exists())
        assert "belongs to client 0" in opening.events.latest("id").message
        simulator.control(f"cancel {perm_ids[1]}")
        gateway.do(gateway.gateway.synchroniser.look_soon)
        wait_state(opening, OrderState.CANCELLED, seconds=20)
    assert Order.objects.filter(is_external=True).count() == 4
