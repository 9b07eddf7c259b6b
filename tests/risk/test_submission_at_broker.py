"""The whole way against the simulated broker: submitted, judged, sent and filled; and refused before it is sent."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, RequestKind, Side
from apps.broker.models import Account, Order, Position
from apps.broker.services import Terms
from apps.broker.simulator.testing import SimulatorProcess
from apps.console.selectors.health import find_findings
from apps.risk import services as risk
from tests.broker.gateway.ordering import at_broker, instrument, wait_state
from tests.broker.gateway.running import ACCOUNT, running
from tests.risk.world import calm, watch_losses
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.known import Known

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tick_interval=0) as simulator:
        yield simulator


@pytest.fixture
def trading(simulator: SimulatorProcess, settings: Settings) -> Iterator[SimulatorProcess]:
    calm(settings)
    with running(simulator):
        watch_losses(Account.objects.get(code=ACCOUNT))
        yield simulator


def terms(simulator: SimulatorProcess, **changes: Any) -> Terms:
    """At any hour: the simulator's market never closes."""
    base: dict[str, Any] = {
        "account": Account.objects.get(code=ACCOUNT),
        "instrument": instrument(simulator),
        "side": Side.BUY,
        "quantity": Decimal(2),
        "order_type": OrderType.MARKET,
        "purpose": OrderPurpose.ENTRY,
        "reason": "test",
        "strategy": "momentum",
        "outside_regular_hours": True,
    }
    return Terms(**(base | changes))


def submit(wanted: Terms) -> Order:
    return risk.submit_order(terms=wanted, idempotency_key=uuid.uuid4().hex, requested_by="momentum")


def test_order_goes_the_whole_way_and_its_position_closes(trading: SimulatorProcess) -> None:
    order = submit(terms(trading))
    assert order.state == OrderState.APPROVED, order.state_reason
    wait_state(order, OrderState.FILLED)
    assert [row["filled"] for row in at_broker(trading, order)]
    saw = order.verdicts.get().saw
    assert saw["quote"]["source"] == "market" and saw["average_volume"].get("value"), saw
    assert "value" in saw["broker_says_open"], "the hours that the broker states, whatever they are now"

    def closed() -> Order | None:
        """The position follows its fill at once, but by another message."""
        found = submit(terms(trading, side=Side.SELL, purpose=OrderPurpose.EXIT))
        return found if found.state != OrderState.DENIED else None

    wait_state(wait_for(closed), OrderState.FILLED)


def test_too_large_an_order_never_reaches_the_broker(trading: SimulatorProcess) -> None:
    order = submit(terms(trading, quantity=Decimal(100_000)))
    assert order.state == OrderState.DENIED and "The order is worth" in order.state_reason
    assert at_broker(trading, order) == []


def test_preview_states_verdict_and_margin(trading: SimulatorProcess) -> None:
    found = risk.preview_order(terms=terms(trading, quantity=Decimal(3)))
    assert found.verdict.is_approved, found.verdict.sentence
    assert isinstance(found.margin, Known), found.margin
    assert found.margin.value.initial_change and found.margin.value.is_covered
    assert not Order.objects.filter(is_external=False).exists()


def test_market_order_is_sent_with_the_collar_as_its_limit(trading: SimulatorProcess) -> None:
    key = uuid.uuid4().hex
    wanted = terms(trading, quantity=Decimal(4))
    order = risk.submit_order(terms=wanted, idempotency_key=key, requested_by="momentum")
    quoted = order.reference_price
    assert quoted is not None and order.limit_price is not None and order.is_collared
    assert quoted < order.limit_price <= quoted * Decimal("1.03")
    wait_state(order, OrderState.FILLED)
    assert {row["order_type"] for row in at_broker(trading, order)} == {"LMT"}
    trading.control("tick 20")
    again = risk.submit_order(terms=wanted, idempotency_key=key, requested_by="momentum")
    assert again.pk == order.pk, "the quote has moved meanwhile, the intent has not"
    shown = risk.preview_order(terms=wanted).terms
    assert (shown.order_type, shown.is_collared) == (OrderType.LIMIT, True)


@pytest.mark.parametrize(("seconds", "told"), [("10", "ahead of"), ("-10", "behind")])
def test_broker_whose_clock_is_elsewhere_keeps_entries_waiting(
    trading: SimulatorProcess, seconds: str, told: str
) -> None:
    def skew() -> float:
        return abs(broker_state.session().clock_offset or 0)

    wait_for(lambda: broker_state.session().clock_offset == 0, what="asked, and the clocks agree")
    trading.control(f"clock-offset {seconds}")
    try:
        wait_for(lambda: 8 < skew() <= 10, what="the gateway has asked again")
        order = submit(terms(trading))
        assert order.state == OrderState.DENIED
        assert "The broker's clock is" in order.state_reason and told in order.state_reason
        assert {finding.key for finding in find_findings(now=clock.now())} >= {"broker-clock"}
    finally:
        trading.control("clock-offset 0")
    wait_for(lambda: broker_state.session().clock_offset == 0)
    assert submit(terms(trading, quantity=Decimal(3))).state == OrderState.APPROVED


def test_halted_instrument_is_not_entered(trading: SimulatorProcess) -> None:
    trading.control("halt SPY on")
    try:
        order = submit(terms(trading))
        assert order.state == OrderState.DENIED and "The exchange has halted trading in SPY." in order.state_reason
    finally:
        trading.control("halt SPY off")
    assert submit(terms(trading, quantity=Decimal(3))).state == OrderState.APPROVED


def test_quiet_market_keeps_nobody_from_trading(trading: SimulatorProcess) -> None:
    """Nothing ticks for longer than a quote may be old; its line stays open, for the instrument is held."""
    held = Position.objects.filter(instrument__sec_type="STK", instrument__currency="USD").exclude(quantity=0)
    wait_for(lambda: held.filter(price_source="market").exists())
    row = held.select_related("instrument").earliest("pk")
    wait_for(lambda: Position.objects.get(pk=row.pk).price_source == "market")
    time.sleep(6)
    asked = broker.ask(RequestKind.QUOTES, {"con_ids": [row.instrument.con_id]})
    assert isinstance(asked, Known)
    assert clock.now() - datetime.fromisoformat(asked.value[0]["at"]) > timedelta(seconds=5), "a line that is kept"
    order = submit(terms(trading, instrument=row.instrument, quantity=Decimal(1)))
    assert order.state == OrderState.APPROVED, order.state_reason
    wait_state(order, OrderState.FILLED)
    moved = Position.objects.get(pk=row.pk)
    wait_for(lambda: Position.objects.get(pk=row.pk).price_source == "market", what=f"{moved} has its line again")
