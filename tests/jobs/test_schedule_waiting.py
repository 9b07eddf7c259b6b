"""Runs that wait for something outside, without using up an attempt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.broker import selectors as broker
from apps.broker.choices import SessionState
from apps.broker.models import GatewaySession
from apps.broker.simulator.testing import SimulatorProcess
from apps.jobs import queue, registry, services
from apps.jobs.choices import RunState
from apps.jobs.context import JobContext
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.journal.models import Event, Incident
from apps.snapshots.models import PortfolioSnapshot
from tests.jobs.conftest import is_near, wait_for_state
from tests.snapshots.conftest import Desk
from tests.waiting import wait_for
from tradeops.lib import clock

DUE = datetime(2026, 1, 15, 16, 35, tzinfo=UTC)
reasons: list[str] = []


def why() -> str:
    if reasons == ["broken"]:
        raise RuntimeError("cannot say")
    return reasons[0] if reasons else ""


@pytest.fixture
def waiting_job(sample_jobs: None) -> registry.Job:
    reasons.clear()

    @registry.job(name="waits", title="Waits", waits_for=why, wait_limit=3600)
    def waits(context: JobContext) -> dict[str, object]:
        return {}

    return registry.find("waits")


@pytest.fixture
def run(db: None, waiting_job: registry.Job) -> JobRun:
    return services.request_run(job=waiting_job, started_by="schedule", slot=DUE, now=DUE)


def postpone(run: JobRun, job: registry.Job, now: datetime) -> bool:
    postponed = services.postpone_if_waiting(run_id=run.pk, job=job, now=now)
    run.refresh_from_db()
    return postponed


def test_run_waits_half_a_minute_and_uses_no_attempt(run: JobRun, waiting_job: registry.Job) -> None:
    reasons.append("the tide")
    assert postpone(run, waiting_job, DUE)
    assert (run.state, run.attempt, run.progress_text) == (RunState.QUEUED, 0, "waiting: the tide")
    assert run.next_attempt_at == DUE + timedelta(seconds=30)
    assert is_near(queue.find_lock(run.queue_entry), run.next_attempt_at)
    assert postpone(run, waiting_job, DUE + timedelta(seconds=30))
    assert Event.objects.filter(message="job waiting: waits: the tide").count() == 1


def test_run_that_needs_not_wait_is_left_alone(run: JobRun, waiting_job: registry.Job) -> None:
    before = (run.queue_entry, run.next_attempt_at)
    assert not postpone(run, waiting_job, DUE)
    assert (run.queue_entry, run.next_attempt_at, run.progress_text) == (*before, "")


def test_waiting_ends_at_the_limit_after_the_slot(run: JobRun, waiting_job: registry.Job) -> None:
    reasons.append("the tide")
    assert postpone(run, waiting_job, DUE + timedelta(seconds=3600))
    assert not postpone(run, waiting_job, DUE + timedelta(seconds=3601))


def test_broken_question_lets_the_attempt_show_what_is_wrong(run: JobRun, waiting_job: registry.Job) -> None:
    reasons.append("broken")
    assert not postpone(run, waiting_job, DUE)


def test_cancelled_run_is_not_postponed(run: JobRun, waiting_job: registry.Job) -> None:
    reasons.append("the tide")
    services.cancel_run(run_id=run.pk, now=DUE, actor="ann")
    assert not postpone(run, waiting_job, DUE)


@pytest.mark.parametrize(
    ("state", "waits"), [("planned-restart", True), ("ready", False), ("disconnected", False), ("refused", False)]
)
def test_only_the_planned_restart_is_waited_for(db: None, state: str, waits: bool) -> None:
    now = clock.now()
    GatewaySession.objects.update_or_create(
        id=GatewaySession.ONLY, defaults={"state": state, "heartbeat_at": now, "state_since": now}
    )
    assert bool(broker.planned_restart()) is waits
    GatewaySession.objects.update(heartbeat_at=now - timedelta(minutes=1))
    assert broker.planned_restart() == ""


@pytest.mark.parametrize("name", ["daily_snapshot", "weekly_rebalance", "monthly_signal"])
def test_jobs_that_ask_the_broker_wait_for_its_restart(name: str) -> None:
    assert registry.find(name).waits_for is broker.planned_restart


@pytest.fixture
def desk_in_restart_window(tmp_path: Path, transactional_db: None) -> Iterator[Desk]:
    now = clock.now()
    with SimulatorProcess() as simulator:
        desk = Desk(simulator, tmp_path)
        desk.environment |= {
            "IBKR_RESTART_STARTS_AT": f"{now - timedelta(minutes=2):%H:%M}",
            "IBKR_RESTART_ENDS_AT": f"{now + timedelta(minutes=2):%H:%M}",
        }
        try:
            desk.start("gateway")
            desk.start("worker")
            wait_for(
                lambda: GatewaySession.objects.filter(state=SessionState.READY).exists(), seconds=60, what="gateway"
            )
            wait_for(lambda: WorkerHeartbeat.objects.filter(canaries__gt=0).exists(), what="worker")
            yield desk
        finally:
            desk.stop()


@pytest.mark.mission(20)
@pytest.mark.timeout(400)
def test_job_waits_for_the_planned_restart_and_succeeds_at_its_first_attempt(desk_in_restart_window: Desk) -> None:
    """A real restart of the simulated TWS, the real gateway and worker."""
    desk = desk_in_restart_window
    desk.simulator.control("restart 5")
    wait_for(lambda: GatewaySession.objects.filter(state=SessionState.PLANNED_RESTART).exists(), what="restart")
    job, now = registry.find("daily_snapshot"), clock.now()
    run = services.request_run(job=job, started_by="schedule", slot=now.replace(microsecond=0), now=now)

    def waiting() -> bool:
        run.refresh_from_db()
        return run.progress_text.startswith("waiting: the broker's planned restart, since ")

    wait_for(waiting, what="the run waits")
    assert (run.state, run.attempt) == (RunState.QUEUED, 0)
    assert not PortfolioSnapshot.objects.exists()
    wait_for(lambda: GatewaySession.objects.filter(state=SessionState.READY).exists(), what="ready again")
    # Its next look comes after half a minute: spare the test the wait.
    assert run.queue_entry is not None
    queue.release([run.queue_entry])
    done = wait_for_state(run, RunState.SUCCEEDED)
    assert (done.attempt, PortfolioSnapshot.objects.count()) == (1, 1)
    assert not Incident.objects.filter(key="job:daily_snapshot").exists()
    assert not Event.objects.filter(message__startswith="job failed").exists()
