"""Lost and late answers, lost links, refusals: every intent is one order at the broker, or none and said so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.broker import lateness
from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, SessionState, Side
from apps.broker.gateway import link
from apps.broker.models import Order, OrderNumbering
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.ordering import (
    age_approval,
    approve,
    at_broker,
    cancels,
    give,
    keep_fresh,
    placements,
    propose,
    state,
    wait_state,
)
from tests.broker.gateway.running import (
    running,
    shown_positions,
    true_orders,
    true_positions,
    wait_until_tables_agree,
)
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def history(order: Order) -> list[str]:
    return list(order.events.order_by("id").values_list("after", flat=True))


def test_lost_acknowledgements_and_lost_orders_are_told_apart(simulator: SimulatorProcess) -> None:
    """Silence either way: only the lists know. A limit order that never arrived goes again, a market order never."""
    with running(simulator):
        simulator.control("lose-ack 1")
        unheard = give(simulator)
        wait_for(lambda: len(at_broker(simulator, unheard)) == 1)
        simulator.control("lose-order 1")
        lost = give(simulator, "QQQ")
        keep_fresh(lost)
        wait_for(lambda: len(placements(simulator, lost)) == 1)
        simulator.control("lose-order 1")
        lost_market = give(simulator, "IWM", order_type=OrderType.MARKET, limit_price=None)
        wait_state(unheard, OrderState.WORKING, seconds=20)
        lost = wait_state(lost, OrderState.WORKING, seconds=30)
        wait_for(lambda: Order.objects.get(pk=lost_market.pk).looks >= 2, seconds=20)
        assert state(lost_market) == OrderState.UNRESOLVED
        Order.objects.filter(pk=lost_market.pk).update(state_since=lost_market.created_at.replace(year=2020))
        wait_for(lambda: Event.objects.filter(level="ERROR", data__escalation="order unresolved").exists())
    assert "unresolved" in history(unheard) and len(placements(simulator, unheard)) == 1
    assert len(at_broker(simulator, unheard)) == len(at_broker(simulator, lost)) == 1
    assert (len(placements(simulator, lost)), lost.times_sent) == (2, 2)
    assert at_broker(simulator, lost_market) == [] and len(placements(simulator, lost_market)) == 1


def test_order_of_the_silent_minutes_of_1100_is_found_afterwards(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        simulator.control("delay 300")
        late = give(simulator)
        wait_for(lambda: len(placements(simulator, late)) == 1)
        simulator.control("1100")
        simulator.control("delay 0")
        wait_for(lambda: not gateway.gateway.keeper.sendable)
        held, old = give(simulator, "QQQ"), give(simulator, "IWM")
        keep_fresh(held)
        age_approval(old, seconds=31)
        wait_for(lambda: state(late) in {OrderState.WORKING, OrderState.UNRESOLVED}, seconds=10)
        assert state(held) == OrderState.APPROVED and placements(simulator, held) == []
        simulator.control("1102")
        wait_state(late, OrderState.WORKING)
        wait_state(held, OrderState.WORKING)
        old = wait_state(old, OrderState.EXPIRED)
    assert len(at_broker(simulator, late)) == len(at_broker(simulator, held)) == 1
    assert placements(simulator, old) == [] and "could not be sent within 30 s" in old.state_reason


def test_lost_entry_is_not_sent_again_when_its_approval_is_old(simulator: SimulatorProcess) -> None:
    with running(simulator):
        simulator.control("lose-order 2")
        entry = give(simulator)
        stop = give(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.PROTECTIVE)
        age_approval(stop, seconds=3600)
        wait_for(lambda: len(placements(simulator, entry)) == len(placements(simulator, stop)) == 1)
        age_approval(entry, seconds=31)
        entry = wait_state(entry, OrderState.EXPIRED, seconds=40)
        wait_state(stop, OrderState.WORKING, seconds=40)
    assert len(placements(simulator, entry)) == 1 and at_broker(simulator, entry) == []
    assert "approved too long ago to be sent again" in entry.state_reason and "unresolved" in history(entry)
    assert Event.objects.filter(level="WARN", message__contains="too long ago").count() == 1
    assert len(at_broker(simulator, stop)) == 1


def test_entry_whose_turn_comes_too_late_is_not_sent(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was claimed in time; the question whether the broker answers took longer than its approval holds."""
    with running(simulator):
        wait_state(give(simulator), OrderState.WORKING)
        monkeypatch.setattr(link, "HEARD_SECONDS", 0.0)
        monkeypatch.setattr(lateness, "ENTRY_LASTS", timedelta(seconds=2))
        simulator.control("delay 2500")
        order = wait_state(give(simulator, "QQQ"), OrderState.EXPIRED, seconds=40)
        simulator.control("delay 0")
    assert placements(simulator, order) == []


