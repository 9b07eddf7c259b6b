"""Close-all against the simulator's own ledger: flat, never across zero, once per account, however it is disturbed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from apps.broker import gate
from apps.broker.choices import (
    EmergencyKind,
    EmergencyState,
    OrderPurpose,
    OrderState,
    OrderType,
    Scope,
    SessionState,
    Side,
    TradingPermission,
)
from apps.broker.domain.restart_window import RestartCalendar, RestartWindow
from apps.broker.models import EmergencyRun, GatewaySession, Instrument, Order, Position, TradingState
from apps.broker.simulator.testing import ControlError, SimulatorProcess
from apps.journal.models import Incident
from apps.risk.exceptions import EmergencyError
from apps.risk.services import emergency, emergency_closing
from apps.risk.services.emergency import Asked
from apps.risk.services.emergency_closing import carry_on
from apps.risk.services.emergency_view import rehearse_close
from apps.risk.services.emergency_watch import drive_orphans
from tests.broker.gateway.ordering import give, instrument, wait_state
from tests.broker.gateway.processes import ROOT
from tests.broker.gateway.processes import environment as process_environment
from tests.broker.gateway.running import running, shown_positions, true_orders, true_positions, wait_until_tables_agree
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tests.waiting import wait_for
from tradeops.lib import clock

ALL_DAY = RestartCalendar((RestartWindow(time(0), time(23, 59)),))
pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)  # what another process or thread must see


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture(autouse=True)
def halt_file(settings: Any, tmp_path: Path) -> Path:
    """Of this test alone."""
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    return tmp_path / "HALT"


def press(**values: Any) -> Asked:
    return emergency.close_all(**({"reason": "test", "actor": "ann", "came_by": "command"} | values))


def closed(asked: Asked) -> EmergencyRun:
    carry_on(run_id=asked.run_id)
    return EmergencyRun.objects.get(pk=asked.run_id)


def held(simulator: SimulatorProcess) -> dict[int, Decimal]:
    return {con_id: quantity for (_, con_id), quantity in true_positions(simulator).items()}


def never_across_zero(simulator: SimulatorProcess, start: dict[int, Decimal]) -> None:
    """By the simulator's executions of close-all orders, one after the other."""
    ours = {str(order.pk) for order in Order.objects.filter(purpose=OrderPurpose.FLATTEN)}
    sold: dict[int, Decimal] = {}
    for row in simulator.control("executions")["executions"]:
        if row["order_ref"] in ours:
            sold[row["con_id"]] = sold.get(row["con_id"], Decimal(0)) + Decimal(row["shares"])
    assert sold.keys() <= start.keys()
    assert all(quantity <= abs(start[con_id]) for con_id, quantity in sold.items()), (sold, start)


@committed
def test_dry_run_names_every_contract_and_does_nothing(simulator: SimulatorProcess) -> None:
    simulator.control("order QQQ BUY 5 1")
    with running(simulator):
        wait_until_tables_agree(simulator)
        start = held(simulator)
        planned = rehearse_close(Scope.EVERYTHING, "")
        assert held(simulator) == start and len(true_orders(simulator)) == 1
        assert not EmergencyRun.objects.exists() and not Order.objects.filter(is_external=False).exists()
    assert planned["would_cancel"] == ["BUY 5 QQQ"]
    names = {row.con_id: str(row) for row in Instrument.objects.filter(con_id__in=start)}
    assert sorted(planned["would_close"]) == sorted(
        f"{'SELL' if quantity > 0 else 'BUY'} {abs(quantity).normalize():f} {names[con_id]}"
        for con_id, quantity in start.items()
    )
    assert any("P00" in line for line in planned["would_close"]), "an option, not its shares"


