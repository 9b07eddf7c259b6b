"""Proposing, approving, cancelling and modifying orders, and the trading states that the gateway obeys."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import connection, connections, transaction

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Scope, Side, StopSource, TradingPermission
from apps.broker.exceptions import IdempotencyConflict, OrderError, OrderMovedOn
from apps.broker.models import Order, OrderEvent, TradingState
from apps.broker.services import Terms
from apps.journal.models import Event
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tradeops.lib import clock
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db


def terms(**changes: object) -> Terms:
    base = Terms(
        account=make_account(),
        instrument=make_instrument(),
        side=Side.BUY,
        quantity=Decimal(10),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("500.25"),
        purpose=OrderPurpose.ENTRY,
        reason="signal of the week",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def propose(key: str = "key-1", **changes: object) -> Order:
    return broker.propose_order(terms=terms(**changes), idempotency_key=key, requested_by="momentum")


def test_one_key_is_one_order() -> None:
    first, second = propose(), propose()
    assert first == second and Order.objects.count() == 1 and OrderEvent.objects.count() == 1


def test_key_of_another_intent_is_refused_naming_the_difference() -> None:
    propose()
    with pytest.raises(IdempotencyConflict, match="quantity differ"):
        propose(quantity=Decimal(11))
    assert Order.objects.get().quantity == 10


def test_what_belongs_to_an_order_takes_its_position_back_and_no_other() -> None:
    """It may close what its parent opens: of another instrument it would open a short position."""
    parent = propose(side=Side.BUY)
    other = make_instrument("QQQ", 320227571)
    for wrong in ({"side": Side.BUY}, {"side": Side.SELL, "instrument": other}):
        with pytest.raises(OrderError, match="same account and instrument, on the other side"):
            broker.propose_order(terms=terms(**wrong), idempotency_key="child", requested_by="momentum", parent=parent)
    child = broker.propose_order(
        terms=terms(side=Side.SELL), idempotency_key="child", requested_by="momentum", parent=parent
    )
    assert child.parent == parent and Order.objects.count() == 2


def test_terms_that_make_no_order_are_refused_and_leave_nothing() -> None:
    with pytest.raises(OrderError, match="make no order"):
        propose(limit_price=None)
    with pytest.raises(OrderError, match="make no order"):
        propose(quantity=Decimal(0))
    with pytest.raises(OrderError, match="needs a reason"):
        propose(reason=" ")
    assert not Order.objects.exists()


def test_approval_and_denial_happen_once() -> None:
    order = propose()
    approved = broker.approve_order(order_id=order.pk, actor="risk", reason="within all limits")
    assert approved.state == OrderState.APPROVED and approved.state_reason == "within all limits"
    with pytest.raises(OrderMovedOn, match="it is approved"):
        broker.approve_order(order_id=order.pk, actor="risk")
    assert [event.after for event in order.events.all()] == ["proposed", "approved"]
    assert Event.objects.filter(step="Order", data__order=str(order.pk)).count() == 2


def test_cancel_before_sending_needs_no_gateway() -> None:
    order = propose()
    broker.approve_order(order_id=order.pk, actor="risk")
    assert broker.request_cancel(order_id=order.pk, actor="anna", reason="changed my mind").state == "cancelled"
    with pytest.raises(OrderMovedOn, match="cannot be cancelled"):
        broker.request_cancel(order_id=order.pk, actor="anna")


def test_cancel_of_a_working_order_is_asked_for_once() -> None:
    order = make_order(state=OrderState.WORKING, is_external=True)
    first = broker.request_cancel(order_id=order.pk, actor="anna")
    second = broker.request_cancel(order_id=order.pk, actor="ben")
    assert second.cancel_requested_by == "anna" and second.cancel_requested_at == first.cancel_requested_at
    assert second.state == OrderState.WORKING and order.events.count() == 1


@pytest.mark.django_db(transaction=True)
def test_cancels_and_changes_do_not_wait_for_whoever_writes_the_account() -> None:
    """The gateway locks accounts and instruments before orders: to lock them after the order would be a deadlock."""
    cancelled, changed = (make_order(state=OrderState.WORKING, is_external=True) for _ in range(2))
    with psycopg.connect(conninfo()) as gateway, connection.cursor() as cursor:
        gateway.execute("SELECT 1 FROM broker_account FOR UPDATE")
        gateway.execute("SELECT 1 FROM broker_instrument FOR UPDATE")
        cursor.execute("SET lock_timeout = '5s'")
        try:
            broker.request_cancel(order_id=cancelled.pk, actor="anna")
            broker.request_modification(order_id=changed.pk, changes={"limit_price": Decimal(499)}, actor="anna")
        finally:
            cursor.execute("RESET lock_timeout")
    assert Order.objects.get(pk=cancelled.pk).cancel_requested_by == "anna"


def test_modification_waits_for_the_broker_and_excludes_another() -> None:
    order = make_order(state=OrderState.WORKING, is_external=True)
    changed = broker.request_modification(order_id=order.pk, changes={"limit_price": Decimal("499")}, actor="anna")
    assert changed.limit_price == Decimal("500") and changed.wanted_changes == {"limit_price": "499"}
    with pytest.raises(OrderError, match="under way"):
        broker.request_modification(order_id=order.pk, changes={"quantity": Decimal(5)}, actor="ben")
    with pytest.raises(OrderError, match="can be modified"):
        broker.request_modification(order_id=order.pk, changes={"side": Decimal(1)}, actor="ben")


def test_what_is_not_sent_in_time_expires() -> None:
    now = clock.now()
    order = propose()
    Order.objects.update(expires_at=now)
    assert broker.expire_orders(now=now - timedelta(seconds=1)) == 0
    assert broker.expire_orders(now=now) == 1
    order.refresh_from_db()
    assert order.state == OrderState.EXPIRED


@pytest.mark.parametrize("purpose", OrderPurpose)
def test_approval_of_what_enters_holds_for_half_a_minute_and_of_what_closes_until_its_time(
    purpose: OrderPurpose,
) -> None:
    order = propose(purpose=purpose)
    broker.approve_order(order_id=order.pk, actor="risk")
    approved_at = Order.objects.get().approved_at
    assert approved_at is not None and broker.expire_orders(now=approved_at + timedelta(seconds=29)) == 0
    enters = purpose in {OrderPurpose.ENTRY, OrderPurpose.CORRECTION}
    assert broker.expire_orders(now=approved_at + timedelta(seconds=30)) == enters
    order.refresh_from_db()
    assert order.state == (OrderState.EXPIRED if enters else OrderState.APPROVED)
    if enters:
        assert "could not be sent within 30 s" in order.state_reason and "give it anew" in order.state_reason
        assert Event.objects.filter(level="WARN", message__contains="could not be sent").count() == 1


def test_most_restrictive_stop_of_all_scopes_applies() -> None:
    halt = {"permission": TradingPermission.HALTED, "actor": "anna"}
    broker.set_trading_state(scope=Scope.STRATEGY, target="momentum", source=StopSource.MANUAL, reason="test", **halt)
    broker.set_trading_state(
        scope=Scope.EVERYTHING,
        source=StopSource.LIMIT,
        permission=TradingPermission.REDUCING,
        reason="daily loss",
        actor="limit",
    )
    found = gate.look(account="DU1", strategy="momentum", con_id=1)
    assert found.permission is TradingPermission.HALTED and len(found.reasons) == 2
    assert gate.look(account="DU1", strategy="aistock").permission is TradingPermission.REDUCING
    assert not gate.look().admits(OrderPurpose.ENTRY) and gate.look().admits(OrderPurpose.EXIT)


def test_each_source_is_released_for_itself() -> None:
    for source in (StopSource.MANUAL, StopSource.LIMIT):
        broker.set_trading_state(
            scope=Scope.EVERYTHING, source=source, permission=TradingPermission.HALTED, reason="x", actor="anna"
        )
    released = broker.release_trading_state(
        scope=Scope.EVERYTHING, source=StopSource.MANUAL, reason="cause found", actor="ben"
    )
    assert released is not None and gate.look().permission is TradingPermission.HALTED
    assert (
        broker.release_trading_state(scope=Scope.EVERYTHING, source=StopSource.MANUAL, reason="again", actor="ben")
        is None
    )
    assert TradingState.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_halt_waits_for_claims_and_claims_wait_for_the_halt() -> None:
    """After a halt is committed, every claim either saw it or was committed before."""
    claimed, may_end, halted = threading.Event(), threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            gate.lock_shared()
            claimed.set()
            may_end.wait(10)
        connections.close_all()

    def halt() -> None:
        broker.set_trading_state(
            scope=Scope.EVERYTHING,
            source=StopSource.MANUAL,
            permission=TradingPermission.HALTED,
            reason="test",
            actor="anna",
        )
        halted.set()
        connections.close_all()

    threads = [threading.Thread(target=claim), threading.Thread(target=halt)]
    threads[0].start()
    assert claimed.wait(10)
    threads[1].start()
    assert not halted.wait(0.3)
    may_end.set()
    assert halted.wait(10)
    for thread in threads:
        thread.join()
