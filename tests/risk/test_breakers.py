from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.broker import entry_probe, gate, ledger
from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, RequestKind, Scope, StopSource, TradingPermission
from apps.broker.models import EntryProbe, Order, TradingState
from apps.journal.models import Event, Incident
from apps.risk.breaker_keeper import DatabaseKeeper
from apps.risk.breaker_selectors import breaker_views
from apps.risk.choices import BreakerState
from apps.risk.domain import breaking as domain
from apps.risk.domain.breaking import Circuit
from apps.risk.exceptions import RiskError
from apps.risk.models import Breaker, BreakerEvent
from apps.risk.services import breakers
from tests.broker.ledger.builders import make_order
from tests.risk.world import person
from tradeops.lib.breaking import MARKET_DATA, ORDER_PLACEMENT
from tradeops.lib.known import Unknown

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def fail(times: int, name: str = MARKET_DATA, now: datetime = NOW) -> Breaker:
    for _ in range(times):
        row = breakers.note_outcome(name=name, problem="timed out", now=now)
    return row


@pytest.mark.mission(149)
@pytest.mark.django_db
def test_breaker_opens_after_five_failures_half_opens_after_60_s_and_closes_on_success() -> None:
    assert fail(4).state == BreakerState.CLOSED
    assert breakers.admit(name=MARKET_DATA, now=NOW)
    assert fail(1).state == BreakerState.OPEN
    assert not breakers.admit(name=MARKET_DATA, now=after(59.9))
    assert breakers.admit(name=MARKET_DATA, now=after(60))
    assert Breaker.objects.get(name=MARKET_DATA).state == BreakerState.HALF_OPEN
    row = breakers.note_outcome(name=MARKET_DATA, problem="", now=after(61))
    assert (row.state, row.failures, row.not_closed_since) == (BreakerState.CLOSED, 0, None)


@pytest.mark.django_db
def test_failures_count_in_a_row_only() -> None:
    fail(4)
    breakers.note_outcome(name=MARKET_DATA, problem="", now=NOW)
    assert fail(4).state == BreakerState.CLOSED


@pytest.mark.django_db
def test_failed_probe_opens_for_another_minute() -> None:
    fail(5)
    assert breakers.admit(name=MARKET_DATA, now=after(60))
    row = breakers.note_outcome(name=MARKET_DATA, problem="timed out", now=after(65))
    assert (row.state, row.opened_at, row.times_opened) == (BreakerState.OPEN, after(65), 2)
    assert row.not_closed_since == NOW
    assert not breakers.admit(name=MARKET_DATA, now=after(120))
    assert breakers.admit(name=MARKET_DATA, now=after(125))


@pytest.mark.django_db
def test_half_open_admits_one_probe_and_another_when_the_first_stays_silent() -> None:
    fail(5)
    assert [breakers.admit(name=MARKET_DATA, now=after(60 + turn)) for turn in range(3)] == [True, False, False]
    assert breakers.admit(name=MARKET_DATA, now=after(121))


@pytest.mark.django_db(transaction=True)
def test_half_open_admits_one_of_many_threads() -> None:
    fail(5)
    admitted: list[bool] = []
    start = threading.Barrier(8)

    def press() -> None:
        start.wait()
        admitted.append(breakers.admit(name=MARKET_DATA, now=after(60)))
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(admitted) == [False] * 7 + [True]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 90)), max_size=60))
def test_circuit_agrees_with_the_obvious_model(steps: list[tuple[bool, int]]) -> None:
    """One caller: asks, and if admitted calls and tells the outcome at once."""
    circuit = Circuit("x", BreakerState.CLOSED, 0, None, None, 5, 60)
    failures, opened_at, now = 0, None, NOW
    for succeeds, pause in steps:
        now += timedelta(seconds=pause)
        expected = opened_at is None or now >= opened_at + timedelta(seconds=60)
        assert domain.admit(circuit, now) is expected
        if not expected:
            continue
        domain.note(circuit, "" if succeeds else "failed", now)
        if succeeds:
            failures, opened_at = 0, None
        else:
            failures += 1
            if opened_at is not None or failures >= 5:
                opened_at = now
        assert (circuit.state is BreakerState.OPEN) is (opened_at is not None)


