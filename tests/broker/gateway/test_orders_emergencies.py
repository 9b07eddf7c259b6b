"""Halts, cancel-all and the flag file: what the broker holds afterwards, by the simulator's own ledger."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from apps.broker import services as broker
from apps.broker.choices import (
    EmergencyKind,
    EmergencyState,
    OrderPurpose,
    OrderState,
    OrderType,
    Scope,
    SessionState,
    Side,
    StopSource,
    TradingPermission,
)
from apps.broker.domain.orders import AT_RISK
from apps.broker.gateway.orders import killing, submitter
from apps.broker.models import BrokerOrder, EmergencyRun, Order, TradingState
from apps.broker.models.stops import ENDED, OVER_DATA_LINK
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Incident
from apps.risk.services.emergency_watch import call_for_people
from tests.broker.gateway.ordering import approve, at_broker, give, propose, wait_state
from tests.broker.gateway.running import ACCOUNT, RunningGateway, running, true_orders
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)


def run(kind: EmergencyKind, **values: Any) -> EmergencyRun:
    defaults: dict[str, Any] = {"scope": Scope.EVERYTHING, "reason": "test", "actor": "ann", "came_by": "api"}
    return EmergencyRun.objects.create(kind=kind, **(defaults | values))


def ended(action: EmergencyRun, *, seconds: float = 15.0) -> EmergencyRun:
    finished = [*ENDED, EmergencyState.CLOSING]
    wait_for(lambda: EmergencyRun.objects.filter(pk=action.pk, state__in=finished).exists(), seconds=seconds)
    return EmergencyRun.objects.get(pk=action.pk)


def halt(**values: Any) -> EmergencyRun:
    scope, target = values.get("scope", Scope.EVERYTHING), values.get("target", "")
    broker.set_trading_state(
        scope=scope, target=target, permission=TradingPermission.HALTED, source=StopSource.MANUAL, reason="test",
        actor="ann",
    )  # fmt: skip
    return run(EmergencyKind.HALT, permission=TradingPermission.HALTED, **values)


def working(simulator: SimulatorProcess, **changes: Any) -> Order:
    return wait_state(give(simulator, **changes), OrderState.WORKING)


def statuses(simulator: SimulatorProcess, *orders: Order) -> list[str]:
    return [row["status"] for order in orders for row in at_broker(simulator, order)]


def test_halt_cancels_entries_keeps_what_protects_and_denies_the_next(simulator: SimulatorProcess) -> None:
    with running(simulator):
        entry, other = working(simulator), working(simulator, strategy="other", quantity=Decimal(3))
        stop = working(
            simulator, side=Side.SELL, order_type=OrderType.STOP, stop_price=Decimal(1), limit_price=None,
            purpose=OrderPurpose.PROTECTIVE,
        )  # fmt: skip
        first = ended(halt(scope=Scope.STRATEGY, target="other"))
        assert statuses(simulator, entry, other, stop) == ["Submitted", "Cancelled", "PreSubmitted"]
        done = ended(halt())
        assert statuses(simulator, entry, other, stop) == ["Cancelled", "Cancelled", "PreSubmitted"]
        wait_state(entry, OrderState.CANCELLED)
        denied = wait_state(give(simulator), OrderState.DENIED)
        exit_order = working(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.EXIT)
    assert (first.state, done.state) == (EmergencyState.DONE, EmergencyState.DONE)
    (result,) = done.results
    assert (result["order"], result["done"], result["perm_id"]) == (str(entry.pk), True, entry.perm_id)
    assert done.first_cancel_at is not None and done.picture is not None
    assert {row["perm_id"] for row in done.picture["open_orders"]} == {stop.perm_id}
    assert at_broker(simulator, denied) == [] and "test" in denied.state_reason
    assert statuses(simulator, exit_order) == ["Submitted"]


def test_halt_ends_and_names_the_entries_of_others_that_it_cannot_cancel(simulator: SimulatorProcess) -> None:
    simulator.control("order QQQ BUY 5 1")
    with running(simulator):
        entry = working(simulator)
        wait_for(lambda: Order.objects.filter(is_external=True, state=OrderState.WORKING).exists())
        done = ended(halt(), seconds=30)
        by_hand = Order.objects.get(is_external=True)
        assert statuses(simulator, entry) == ["Cancelled"] and true_orders(simulator) == {by_hand.perm_id}
        assert done.state == EmergencyState.OTHERS and done.ended_at is not None
        assert "1 order of others still works: QQQ" in done.problem and "cancel_all" in done.problem
        assert {row["symbol"]: row["done"] for row in done.results} == {"SPY": True, "QQQ": False}
        call_for_people(now=clock.now())
        incident = Incident.objects.get(key=f"emergency:{done.pk}")
        assert "orders of others still work" in incident.title and incident.severity == "critical"
        call_for_people(now=clock.now())
        incident.refresh_from_db()
        assert incident.resolved_at is None
        ended(run(EmergencyKind.CANCEL_ALL), seconds=30)
        wait_state(by_hand, OrderState.CANCELLED, seconds=30)
        wait_for(lambda: not BrokerOrder.objects.filter(is_open=True).exists(), seconds=30)
        call_for_people(now=clock.now())
        incident.refresh_from_db()
        assert incident.resolved_at is not None


def test_cancel_all_reaches_other_clients_and_what_was_not_sent(simulator: SimulatorProcess) -> None:
    simulator.control("order QQQ BUY 5 1")
    with running(simulator):
        entry = working(simulator)
        wait_for(lambda: Order.objects.filter(is_external=True, state=OrderState.WORKING).exists())
        waiting = propose(simulator)
        done = ended(run(EmergencyKind.CANCEL_ALL))
        wait_state(waiting, OrderState.CANCELLED)
        wait_state(entry, OrderState.CANCELLED)
        by_hand = Order.objects.get(is_external=True)
        wait_state(by_hand, OrderState.CANCELLED)
    assert done.state == EmergencyState.DONE and true_orders(simulator) == set()
    assert {row["perm_id"] for row in done.results} >= {entry.perm_id, by_hand.perm_id}
    assert all(row["done"] for row in done.results)


def test_close_all_cancels_its_account_and_hands_over(simulator: SimulatorProcess) -> None:
    with running(simulator):
        entry = working(simulator)
        done = ended(run(EmergencyKind.CLOSE_ALL, account=entry.account.code))
        assert (done.state, statuses(simulator, entry)) == (EmergencyState.CLOSING, ["Cancelled"])
        meanwhile = wait_state(give(simulator), OrderState.DENIED)
        assert "closed by ann" in meanwhile.state_reason and at_broker(simulator, meanwhile) == []
        EmergencyRun.objects.filter(pk=done.pk).update(state=EmergencyState.DONE)
        assert working(simulator).times_sent == 1


@contextmanager
def database_away() -> Iterator[None]:
    """No connection is left and none is let in, while the test goes on."""
    name = connection.settings_dict["NAME"]
    connection.close()
    with psycopg.connect(conninfo(), dbname="postgres", autocommit=True) as outside:
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            outside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_flag_file_stops_trading_without_a_database_and_is_written_down_later(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    flag = tmp_path / "HALT"
    with running(simulator, halt_flag=flag) as gateway:
        entry, unsent = working(simulator), propose(simulator)
        stop = working(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.PROTECTIVE)
        with database_away():
            flag.write_text(json.dumps({"reason": "smoke", "actor": "bob"}))
            wait_for(lambda: statuses(simulator, entry) == ["Cancelled"], seconds=5)
            assert statuses(simulator, stop) == ["Submitted"]
            assert_gate_is_closed(gateway)
        wait_for(lambda: EmergencyRun.objects.filter(came_by="file", state=EmergencyState.DONE).exists())
        receipt = EmergencyRun.objects.get()
        stopped = TradingState.objects.get()
        assert (stopped.source, stopped.permission, stopped.set_by) == ("manual", "halted", "bob")
        assert [row["order"] for row in receipt.results] == [str(entry.pk)] and receipt.first_cancel_at is not None
        approve(unsent)
        wait_state(unsent, OrderState.DENIED)
    with running(simulator, halt_flag=flag) as gateway:
        broker.release_trading_state(scope=Scope.EVERYTHING, source=StopSource.MANUAL, reason="over", actor="cy")
        still_denied = wait_state(give(simulator), OrderState.DENIED)
        flag.unlink()
        stops = gateway.gateway.orders.stops
        wait_for(lambda: stops.flag is None and not stops.running)
        again = wait_state(give(simulator), OrderState.WORKING)
    assert "smoke" in still_denied.state_reason and at_broker(simulator, still_denied) == []
    assert statuses(simulator, again) == ["Submitted"] and EmergencyRun.objects.count() == 1


def assert_gate_is_closed(gateway: RunningGateway) -> None:
    flag = gateway.gateway.orders.stops.flag
    assert flag is not None and flag.permission is TradingPermission.HALTED


def test_flag_that_cannot_be_understood_stops_everything(simulator: SimulatorProcess, tmp_path: Path) -> None:
    flag = tmp_path / "HALT"
    flag.write_text("stop, please")
    with running(simulator, halt_flag=flag):
        denied = wait_state(give(simulator), OrderState.DENIED)
    assert "stop, please" in denied.state_reason and at_broker(simulator, denied) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"reason": "N\\u0000UL"}', "NUL"),
        ('{"reason": "half \\ud800"}', "half ?"),
        ("stop\0now", "the file cannot be understood: stopnow"),
        ("[" * 9000, "the file cannot be understood: " + "[" * 200),
    ],
)
def test_malformed_flag_stops_everything_and_is_written_down(
    simulator: SimulatorProcess, tmp_path: Path, text: str, reason: str
) -> None:
    flag = tmp_path / "HALT"
    with running(simulator, halt_flag=flag):
        entry = working(simulator)
        flag.write_text(text)
        wait_for(lambda: EmergencyRun.objects.filter(came_by="file", state=EmergencyState.DONE).exists(), seconds=30)
        assert EmergencyRun.objects.get().reason == reason and statuses(simulator, entry) == ["Cancelled"]
        wait_state(give(simulator), OrderState.DENIED, seconds=30)


def test_receipt_that_cannot_be_written_keeps_no_other_from_being_written(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    flag, table = tmp_path / "HALT", EmergencyRun._meta.db_table
    with running(simulator, halt_flag=flag):
        entry = working(simulator)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT not_of_bob CHECK (actor <> 'bob')")
        try:
            flag.write_text(json.dumps({"reason": "refused", "actor": "bob"}))
            wait_for(lambda: statuses(simulator, entry) == ["Cancelled"], seconds=30)
            assert ended(run(EmergencyKind.CANCEL_ALL), seconds=30).state == EmergencyState.DONE
            assert not EmergencyRun.objects.filter(actor="bob").exists()
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT not_of_bob")
        wait_for(lambda: EmergencyRun.objects.filter(actor="bob", state=EmergencyState.DONE).exists(), seconds=30)


def test_halt_that_the_broker_does_not_confirm_escalates_and_is_still_carried_out(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    monkeypatch.setattr(killing, "LOOK_TIMEOUT", 1.0)
    with running(simulator):
        entry = working(simulator)
        simulator.control("1100")
        action = halt()
        unverified = ended(action, seconds=20)
        assert (
            unverified.state == EmergencyState.ESCALATED
            and "after 2 s" in unverified.problem
            or "within 2 s" in unverified.problem
        )
        simulator.control("1102")
        wait_for(lambda: EmergencyRun.objects.filter(pk=action.pk, state=EmergencyState.DONE).exists(), seconds=20)
        assert statuses(simulator, entry) == ["Cancelled"]


def test_cancel_all_is_not_over_while_the_fate_of_an_order_is_unknown(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    # Until it is seen that the action waits, nobody finds out what became of the order.
    monkeypatch.setattr(submitter, "ANSWER_SECONDS", 600.0)
    with running(simulator):
        simulator.control("lose-order 1")
        lost = give(simulator)
        wait_for(lambda: received(simulator, "placeOrder"))
        action = run(EmergencyKind.CANCEL_ALL)
        unverified = ended(action, seconds=30)
        assert unverified.state == EmergencyState.ESCALATED and "lists it nowhere" in unverified.problem
        monkeypatch.setattr(submitter, "ANSWER_SECONDS", 5.0)
        wait_state(lost, OrderState.CANCELLED, seconds=60)
        wait_for(lambda: EmergencyRun.objects.filter(pk=action.pk, state=EmergencyState.DONE).exists(), seconds=30)
    (result,) = EmergencyRun.objects.get().results
    assert (result["order"], result["done"]) == (str(lost.pk), True)


def test_escalated_cancel_all_pursues_what_it_named_and_leaves_new_orders_alone(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    monkeypatch.setattr(killing, "SLOW_SECONDS", 1.0)
    with running(simulator):
        entry = working(simulator)
        simulator.control("mute cancelOrder 1000000")
        simulator.control("mute reqGlobalCancel 1000000")
        action = run(EmergencyKind.CANCEL_ALL)
        assert ended(action, seconds=30).state == EmergencyState.ESCALATED
        later = working(simulator, strategy="later")
        sent = len(received(simulator, "reqGlobalCancel"))
        simulator.control("mute reqGlobalCancel 0")
        simulator.control("mute cancelOrder 0")
        wait_for(lambda: EmergencyRun.objects.filter(pk=action.pk, state=EmergencyState.DONE).exists(), seconds=30)
        wait_state(entry, OrderState.CANCELLED, seconds=30)
        assert statuses(simulator, later) == ["Submitted"] and len(received(simulator, "reqGlobalCancel")) == sent
    assert [row["order"] for row in EmergencyRun.objects.get().results] == [str(entry.pk)]


def received(simulator: SimulatorProcess, message: str) -> list[dict[str, Any]]:
    return [row for row in simulator.control("log 2000 1")["messages"] if row["type"] == message]


def test_halt_in_the_middle_of_a_burst_leaves_nothing_behind(simulator: SimulatorProcess) -> None:
    with running(simulator):
        orders = [propose(simulator, quantity=Decimal(number)) for number in range(1, 21)]
        approve(*orders)
        wait_for(lambda: any(at_broker(simulator, order) for order in orders[:3]))
        done = ended(halt())
        left, arrived = true_orders(simulator), len(simulator.control("orders")["orders"])
        wait_for(lambda: not Order.objects.filter(state__in=AT_RISK).exists())
        states = set(Order.objects.values_list("state", flat=True))
    assert (done.state, left) == (EmergencyState.DONE, set())
    assert states <= {OrderState.CANCELLED, OrderState.DENIED}
    assert len(simulator.control("orders")["orders"]) == arrived


def test_cancel_of_everything_that_leaves_late_over_the_data_link_is_told_of_late(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    monkeypatch.setattr(killing, "SLOW_SECONDS", 0.5)
    with running(simulator) as gateway:
        entry = working(simulator)
        lose_trading_link(simulator, gateway)
        with monkeypatch.context() as away:
            away.setattr(gateway.gateway.data, "answers", silent)
            action = ended(run(EmergencyKind.CANCEL_ALL, account=ACCOUNT), seconds=40)
            assert "could not take a cancel of everything either" in action.problem
        told = EmergencyRun.objects.filter(pk=action.pk, problem__contains="went over the data link")
        wait_for(told.exists, seconds=30)
        wait_for(lambda: statuses(simulator, entry) == ["Cancelled"])
        assert OVER_DATA_LINK in told.get().found


@pytest.mark.parametrize("kind", [EmergencyKind.CANCEL_ALL, EmergencyKind.HALT, EmergencyKind.CLOSE_ALL])
def test_cancel_of_everything_goes_over_the_data_link_when_the_trading_link_does_not_confirm_it(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch, kind: EmergencyKind
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    monkeypatch.setattr(killing, "SLOW_SECONDS", 0.5)
    simulator.control("order QQQ BUY 5 1")
    with running(simulator) as gateway:
        entry, stop = working(simulator), protection(simulator)
        lose_trading_link(simulator, gateway)
        killed = TradingPermission.KILLED if kind is EmergencyKind.HALT else ""
        action = ended(run(kind, account=ACCOUNT, permission=killed), seconds=40)
        assert action.state == EmergencyState.ESCALATED and "went over the data link" in action.problem
        wait_for(lambda: statuses(simulator, entry, stop) == ["Cancelled"] * 2)
        assert true_orders(simulator) == set(), "those of others, too"
        assert OVER_DATA_LINK in action.found
        gateway.wait_state(SessionState.DISCONNECTED)
        by_hand = simulator.control("order IWM BUY 5 1")["perm_id"]
        passed = run(EmergencyKind.HALT, permission=TradingPermission.HALTED)
        ended(passed, seconds=40)
        assert true_orders(simulator) == {by_hand}, "sent once: nobody cancels what a person gave afterwards"
    assert len(over_data_link(simulator)) == 1


def test_halt_that_keeps_what_protects_never_cancels_everything_over_the_data_link(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    with running(simulator) as gateway:
        entry, stop = working(simulator), protection(simulator)
        lose_trading_link(simulator, gateway)
        everything = ended(halt(), seconds=40)
        one = ended(run(EmergencyKind.CANCEL_ALL, scope=Scope.STRATEGY, target="other"), seconds=40)
        assert {everything.state, one.state} == {EmergencyState.ESCALATED}
        assert "data link" not in everything.problem + one.problem
        assert statuses(simulator, entry, stop) == ["Submitted"] * 2
    assert over_data_link(simulator) == []


def protection(simulator: SimulatorProcess) -> Order:
    return working(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.PROTECTIVE)


async def silent() -> bool:
    return False


def lose_trading_link(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    """Dropped, and nothing listens for it any more, while the data link lives on."""
    link = gateway.gateway.trading
    link.port = closed_port()
    gateway.do(lambda: link.close("dropped by the test"))
    gateway.wait_state(SessionState.DISCONNECTED)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def over_data_link(simulator: SimulatorProcess) -> list[dict[str, Any]]:
    return [row for row in simulator.control("log 2000 1001")["messages"] if row["type"] == "reqGlobalCancel"]
