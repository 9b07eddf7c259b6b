"""The halt drill: it proves the stop at the broker, touches nothing real, and says where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import (
    DRILL,
    EmergencyKind,
    EmergencyState,
    OrderState,
    Priority,
    Scope,
    SessionState,
    TradingMode,
)
from apps.broker.exceptions import OrderError
from apps.broker.gateway.orders import emergency_rows
from apps.broker.models import EmergencyRun, GatewaySession, Instrument, Order, TradingState
from apps.broker.simulator.testing import SimulatorProcess
from apps.console.doctor.data import check_drill
from apps.console.doctor.verdicts import Verdict
from apps.jobs import registry
from apps.jobs.context import JobContext
from apps.jobs.models import JobRun
from apps.journal.choices import ProcessKind
from apps.journal.models import Event, Incident
from apps.journal.services import heartbeats
from apps.risk import drill_selectors
from apps.risk.domain.drill import why_not_today
from apps.risk.exceptions import DrillError, EmergencyError
from apps.risk.models import OrderVerdict
from apps.risk.services import drill, emergency
from apps.risk.services.drill_gate import gate_problem
from apps.risk.services.emergency_watch import call_for_people
from apps.risk.tasks import halt_drill
from tests.broker.gateway.ordering import give, wait_state
from tests.broker.gateway.running import RunningGateway, running, true_orders
from tests.risk.world import calm, make_world, person, terms
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.sessions import sessions_of

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)  # what another process or thread must see
MONDAY = datetime(2026, 3, 2, 13, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def halt_file(settings: Any, tmp_path: Path) -> Path:
    calm(settings)
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    return tmp_path / "HALT"


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def sentinel(db: None) -> None:
    beat()


def beat(age: float = 0) -> None:
    at = clock.now() - timedelta(seconds=age)
    heartbeats.beat(name="s", kind=ProcessKind.SENTINEL, host="here", pid=1, started_at=at, now=at)


def hold(slot: datetime | None = None) -> dict[str, Any]:
    return halt_drill(JobContext(JobRun(job="halt_drill", started_by="ann", slot=slot), clock.now()))


def ended(state: str = "succeeded", *, ago: timedelta = timedelta(), error: str = "", **result: Any) -> JobRun:
    at = clock.now() - ago
    values = {"outcome": "passed", "mode": "paper", "seconds": 0.4, "receipt": ""} | result
    return JobRun.objects.create(
        job="halt_drill",
        state=state,
        max_attempts=1,
        started_by="ann",
        created_at=at,
        ended_at=at,
        error=error,
        result=values if state == "succeeded" else None,
    )


def waiting_questions(gateway: RunningGateway) -> list[asyncio.Future[None]]:
    """Some seconds' worth of them."""
    pacer = gateway.gateway.pacer
    return [asyncio.ensure_future(pacer.turn(Priority.HISTORY)) for _ in range(150)]