@pytest.mark.mission(153)
@pytest.mark.django_db
def test_open_breaker_is_named_with_its_failures_and_countdown() -> None:
    fail(5)
    view = next(view for view in breaker_views(now=after(20)) if view.name == MARKET_DATA)
    assert (view.state, view.failures, view.countdown_seconds) == ("open", 5, 40)
    assert (view.last_failure, view.last_failure_at, view.opened_at) == ("timed out", NOW, NOW)
    fail(1, now=after(10))
    event = BreakerEvent.objects.get()
    assert (event.before, event.after, event.reason) == (BreakerState.CLOSED, BreakerState.OPEN, "timed out")


@pytest.mark.mission(148)
@pytest.mark.django_db
def test_reset_closes_one_or_all_with_reason_and_is_audited() -> None:
    person("rita", "risk.reset_breaker")
    fail(5)
    fail(5, ORDER_PLACEMENT)
    call_command("breakers", "--reset", MARKET_DATA, "--reason", "network mended", "--user", "rita", stdout=StringIO())
    assert Breaker.objects.get(name=MARKET_DATA).state == BreakerState.CLOSED
    assert Breaker.objects.get(name=ORDER_PLACEMENT).state == BreakerState.OPEN
    event = BreakerEvent.objects.filter(breaker__name=MARKET_DATA).first()
    assert event is not None and event.actor == "rita" and "network mended" in event.reason
    output = StringIO()
    call_command("breakers", "--reset-all", "--reason", "all clear", "--user", "rita", "--json", stdout=output)
    assert {row["state"] for row in json.loads(output.getvalue())} == {"closed"}
    assert Event.objects.filter(step="Breaker", actor="rita", message__contains="all clear").count() == 2
    assert gate.look().permission == TradingPermission.ACTIVE


@pytest.mark.django_db
def test_reset_needs_a_reason_and_a_known_name() -> None:
    with pytest.raises(RiskError, match="Say why"):
        breakers.reset_breaker(name=MARKET_DATA, reason=" ", user=person("rita", "risk.reset_breaker"))
    with pytest.raises(CommandError, match="There is no breaker 'x': choose one of market_data, order_placement"):
        call_command("breakers", "--reset", "x", "--reason", "why", "--user", "rita")


@pytest.mark.django_db
@pytest.mark.parametrize("how", [["--reset", ORDER_PLACEMENT], ["--reset-all"]])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Only a person"),
        ("nobody", "no user nobody"),
        ("tom", "risk.reset_breaker"),
        ("gone", "risk.reset_breaker"),
    ],
)
def test_only_who_may_reset_does(how: list[str], name: str, words: str) -> None:
    """It lets trading go on, as a resume does."""
    fail(5, ORDER_PLACEMENT)
    person("tom")
    gone = person("gone", "risk.reset_breaker")
    gone.is_active = False
    gone.save()
    with pytest.raises(CommandError, match=words):
        call_command("breakers", *how, "--reason", "mended", "--user", name)
    assert Breaker.objects.get(name=ORDER_PLACEMENT).state == BreakerState.OPEN
    assert gate.look().permission == TradingPermission.HALTED


@pytest.mark.mission(153)
@pytest.mark.django_db
def test_open_order_breaker_halts_entries_until_it_recovers() -> None:
    fail(5, ORDER_PLACEMENT)
    found = gate.look()
    assert found.permission == TradingPermission.HALTED
    assert not found.admits(OrderPurpose.ENTRY) and found.admits(OrderPurpose.EXIT)
    row = TradingState.objects.get(source=StopSource.BREAKER)
    assert (row.scope, row.ending) == (Scope.EVERYTHING, "recovery")
    breakers.advance_breakers(now=after(59))
    assert Breaker.objects.get(name=ORDER_PLACEMENT).state == BreakerState.OPEN
    breakers.advance_breakers(now=after(60))
    assert gate.look().admits(OrderPurpose.ENTRY)
    entry_probe.take_probe(make_order())
    assert not gate.look().admits(OrderPurpose.ENTRY)
    breakers.note_outcome(name=ORDER_PLACEMENT, problem="", now=after(61))
    assert gate.look().permission == TradingPermission.ACTIVE
    assert not EntryProbe.objects.exists()


@pytest.mark.django_db
def test_probe_is_neither_taken_by_an_exit_nor_lost_with_an_order_that_was_not_sent() -> None:
    fail(5, ORDER_PLACEMENT)
    breakers.advance_breakers(now=after(60))
    entry_probe.take_probe(make_order(purpose=OrderPurpose.EXIT))
    assert gate.look().admits(OrderPurpose.ENTRY)
    entry_probe.take_probe(make_order())
    assert not gate.look().admits(OrderPurpose.ENTRY)
    breakers.advance_breakers(now=after(61))
    assert gate.look().admits(OrderPurpose.ENTRY)


