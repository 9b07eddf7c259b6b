"""An approved order is sent once and the ledger follows it to its end; asserted against the simulator's own ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from apps.broker import entry_probe
from apps.broker import services as broker
from apps.broker.choices import OrderState, OrderType, Scope, StopEnding, StopSource, TradingPermission
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
from tests.broker.gateway.ordering import at_broker, give, placements, state, wait_state
from tests.broker.gateway.running import ACCOUNT, running
from tests.broker.ledger.builders import make_account, make_order
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


def test_another_account_is_denied_and_a_planned_restart_holds_back(simulator: SimulatorProcess) -> None:
    now = datetime.now(UTC)
    window = RestartWindow((now + timedelta(minutes=2)).time(), (now + timedelta(minutes=9)).time())
    with running(simulator):
        other = make_account("DU7654321")
        denied = wait_state(give(simulator, account=other), OrderState.DENIED)
        assert "trades DU1234567, not DU7654321" in denied.state_reason
    with running(simulator, restarts=RestartCalendar((window,))) as gateway:
        held = give(simulator)
        gateway.run(gateway.gateway.orders.submitter.round)
        assert state(held) == OrderState.APPROVED
    assert placements(simulator, held) == placements(simulator, denied) == []


@pytest.mark.mission(199)
@pytest.mark.parametrize("changes", [{"epoch": 0}, {"lock_pid": 1}, {"paper_trading": False}, {"port": 7496}])
def test_claim_of_a_fenced_or_refused_gateway_takes_nothing(changes: dict[str, object]) -> None:
    """Setting, port and account prefix are compared once more in the transaction that claims."""
    make_order_ready()
    with psycopg.connect(conninfo(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [KEY])
        good = Identity(next_epoch(), holder.info.backend_pid, 1, ACCOUNT, True, 7497, (ACCOUNT,), LIVE_PORTS)
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
    with psycopg.connect(conninfo(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [KEY])
        identity = Identity(next_epoch(), holder.info.backend_pid, 1, ACCOUNT, True, 7497, (ACCOUNT,), LIVE_PORTS)
        [[first]] = claim(identity, lambda subject: "")
        withdraw([first.subject.id], "the session was not ready any more")
        assert EntryProbe.objects.get().order is None
        make_order_ready()
        [[second]] = claim(identity, lambda subject: "")
    assert EntryProbe.objects.get().order_id == second.subject.id


def make_order_ready() -> None:
    order = make_order()
    broker.approve_order(order_id=order.pk, actor="risk")