@committed
def test_drill_passes_at_the_broker_and_touches_no_order_no_halt_and_no_waiting_question(
    simulator: SimulatorProcess, halt_file: Path, sentinel: None
) -> None:
    with running(simulator, halt_flag=halt_file) as gateway:
        other = wait_state(give(simulator, strategy="momentum"), OrderState.WORKING)
        broker.set_trading_state(
            scope=Scope.ACCOUNT, target="DU9", permission="reducing", source="manual", reason="r", actor="ann"
        )
        states, events = list(TradingState.objects.values()), other.events.count()
        instruments, stops = Instrument.objects.count(), gateway.gateway.orders.stops
        wait_for(lambda: stops.version > 0 and not stops.in_doubt)
        doubts = stops.version
        questions = gateway.do(lambda: waiting_questions(gateway))
        result = hold()
        left, doubted = true_orders(simulator), stops.version
        waiting = gateway.do(lambda: [question for question in questions if not question.done()])
        gateway.run(lambda: asyncio.wait_for(asyncio.gather(*questions), 30))
        wait_state(give(simulator, strategy="momentum"), OrderState.WORKING)
    run = EmergencyRun.objects.get()
    assert (result["outcome"], result["mode"], result["receipt"]) == ("passed", "paper", str(run.pk))
    assert [step["name"] for step in result["steps"]] == [
        "halt file", "sentinel", "session", "gate", "press", "receipt",
    ]  # fmt: skip
    assert 0 < result["seconds"] < 10
    assert (run.kind, run.state, run.scope, run.target) == ("cancel_all", "done", "strategy", "drill")
    assert (run.actor, run.came_by, run.results) == ("ann", "drill", [])
    assert [row["perm_id"] for row in run.picture["open_orders"]] == [other.perm_id], "the broker's own list was read"
    assert left == {other.perm_id}
    assert waiting and doubted == doubts, "what waits to be asked or sent goes on"
    assert Order.objects.get(pk=other.pk).state == OrderState.WORKING and other.events.count() == events
    assert list(TradingState.objects.values()) == states and Instrument.objects.count() == instruments
    assert not OrderVerdict.objects.exists() and not Incident.objects.exists()
    assert list(halt_file.parent.iterdir()) == [], "neither halt file nor probe"
    pressed = Event.objects.filter(step="Halt drill").get()
    assert pressed.actor == "ann" and pressed.at <= run.requested_at


def test_drill_of_the_gateway_is_told_from_every_other_press() -> None:
    emergency.press_drill(reason="drill", actor="ann")
    assert drill_selectors.obstacle() == ""
    emergency.cancel_all(scope=Scope.STRATEGY, target="momentum", reason="real", actor="ann")
    emergency.cancel_all(scope=Scope.EVERYTHING, reason="real", actor="ann", came_by=DRILL)
    assert {action.target: action.is_drill for action in emergency_rows.read([])} == {
        "drill": True, "momentum": False, "": False,
    }  # fmt: skip
    call_for_people(now=clock.now() + timedelta(minutes=1))
    assert Incident.objects.count() == 2, "of the two that are no drills"


def test_gateway_that_does_not_run_fails_the_drill_without_a_press(sentinel: None) -> None:
    with pytest.raises(DrillError, match=r"nothing was pressed: the session is disconnected: gateway not running"):
        hold()
    assert not EmergencyRun.objects.exists()


@pytest.mark.parametrize("state", [SessionState.RECONCILING, SessionState.BROKER_LOST])
def test_session_that_shows_no_orders_fails_the_drill(state: SessionState, sentinel: None) -> None:
    make_world()
    GatewaySession.objects.update(state=state)
    with pytest.raises(DrillError, match=state.label.lower().replace("(", r"\(").replace(")", r"\)")):
        hold()


def test_gateway_that_never_writes_the_receipt_fails_the_drill_and_finds_nothing_later(sentinel: None) -> None:
    make_world()
    held = drill.run_drill(actor="ann", seconds=0.2)
    assert held.problem == "receipt: none within 0.2 s: the gateway did not carry the stop out"
    run = EmergencyRun.objects.get()
    assert (run.state, run.ended_at is not None) == (EmergencyState.FAILED, True)
    assert emergency_rows.read([]) == [], "a gateway that starts later does not take it up"
    call_for_people(now=clock.now() + timedelta(minutes=5))
    assert not Incident.objects.exists(), "its job tells of it: nobody is sent to TWS"


@pytest.mark.parametrize("state", [EmergencyState.ESCALATED, EmergencyState.OTHERS])
def test_receipt_that_is_not_verified_fails_the_drill(state: EmergencyState, sentinel: None) -> None:
    make_world()
    asked = emergency.press_drill(reason="drill", actor="ann")
    EmergencyRun.objects.filter(pk=asked.run_id).update(state=state, problem="not over at the broker")
    with pytest.raises(DrillError, match="not over at the broker"):
        drill._verify(asked.run_id, 1)