def submitting() -> Order:
    order = make_order()
    ledger.move(order.pk, before=[OrderState.PROPOSED], after=OrderState.APPROVED, message="approved")
    sent = ledger.move(
        order.pk, before=[OrderState.APPROVED], after=OrderState.SUBMITTING, message="sent", submitted_at=after(60)
    )
    assert sent is not None
    return sent


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", [OrderState.CANCELLED, OrderState.EXPIRED])
def test_probe_that_ends_at_once_unfilled_has_proved_that_the_broker_takes_orders(end: OrderState) -> None:
    fail(5, ORDER_PLACEMENT)
    breakers.advance_breakers(now=after(60))
    order = submitting()
    entry_probe.take_probe(order)
    ledger.move(order.pk, before=[OrderState.SUBMITTING], after=end, message="immediate or cancel")
    assert Breaker.objects.get(name=ORDER_PLACEMENT).state == BreakerState.CLOSED
    assert gate.look().permission == TradingPermission.ACTIVE


@pytest.mark.django_db
def test_probe_whose_end_nobody_counted_is_offered_anew_but_never_beside_one_under_way() -> None:
    fail(5, ORDER_PLACEMENT)
    breakers.advance_breakers(now=after(60))
    order = submitting()
    entry_probe.take_probe(order)
    EntryProbe.objects.update(taken_at=after(60))
    breakers.advance_breakers(now=after(200))
    assert not gate.look().admits(OrderPurpose.ENTRY)
    Order.objects.filter(pk=order.pk).update(state=OrderState.WORKING)
    breakers.advance_breakers(now=after(119))
    assert not gate.look().admits(OrderPurpose.ENTRY)
    breakers.advance_breakers(now=after(200))
    assert gate.look().admits(OrderPurpose.ENTRY)


@pytest.mark.django_db
def test_probe_passes_the_breaker_but_no_other_stop() -> None:
    fail(5, ORDER_PLACEMENT)
    broker.set_trading_state(
        scope=Scope.EVERYTHING, permission=TradingPermission.HALTED, source=StopSource.MANUAL, reason="x", actor="rita"
    )
    breakers.advance_breakers(now=after(60))
    assert not gate.look().admits(OrderPurpose.ENTRY)


@pytest.mark.mission(134)
@pytest.mark.django_db
def test_breaker_that_stays_open_for_more_than_ten_minutes_is_a_critical_incident() -> None:
    fail(5)
    breakers.advance_breakers(now=after(600))
    assert not Incident.objects.exists()
    breakers.admit(name=MARKET_DATA, now=after(600))
    fail(1, now=after(605))
    breakers.advance_breakers(now=after(606))
    breakers.advance_breakers(now=after(607))
    incident = Incident.objects.get()
    assert (incident.key, incident.severity, incident.count) == ("breaker:market_data", "critical", 2)
    assert "--reset market_data" in incident.detail
    breakers.admit(name=MARKET_DATA, now=after(700))
    breakers.note_outcome(name=MARKET_DATA, problem="", now=after(701))
    incident.refresh_from_db()
    assert incident.resolved_at is not None


@pytest.mark.django_db
def test_open_market_data_breaker_refuses_quotes_at_once_but_never_the_account() -> None:
    for _ in range(5):
        breakers.note_outcome(name=MARKET_DATA, problem="quotes: timed out")
    answer = broker.ask(RequestKind.QUOTES, {"con_ids": [1]})
    assert isinstance(answer, Unknown) and "circuit breaker market_data is open" in answer.reason
    answer = broker.ask(RequestKind.POSITIONS, {})
    assert isinstance(answer, Unknown) and "gateway not running" in answer.reason


@pytest.mark.django_db(transaction=True)
def test_count_survives_the_callers_rollback() -> None:
    from django.db import transaction

    keeper = DatabaseKeeper()
    with transaction.atomic():
        keeper.note(MARKET_DATA, "timed out")
        transaction.set_rollback(True)
    assert Breaker.objects.get(name=MARKET_DATA).failures == 1
    keeper.note(MARKET_DATA, "")
    assert Breaker.objects.get(name=MARKET_DATA).failures == 0
    assert keeper.objection(MARKET_DATA) == ""