def test_numbers_never_come_again_after_a_restart_that_rolls_them_back(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        first = wait_state(give(simulator, order_type=OrderType.MARKET), OrderState.FILLED)
        simulator.control("restart 0.3")
        wait_for(lambda: not gateway.gateway.keeper.sendable)
        gateway.wait_ready()
        second = wait_state(give(simulator), OrderState.WORKING)
        assert second.epoch is not None and first.epoch is not None and second.epoch > first.epoch
    assert first.order_id is not None and second.order_id is not None and second.order_id > first.order_id
    assert OrderNumbering.objects.get(client_id=1).highest == second.order_id
    (shown,) = at_broker(simulator, second)
    assert shown["order_id"] == second.order_id


def test_refusals_are_decided_by_the_brokers_lists(simulator: SimulatorProcess) -> None:
    with running(simulator):
        simulator.control("reject 1 201 Order rejected - reason:No trading permission")
        refused = wait_state(give(simulator), OrderState.REJECTED)
        assert "No trading permission" in refused.state_reason
        simulator.control("fail placeOrder 399 1")
        told = give(simulator)
        wait_for(lambda: len(placements(simulator, told)) == 1)
        simulator.control("fail placeOrder 103 1")
        duplicate = give(simulator, "QQQ")
        wait_for(lambda: len(placements(simulator, duplicate)) == 1)
        simulator.control("fail placeOrder 200 1")
        unknown = give(simulator, "IWM", order_type=OrderType.MARKET)
        duplicate = wait_state(duplicate, OrderState.WORKING, seconds=25)
        unknown = wait_state(unknown, OrderState.REJECTED, seconds=25)
    assert (duplicate.times_sent, len(at_broker(simulator, duplicate))) == (2, 1)
    assert "IBKR 200" in unknown.state_reason and len(placements(simulator, unknown)) == 1
    assert at_broker(simulator, unknown) == []


def test_fills_in_parts_repeated_and_corrected_are_counted_once(simulator: SimulatorProcess) -> None:
    with running(simulator):
        order = wait_state(give(simulator), OrderState.WORKING)
        simulator.control(f"fill 1 {order.order_id} 4 100")
        wait_for(lambda: Order.objects.get(pk=order.pk).filled_quantity == 4)
        simulator.control("dup-exec")
        simulator.control(f"fill 1 {order.order_id} 6 110")
        simulator.control("dup-exec")
        order = wait_state(order, OrderState.FILLED)
        wait_for(lambda: Order.objects.get(pk=order.pk).average_fill_price == Decimal(106))
        wait_until_tables_agree(simulator)
    order.refresh_from_db()
    (shown,) = at_broker(simulator, order)
    assert order.filled_quantity == Decimal(shown["filled"]) == 10


def test_modification_is_in_the_ledger_when_the_broker_shows_it(simulator: SimulatorProcess) -> None:
    with running(simulator):
        order = wait_state(give(simulator), OrderState.WORKING)
        changes = {"quantity": Decimal(7), "limit_price": Decimal("1.5")}
        broker.request_modification(order_id=order.pk, changes=changes, actor="person")
        wait_for(lambda: Order.objects.filter(pk=order.pk, wanted_changes={}, quantity=7).exists())
        (shown,) = at_broker(simulator, order)
        assert (shown["quantity"], shown["limit_price"], shown["order_id"]) == ("7", 1.5, order.order_id)
        simulator.control("fail placeOrder 201 1")
        broker.request_modification(order_id=order.pk, changes={"limit_price": Decimal(2)}, actor="person")
        wait_for(lambda: "not modified" in order.events.latest("id").message, seconds=20)
        order.refresh_from_db()
        (shown,) = at_broker(simulator, order)
        assert (shown["status"], shown["limit_price"]) == ("Submitted", 1.5)
        assert (order.state, order.limit_price, order.wanted_changes) == (OrderState.WORKING, Decimal("1.5"), {})
        simulator.control("mute placeOrder 1")
        broker.request_modification(order_id=order.pk, changes={"limit_price": Decimal(3)}, actor="person")
        broker_silent = "did not answer and still shows the old terms"
        wait_for(lambda: broker_silent in order.events.latest("id").message, seconds=20)


def test_modification_is_not_sent_after_a_cancel_was_asked_for(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(simulator):
        order = wait_state(give(simulator), OrderState.WORKING)
        monkeypatch.setattr(link, "HEARD_SECONDS", 0.0)
        simulator.control("delay 1500")
        broker.request_modification(order_id=order.pk, changes={"limit_price": Decimal(2)}, actor="person")
        wait_for(lambda: Order.objects.filter(pk=order.pk, modify_sent_at__isnull=False).exists())
        broker.request_cancel(order_id=order.pk, actor="person")
        wait_for(lambda: len(cancels(simulator)) > 0, seconds=30)
        simulator.control("delay 0")
        wait_state(order, OrderState.CANCELLED, seconds=60)
        assert len(placements(simulator, order)) == 1


def test_modification_is_not_sent_into_a_link_that_does_not_answer(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(simulator) as gateway:
        order = wait_state(give(simulator), OrderState.WORKING)
        monkeypatch.setattr(link, "HEARD_SECONDS", 0.0)
        simulator.control("blackhole on")
        broker.request_modification(order_id=order.pk, changes={"limit_price": Decimal(2)}, actor="person")
        gateway.wait_state(SessionState.DISCONNECTED, seconds=60)
        wait_for(lambda: Order.objects.filter(pk=order.pk, modify_sent_at=None).exists(), seconds=30)
        simulator.control("blackhole off")
        wait_for(lambda: Order.objects.get(pk=order.pk).limit_price == 2, seconds=60)
        assert len(placements(simulator, order)) == 2


def test_cancel_is_sent_again_until_the_broker_shows_it_and_while_not_ready(simulator: SimulatorProcess) -> None:
    with running(simulator):
        order, other = (wait_state(give(simulator, symbol), OrderState.WORKING) for symbol in ("SPY", "QQQ"))
        simulator.control("mute cancelOrder 2")
        broker.request_cancel(order_id=order.pk, actor="person")
        wait_state(order, OrderState.CANCELLED)
        assert len(cancels(simulator)) >= 3
        simulator.control("farm 2103")
        wait_for(lambda: not Event.objects.filter(step="Session").latest("id").message.endswith("Ready"))
        held = give(simulator)
        keep_fresh(held)
        broker.request_cancel(order_id=other.pk, actor="person")
        wait_state(other, OrderState.CANCELLED)
        assert state(held) == OrderState.APPROVED
        simulator.control("farm 2104")
        wait_state(held, OrderState.WORKING)
    assert [row["status"] for one in (order, other) for row in at_broker(simulator, one)] == ["Cancelled"] * 2


@pytest.mark.parametrize(
    ("fault", "session"),
    [
        ("farm 2103", SessionState.DATA_DEGRADED),
        ("farm 2105", SessionState.DATA_DEGRADED),
        ("error 10197 No market data during competing live session", SessionState.COMPETING_SESSION),
    ],
)
def test_without_market_data_positions_are_closed_and_protected_and_nothing_is_entered(
    simulator: SimulatorProcess, fault: str, session: SessionState
) -> None:
    simulator.control("trade SPY BUY 20")
    closing: dict[str, Any] = {"side": Side.SELL, "quantity": Decimal(10), "limit_price": None}
    with running(simulator) as gateway:
        wait_for(lambda: shown_positions() == true_positions(simulator))
        simulator.control(fault)
        gateway.wait_state(session)
        entries = [give(simulator) for _ in range(40)]
        keep_fresh(*entries)
        family = propose(simulator)
        child = propose(
            simulator, parent=family, order_type=OrderType.STOP, stop_price=Decimal(1),
            purpose=OrderPurpose.PROTECTIVE, **closing,
        )  # fmt: skip
        approve(child, family)
        keep_fresh(family)
        stop = give(
            simulator, order_type=OrderType.STOP, stop_price=Decimal(1), purpose=OrderPurpose.PROTECTIVE, **closing
        )
        wait_state(stop, OrderState.WORKING, seconds=30)
        flat = give(simulator, order_type=OrderType.MARKET, purpose=OrderPurpose.FLATTEN, **closing)
        wait_state(flat, OrderState.FILLED, seconds=30)
        target, half = (
            propose(simulator, oca_group="half", purpose=purpose, **(closing | terms))
            for purpose, terms in (
                (OrderPurpose.EXIT, {"limit_price": Decimal(9999)}),
                (OrderPurpose.PROTECTIVE, {"order_type": OrderType.STOP, "stop_price": Decimal(1)}),
            )
        )
        approve(target, half)
        wait_state(half, OrderState.WORKING, seconds=30)
        assert state(target) == OrderState.APPROVED
        broker.request_modification(order_id=half.pk, changes={"stop_price": Decimal(2)}, actor="person")
        wait_for(lambda: Order.objects.get(pk=half.pk).stop_price == 2, seconds=30)
        assert {state(order) for order in (*entries, family, child)} == {OrderState.APPROVED}
        assert not any(at_broker(simulator, order) for order in (*entries, family, child))


def test_nothing_is_sent_into_a_link_that_does_not_answer(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-open connection looks connected, and what lies in it may be executed when it thaws."""
    with running(simulator) as gateway:
        wait_state(give(simulator), OrderState.WORKING)
        monkeypatch.setattr(link, "HEARD_SECONDS", 0.0)
        simulator.control("blackhole on")
        order = give(simulator, "QQQ")
        keep_fresh(order)
        wait_for(lambda: order.events.filter(message__contains="not sent").exists(), seconds=30)
        gateway.wait_state(SessionState.DISCONNECTED, seconds=60)
        wait_for(lambda: Order.objects.get(pk=order.pk).times_sent == 0, what="what was claimed to be put back")
        simulator.control("blackhole off")
        wait_state(order, OrderState.WORKING, seconds=60)
    assert len(placements(simulator, order)) == len(at_broker(simulator, order)) == 1


def test_change_that_meets_an_outage_never_makes_a_second_order(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        order = wait_state(give(simulator), OrderState.WORKING)
        simulator.control("restart 3 keep-ids")
        broker.request_modification(order_id=order.pk, changes={"limit_price": Decimal(2)}, actor="person")
        gateway.wait_state(SessionState.DISCONNECTED, seconds=30)
        gateway.wait_ready(seconds=60)
        wait_for(lambda: Order.objects.get(pk=order.pk).wanted_changes == {}, seconds=60)
        wait_until_tables_agree(simulator, seconds=60)
        (at_the_broker,) = at_broker(simulator, order)
        known = Order.objects.get(pk=order.pk)
        assert known.state == OrderState.WORKING and known.limit_price == Decimal(at_the_broker["limit_price"])
    assert len(true_orders(simulator)) == 1