@pytest.mark.parametrize("picture", [None, {"as_of": "2026-01-01T00:00:00+00:00"}])
def test_receipt_without_what_the_broker_shows_now_fails_the_drill(picture: Any, sentinel: None) -> None:
    make_world()
    asked = emergency.press_drill(reason="drill", actor="ann")
    EmergencyRun.objects.filter(pk=asked.run_id).update(state=EmergencyState.DONE, picture=picture)
    with pytest.raises(DrillError, match="what the broker showed after the press"):
        drill._verify(asked.run_id, 1)


def test_folder_that_cannot_be_written_and_a_silent_sentinel_fail_the_drill_together(
    settings: Any, tmp_path: Path
) -> None:
    beat(age=60)
    (tmp_path / "file").write_text("")
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "file" / "HALT")
    with pytest.raises(DrillError, match=r"halt file: it could not be written.*sentinel: none is running"):
        hold()


def test_gate_proof_holds_with_and_without_halts_and_leaves_nothing() -> None:
    account = make_world()
    assert gate_problem(account) == ""
    broker.set_trading_state(
        scope=Scope.EVERYTHING, permission="halted", source="limit", reason="loss", actor="monitor"
    )
    before = list(TradingState.objects.values())
    assert gate_problem(account) == ""
    assert list(TradingState.objects.values()) == before
    assert not Instrument.objects.filter(symbol="DRILL").exists()
    assert gate.look(strategy=DRILL).permission == "halted"


def test_gate_that_does_not_close_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_world()
    monkeypatch.setattr("apps.broker.entry_probe.standing", lambda: TradingState.objects.none())
    assert "does not deny" in gate_problem(account)


@pytest.mark.parametrize("kind", [EmergencyKind.HALT, EmergencyKind.CANCEL_ALL, EmergencyKind.CLOSE_ALL])
def test_drill_does_not_start_beside_an_emergency(kind: EmergencyKind, sentinel: None) -> None:
    make_world()
    run = EmergencyRun.objects.create(kind=kind, scope="everything", reason="smoke", actor="bob", came_by="page")
    result = hold()
    assert result["outcome"] == "not started" and "by bob" in result["message"]
    assert EmergencyRun.objects.get() == run and not Event.objects.filter(step="Halt drill").exists()
    with pytest.raises(CommandError, match=r"Not started: an emergency is under way .*bob"):
        call_command("halt_drill")
    EmergencyRun.objects.update(state=EmergencyState.ESCALATED)
    assert drill_selectors.obstacle() == ""


def test_drill_left_out_after_a_failure_does_not_end_the_incident_of_that() -> None:
    ended("failed", error="no receipt")
    EmergencyRun.objects.create(kind="halt", scope="everything", reason="smoke", actor="bob", came_by="page")
    with pytest.raises(DrillError, match="not started, and the last one failed"):
        hold()


def test_orders_under_the_reserved_name_are_refused_and_those_of_old_keep_a_drill_from_starting() -> None:
    make_world()
    with pytest.raises(OrderError, match="No strategy may be called drill"):
        broker.propose_order(terms=terms(strategy=DRILL), idempotency_key="1", requested_by="ann")
    old = broker.propose_order(terms=terms(), idempotency_key="2", requested_by="ann")
    broker.approve_order(order_id=old.pk, actor="ann")
    Order.objects.filter(pk=old.pk).update(strategy=DRILL)
    assert "drill has open orders (1)" in drill_selectors.obstacle()
    assert hold()["outcome"] == "not started" and not EmergencyRun.objects.exists()