@committed
@pytest.mark.mission(183)
def test_close_all_halts_cancels_and_is_flat_at_the_broker(simulator: SimulatorProcess) -> None:
    simulator.control("trade SPY BUY 100")
    simulator.control("trade AAPL SELL 30")
    simulator.control("order QQQ BUY 5 1")
    with running(simulator):
        wait_until_tables_agree(simulator)
        start = held(simulator)
        stop = wait_state(
            give(simulator, side=Side.SELL, order_type=OrderType.STOP, stop_price=Decimal(1), limit_price=None,
                 quantity=Decimal(100), purpose=OrderPurpose.PROTECTIVE),
            OrderState.WORKING,
        )  # fmt: skip
        run = closed(press())
        assert (run.state, run.problem) == (EmergencyState.DONE, "")
        wait_state(stop, OrderState.CANCELLED)
    assert true_positions(simulator) == {} and true_orders(simulator) == set()
    assert run.picture is not None and run.picture["positions"] == [] and run.picture["open_orders"] == []
    sold = {entry["con_id"]: Decimal(entry["filled"]) for entry in run.results if entry["what"] == "close"}
    assert sold == {con_id: abs(quantity) for con_id, quantity in start.items()}
    assert all(entry["done"] for entry in run.results)
    assert "QQQ" in {entry["symbol"] for entry in run.results if entry["what"] == "cancel"}
    never_across_zero(simulator, start)
    assert TradingState.objects.get(scope=Scope.EVERYTHING).permission == "halted"


def sign_never_flips(simulator: SimulatorProcess, start: dict[int, Decimal]) -> None:
    """By every execution that the simulator has, whoever's it was, in their order."""
    now = dict(start)
    for row in simulator.control("executions")["executions"]:
        before = now.get(row["con_id"], Decimal(0))
        signed = Decimal(row["shares"]) * (1 if row["side"] == "BOT" else -1)
        now[row["con_id"]] = before + signed
        assert before * now[row["con_id"]] >= 0, f"crossed zero from {before}: {row}"


