"""An approved order is sent once and the ledger follows it to its end; asserted against the simulator's own ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from apps.broker import entry_probe
from apps.broker import services as broker
from apps.broker.choices import (
    OrderPurpose,
    OrderState,
    OrderType,
    Scope,
    Side,
    StopEnding,
    StopSource,
    TradingPermission,
)
from apps.broker.domain.mode import LIVE_PORTS
from apps.broker.domain.restart_window import RestartCalendar, RestartWindow
from apps.broker.exceptions import FencedError
from apps.broker.gateway.lock import KEY
from apps.broker.gateway.orders import claims
from apps.broker.gateway.orders.claims import claim
from apps.broker.gateway.orders.fence import Identity
from apps.broker.gateway.session_rows import next_epoch
from apps.broker.models import EntryProbe, Order
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import (
    age_approval,
    approve,
    at_broker,
    give,
    keep_fresh,
    placements,
    propose,
    state,
    wait_state,
)
from tests.broker.gateway.running import ACCOUNT, running, shown_positions, true_positions
from tests.broker.ledger.builders import make_account, make_order
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)


def test_approved_order_is_sent_once_filled_and_known(simulator: SimulatorProcess) -> None:
    with running(simulator):
        resting = give(simulator)
        order = give(simulator, order_type=OrderType.MARKET)
        order = wait_state(order, OrderState.FILLED)
        resting = wait_state(resting, OrderState.WORKING)
        broker.request_cancel(order_id=resting.pk, actor="person")
        resting = wait_state(resting, OrderState.CANCELLED)
    (shown,) = at_broker(simulator, order)
    assert (shown["perm_id"], shown["order_id"]) == (order.perm_id, order.order_id)
    assert order.filled_quantity == Decimal(shown["filled"]) == 10
    (shown,) = at_broker(simulator, resting)
    assert (shown["status"], shown["perm_id"]) == ("Cancelled", resting.perm_id)
    assert Order.objects.count() == 2 and order.times_sent == resting.times_sent == 1


def test_order_of_another_account_is_denied(simulator: SimulatorProcess) -> None:
    with running(simulator):
        other = make_account("DU7654321")
        denied = wait_state(give(simulator, account=other), OrderState.DENIED)
        assert "trades DU1234567, not DU7654321" in denied.state_reason
    assert placements(simulator, denied) == []


def test_planned_restart_holds_entries_back_and_nothing_that_closes_or_protects(simulator: SimulatorProcess) -> None:
    now = datetime.now(UTC)
    window = RestartWindow((now + timedelta(minutes=2)).time(), (now + timedelta(minutes=9)).time())
    simulator.control("trade SPY BUY 20")
    sell: dict[str, Any] = {"side": Side.SELL, "limit_price": Decimal(9999)}
    with running(simulator, restarts=RestartCalendar((window,))) as gateway:
        wait_for(lambda: shown_positions() == true_positions(simulator))
        entry, correction = give(simulator), give(simulator, purpose=OrderPurpose.CORRECTION)
        family = propose(simulator)
        child = propose(simulator, parent=family, purpose=OrderPurpose.PROTECTIVE, **sell)
        approve(child, family)
        held = [entry, correction, family, child]
        keep_fresh(*held)
        for purpose in (OrderPurpose.EXIT, OrderPurpose.PROTECTIVE):
            last = wait_state(give(simulator, purpose=purpose, **sell), OrderState.WORKING)
        flat = give(simulator, purpose=OrderPurpose.FLATTEN, side=Side.SELL, order_type=OrderType.MARKET)
        wait_state(flat, OrderState.FILLED)
        broker.request_modification(order_id=last.pk, changes={"limit_price": Decimal(9998)}, actor="person")
        wait_for(lambda: Order.objects.get(pk=last.pk).limit_price == 9998)
        gateway.run(gateway.gateway.orders.submitter.round)
        assert {state(order) for order in held} == {OrderState.APPROVED}
    assert not any(placements(simulator, order) for order in held)


def test_entry_that_outlived_its_approval_while_the_gateway_was_away_is_not_sent(simulator: SimulatorProcess) -> None:
    entry, timely = give(simulator), give(simulator, "QQQ")
    stop = give(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.PROTECTIVE)
    age_approval(entry, stop, seconds=31)
    keep_fresh(timely)
    with running(simulator):
        expired = wait_state(entry, OrderState.EXPIRED)
        wait_state(stop, OrderState.WORKING)
        wait_state(timely, OrderState.WORKING)
    assert placements(simulator, entry) == []
    assert "the gateway was away" in expired.state_reason and "give it anew" in expired.state_reason


@pytest.mark.parametrize("group", ["", "pair"])
def test_entry_whose_approval_is_old_is_not_claimed(group: str) -> None:
    """Whether it would be claimed for itself, or along with another of its group."""
    old, young = make_order(oca_group=group), make_order(oca_group=group)
    approve(old, young)
    age_approval(old, seconds=31)
    keep_fresh(young)
    with holding_the_lock() as identity:
        claimed = [item.subject.id for family in claim(identity, lambda subject: "") for item in family]
    assert claimed == [young.pk] and state(old) == OrderState.APPROVED


@pytest.mark.mission(199)
@pytest.mark.parametrize(
    "changes",
    [{"epoch": 0}, {"lock_pid": 1}, {"paper_trading": False}, {"port": 7496}, {"accounts": ("DU7654321",)}],
)
def test_claim_of_a_fenced_or_refused_gateway_takes_nothing(changes: dict[str, object]) -> None:
    """Setting, port and account prefix are compared once more in the transaction that claims."""
    make_order_ready()
    with holding_the_lock() as good:
        with pytest.raises(FencedError):
            claim(replace(good, **changes), lambda subject: "")  # type: ignore[arg-type]
        assert Order.objects.get().state == OrderState.APPROVED
        assert len(claim(good, lambda subject: "")) == 1
    assert Order.objects.get().state == OrderState.SUBMITTING


@pytest.mark.mission(149)
@pytest.mark.parametrize("withdraw", [claims.put_back, claims.deny])
def test_probe_of_an_order_that_was_not_sent_is_offered_to_the_next(withdraw: Callable[..., None]) -> None:
    broker.set_trading_state(
        scope=Scope.EVERYTHING,
        permission=TradingPermission.HALTED,
        source=StopSource.BREAKER,
        reason="order placements failed",
        actor="breaker",
        ending=StopEnding.RECOVERY,
    )
    entry_probe.offer_probe(source=StopSource.BREAKER, now=clock.now())
    make_order_ready()
    with holding_the_lock() as identity:
        [[first]] = claim(identity, lambda subject: "")
        withdraw([first.subject.id], "the session was not ready any more")
        assert EntryProbe.objects.get().order is None
        make_order_ready()
        [[second]] = claim(identity, lambda subject: "")
    assert EntryProbe.objects.get().order_id == second.subject.id


@contextmanager
def holding_the_lock() -> Iterator[Identity]:
    """Who a gateway is that holds the lock in its present epoch."""
    with psycopg.connect(conninfo(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [KEY])
        yield Identity(next_epoch(), holder.info.backend_pid, 1, ACCOUNT, True, 7497, (ACCOUNT,), LIVE_PORTS)


def make_order_ready() -> None:
    order = make_order()
    broker.approve_order(order_id=order.pk, actor="risk")