def test_press_of_a_drill_leaves_no_halt_file_when_the_database_is_away(
    halt_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(emergency, "write_rows", away)
    with pytest.raises(EmergencyError, match="does not take the press: gone"):
        emergency.press_drill(reason="drill", actor="ann")
    assert not halt_file.exists()


def test_due_each_trading_day_on_paper_and_once_a_month_live() -> None:
    days = sorted(sessions_of("XNYS", 2026))
    missed = date(2026, 3, 2)

    def due(mode: TradingMode, day: date, passed_on: date | None, *, last_failed: bool = False) -> bool:
        return not why_not_today(mode, day, days, passed_on=passed_on, last_failed=last_failed)

    assert all(due(TradingMode.PAPER, day, day - timedelta(days=1)) for day in days)
    live: list[date] = []
    for day in days:
        if day != missed and due(TradingMode.LIVE, day, live[-1] if live else None):
            live.append(day)
    assert [f"{day:%m-%d}" for day in live] == [
        "01-02", "02-02", "03-03", "04-01", "05-01", "06-01", "07-01", "08-03", "09-01", "10-01", "11-02", "12-01",
    ]  # fmt: skip
    assert due(TradingMode.LIVE, days[5], days[4], last_failed=True)


def test_live_schedule_says_not_today_and_a_person_is_not_told_so(settings: Any, sentinel: None) -> None:
    settings.BROKER = replace(settings.BROKER, paper_trading=False)
    ended(mode="paper")
    with pytest.raises(DrillError, match="gateway not running"):
        hold(MONDAY + timedelta(days=1))
    ended(mode="live")
    result = hold(MONDAY + timedelta(days=1))
    assert (result["outcome"], result["mode"]) == ("not today", "live")
    with pytest.raises(DrillError, match="gateway not running"):
        hold(None)
    ended("failed", error="no receipt")
    with pytest.raises(DrillError, match="gateway not running"):
        hold(MONDAY + timedelta(days=1))


def test_shipped_as_the_job_of_those_who_may_halt() -> None:
    job = registry.find("halt_drill")
    assert (job.cron, job.time_zone, job.calendar) == ("30 8 * * *", "America/New_York", "XNYS")
    assert (job.permission, job.attempts) == ("broker.halt_trading", 1)
    assert job.waits_for is not None and job.planned_outage is not None
    assert job.timeout > drill.RECEIPT_SECONDS + 30


def test_command_asks_who_may_and_says_what_it_would_do() -> None:
    make_world()
    person("vera")
    with pytest.raises(CommandError, match="vera lacks the permission broker.halt_trading"):
        call_command("halt_drill", "--user", "vera")
    said = StringIO()
    person("rita", "broker.halt_trading")
    call_command("halt_drill", "--dry-run", "--user", "rita", stdout=said)
    assert "the session is ready" in said.getvalue() and "Nothing keeps it from starting." in said.getvalue()
    assert not JobRun.objects.exists() and not EmergencyRun.objects.exists()


def test_doctor_warns_until_one_has_passed_lately_in_the_mode_that_is_traded(settings: Any) -> None:
    def said() -> tuple[Verdict, str]:
        check = check_drill()
        return check.verdict, check.detail

    assert said() == (Verdict.WARN, "none has been held in paper trading yet")
    assert "manage.py halt_drill" in check_drill().remedy
    ended(ago=timedelta(days=4, hours=1))
    assert said() == (Verdict.WARN, "the last one that passed was 4 days ago")
    ended(ago=timedelta(days=3, hours=23))
    assert said()[0] is Verdict.OK and "in 0.40 s" in said()[1]
    ended("failed", ago=timedelta(hours=2), error="no receipt")
    assert said()[0] is Verdict.WARN and said()[1].endswith("no receipt")
    ended(outcome="not today", ago=timedelta(hours=1))
    assert said()[1].endswith("no receipt"), "one that was left out proves nothing"
    ended()
    assert said()[0] is Verdict.OK
    settings.BROKER = replace(settings.BROKER, paper_trading=False)
    assert said() == (Verdict.WARN, "none has been held in live trading yet")
    ended(mode="live", ago=timedelta(days=34))
    ended(ago=-timedelta(seconds=1))
    assert said()[0] is Verdict.OK
    JobRun.objects.filter(result__mode="live").update(ended_at=clock.now() - timedelta(days=36))
    assert said() == (Verdict.WARN, "the last one that passed was 36 days ago")