def race(*works: Any) -> list[Any]:
    """All at once, each with a connection of its own; what they returned."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = []

    def run(work: Any) -> None:
        barrier.wait(10)
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive()
    assert len(results) == len(works)
    return results


@committed
@pytest.mark.mission(183)
def test_close_all_needs_no_market_data(simulator: SimulatorProcess) -> None:
    simulator.control("trade SPY BUY 100")
    with running(simulator) as gateway:
        wait_until_tables_agree(simulator)
        simulator.control("farm 2103")
        gateway.wait_state(SessionState.DATA_DEGRADED)
        asked = press()
        assert not [note for note in asked.notes if "wait" in note]
        run = closed(asked)
        assert (run.state, run.problem) == (EmergencyState.DONE, "")
        for order in Order.objects.filter(purpose=OrderPurpose.FLATTEN):
            told = order.events.filter(message__contains="at the market: it needs no quote").exists()
            assert told is (order.order_type == OrderType.MARKET), "a limit at the far touch outside regular hours"
    assert true_positions(simulator) == {}


@committed
@pytest.mark.mission(183)
def test_ten_people_pressing_while_orders_fill_close_once_and_never_cross_zero(simulator: SimulatorProcess) -> None:
    symbols = ("SPY", "AAPL", "MSFT")
    with running(simulator):
        wait_until_tables_agree(simulator)
        start = held(simulator)
        assert all(start[instrument(simulator, symbol).con_id] > 0 for symbol in symbols)
        for number in range(2):
            exits = [
                wait_state(
                    give(simulator, symbol, side=Side.SELL, quantity=Decimal(20), limit_price=Decimal(9000),
                         purpose=OrderPurpose.PROTECTIVE),
                    OrderState.WORKING,
                )
                for symbol in symbols
                if instrument(simulator, symbol).con_id in held(simulator)
            ]  # fmt: skip
            asked = race(*[lambda: closed(press())] * 10, *[partial(fill, simulator, order) for order in exits])
            runs = {run.pk: run for run in asked if isinstance(run, EmergencyRun)}
            assert len(runs) == 1, f"round {number}"
            final = EmergencyRun.objects.get(pk=next(iter(runs)))
            assert (final.state, held(simulator)) == (EmergencyState.DONE, {}), final.problem
            open_again(simulator, symbols)
            wait_for(lambda: shown_positions() == true_positions(simulator))
        sign_never_flips(simulator, start)
    assert EmergencyRun.objects.filter(kind=EmergencyKind.CLOSE_ALL).count() == 2


def fill(simulator: SimulatorProcess, order: Order) -> None:
    """Some of a protective order, at the moment when it is being cancelled; too late is fine."""
    with suppress(ControlError):
        simulator.control(f"fill {order.client_id} {order.order_id} 7 {order.limit_price}")


def open_again(simulator: SimulatorProcess, symbols: tuple[str, ...]) -> None:
    for symbol in symbols:
        simulator.control(f"trade {symbol} BUY 60")


@committed
@pytest.mark.mission(183)
def test_partial_fills_are_followed_until_flat() -> None:
    with SimulatorProcess(tick_interval=0.02) as simulator:
        simulator.control("fill-chunk 40")
        with running(simulator):
            wait_until_tables_agree(simulator, seconds=20)
            start = held(simulator)
            run = closed(press(scope=Scope.INSTRUMENT, target=str(instrument(simulator, "SPY").con_id)))
            assert run.state == EmergencyState.DONE, run.problem
            left = held(simulator)
    spy = start.keys() - left.keys()
    assert len(spy) == 1 and left == {con_id: quantity for con_id, quantity in start.items() if con_id not in spy}


@committed
@pytest.mark.mission(183)
def test_a_killed_driver_is_succeeded_and_nothing_is_sold_twice(simulator: SimulatorProcess, halt_file: Path) -> None:
    simulator.control("hold on")
    with running(simulator):
        wait_until_tables_agree(simulator)
        start = held(simulator)
        environment = {**process_environment(simulator.port), "TRADEOPS_VAR": str(halt_file.parent)}
        command = [sys.executable, "manage.py", "close_all", "--reason", "killed", "--yes", "--json"]
        driver = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: Order.objects.filter(purpose=OrderPurpose.FLATTEN, state=OrderState.WORKING).exists())
        finally:
            driver.kill()
            driver.wait(10)
        simulator.control("hold off")
        simulator.control("tick 1")
        drive_orphans(now=clock.now() + timedelta(seconds=3))
        run = EmergencyRun.objects.get(kind=EmergencyKind.CLOSE_ALL)
        assert (run.state, run.actor.endswith("(command)")) == (EmergencyState.DONE, True), run.problem
    assert held(simulator) == {}
    never_across_zero(simulator, start)


@committed
def test_what_nobody_knows_is_not_closed_but_escalated(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency_closing, "UNKNOWN_SECONDS", 0.5)
    with running(simulator):
        wait_until_tables_agree(simulator)
        start = held(simulator)
        asked = press()
        wait_for(lambda: EmergencyRun.objects.get(pk=asked.run_id).state == EmergencyState.CLOSING)
        simulator.control("1100")
        wait_for(lambda: GatewaySession.objects.get().state == "broker-lost")
        run = closed(asked)
        assert run.state == EmergencyState.ESCALATED and "nobody knows what is held" in run.problem
        assert not Order.objects.filter(purpose=OrderPurpose.FLATTEN).exists()
        simulator.control("1102")
    assert held(simulator) == start
    assert Incident.objects.get(key=f"emergency:{run.pk}").severity == "critical"


@committed
def test_refusals_end_in_an_escalation_that_names_what_is_held(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency_closing, "ROUNDS", 2)
    with running(simulator):
        wait_until_tables_agree(simulator)
        start, con_id = held(simulator), instrument(simulator, "SPY").con_id
        simulator.control("reject 99")
        run = closed(press(scope=Scope.INSTRUMENT, target=str(con_id)))
    assert run.state == EmergencyState.ESCALATED and "SPY" in run.problem and "2 rounds" in run.problem
    assert held(simulator) == start and len(run.found["rounds"]) == 2
    assert [entry["done"] for entry in run.results if entry["what"] == "close"] == [False] * 2


@committed
def test_close_all_closes_around_a_planned_restart_too(simulator: SimulatorProcess) -> None:
    """The restart is only planned: while the session is ready, positions are closed."""
    with running(simulator, restarts=ALL_DAY):
        wait_until_tables_agree(simulator)
        assert held(simulator)
        run = closed(press())
    assert (run.state, run.problem, held(simulator)) == (EmergencyState.DONE, "", {})


def test_escalation_names_the_planned_restart(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(emergency_closing, "CANCELLING_SECONDS", 0.3)
    make_account()
    settings.BROKER = replace(settings.BROKER, restarts=RestartCalendar(()))
    assert "planned" not in closed(press()).problem
    settings.BROKER = replace(settings.BROKER, restarts=ALL_DAY)
    assert "a restart of the broker is planned, it may be away until" in closed(press()).problem


def test_without_a_gateway_it_escalates_and_says_that_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergency_closing, "CANCELLING_SECONDS", 0.3)
    make_account()
    asked = press()
    assert any("gateway does not run" in note for note in asked.notes)
    run = closed(asked)
    assert run.state == EmergencyState.ESCALATED and "NOT closed" in run.problem
    assert TradingState.objects.get().permission == "halted"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scope": Scope.STRATEGY, "target": "momentum"}, "per account"),
        ({"scope": Scope.ACCOUNT, "target": "DU999"}, "trades DU1234567"),
        ({"reason": "  "}, "Say why"),
        ({"target": "SPY"}, "Name the account"),
    ],
)
def test_what_cannot_be_closed_is_refused(values: dict[str, Any], words: str) -> None:
    make_account()
    with pytest.raises(EmergencyError, match=words):
        press(**values)
    assert not EmergencyRun.objects.exists() and not TradingState.objects.exists()


@pytest.mark.mission(183)
@pytest.mark.parametrize(
    ("scope", "target"), [(Scope.EVERYTHING, ""), (Scope.ACCOUNT, "DU1234567"), (Scope.INSTRUMENT, "2")]
)
def test_a_close_all_under_way_that_closes_less_is_no_receipt_but_what_was_asked_for_is_halted(
    scope: Scope, target: str, halt_file: Path
) -> None:
    make_account()
    first = press(scope=Scope.INSTRUMENT, target="1")
    with pytest.raises(EmergencyError, match="Only instrument 1 is being closed.*NOT closed: press again"):
        press(scope=scope, target=target)
    assert TradingState.objects.get(scope=scope, target=target).permission == "halted"
    assert halt_file.exists() is (scope is Scope.EVERYTHING)
    EmergencyRun.objects.filter(pk=first.run_id).update(state=EmergencyState.DONE)
    assert press(scope=scope, target=target).run_id != first.run_id


def test_a_close_all_under_way_that_closes_more_is_everybodys_receipt() -> None:
    make_account()
    everything = press()
    for scope, target in ((Scope.ACCOUNT, "DU1234567"), (Scope.INSTRUMENT, "1")):
        assert press(scope=scope, target=target).run_id == everything.run_id


def test_a_live_account_needs_the_words(settings: Any) -> None:
    settings.BROKER = replace(settings.BROKER, paper_trading=False)
    make_account()
    with pytest.raises(EmergencyError, match="CLOSE ALL DU1234567"):
        press(confirmation="CLOSE ALL")
    assert press(confirmation="CLOSE ALL DU1234567").run is not None


def test_killed_admits_no_closing_until_it_is_loosened() -> None:
    make_account()
    emergency.halt(scope=Scope.EVERYTHING, reason="smoke", actor="ann", permission=TradingPermission.KILLED)
    with pytest.raises(EmergencyError, match="Resume to halted first"):
        press()


@pytest.mark.parametrize(
    ("held_now", "side", "quantity", "allowed"),
    [
        (100, Side.SELL, 100, True),
        (100, Side.SELL, 101, False),
        (100, Side.BUY, 1, False),
        (-5, Side.BUY, 5, True),
        (-5, Side.BUY, 6, False),
        (0, Side.SELL, 1, False),
        (None, Side.SELL, 1, False),
    ],
)
def test_the_gateway_refuses_a_closing_order_for_more_than_is_held(
    held_now: int | None, side: Side, quantity: int, allowed: bool
) -> None:
    order = make_order(side=side, quantity=Decimal(quantity), purpose=OrderPurpose.FLATTEN)
    if held_now is not None:
        Position.objects.create(
            account=order.account, instrument=order.instrument, quantity=held_now, average_cost=1, as_of=clock.now()
        )
    assert (gate.closing_objection(order) == "") is allowed


def test_meanwhile_only_the_orders_of_the_close_all_pass() -> None:
    other = make_order(purpose=OrderPurpose.EXIT, side=Side.SELL)
    asked = press(scope=Scope.INSTRUMENT, target=str(other.instrument.con_id))
    own = make_order(idempotency_key=f"{gate.closing_key(asked.run_id)}1:756733", purpose=OrderPurpose.EXIT)
    elsewhere = make_order(instrument=make_instrument("AAPL", 265598))
    assert "closed by ann" in gate.closing_objection(other)
    assert (gate.closing_objection(own), gate.closing_objection(elsewhere)) == ("", "")
    EmergencyRun.objects.update(state=EmergencyState.ESCALATED)
    assert gate.closing_objection(other) == ""
