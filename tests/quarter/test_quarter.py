"""Every shipped schedule over weeks of simulated operation: each slot accounted for, each report true to the tables.

Two weeks over the turn of the year here; `make quarter` runs three months and prints what came of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Q

from apps.broker.models import Account, EmergencyRun, Execution, GatewaySession, Trade
from apps.broker.simulator.testing import SimulatorProcess
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun, JobSchedule
from apps.jobs.services import ensure_schedules, pause_jobs, resume_jobs, skip_next, update_schedule
from apps.journal.choices import ProcessKind
from apps.journal.models import Incident
from apps.journal.services import heartbeats
from apps.reports import services as reports
from apps.reports.domain import periods
from apps.reports.domain.wording import money
from apps.reports.models import Report
from apps.reports.selectors import stored
from apps.snapshots.models import PortfolioSnapshot, PositionSnapshot
from apps.strategies.models import MomentumSignal, RebalanceAdvice
from tests.quarter.life import STEP_SECONDS, Clock, Life, follow_advice
from tests.quarter.slots import slots_after_new_york, slots_before_new_york, slots_of
from tests.reports import reading
from tests.snapshots.listed import listed
from tests.waiting import wait_for
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

ROOT = Path(__file__).parent.parent.parent
WHOLE = bool(os.environ.get("WHOLE_QUARTER"))
START = datetime(2025, 11, 1, tzinfo=UTC) if WHOLE else datetime(2025, 12, 23, tzinfo=UTC)
END = datetime(2026, 2, 1, tzinfo=UTC) if WHOLE else datetime(2026, 1, 5, 12, tzinfo=UTC)
ACCOUNT = "DU1234567"
MONTHLY = "0 8 1 * *"
# Shipped for every ten minutes and every hour: a quarter would hold fifteen thousand runs of them.
ONCE_A_DAY = {"reconciliation": "0 6 * * *", "limits": "30 6 * * *"}


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--start", START.isoformat(), tick_interval=STEP_SECONDS) as process:
        process.control("hist-pacing off")
        yield process


@pytest.fixture
def gateway(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[None]:
    parts = connection.settings_dict
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}",
        "IBKR_PORT": str(simulator.port),
        "IBKR_SIMULATED": "true",
        "IBKR_REGION": "NONE",
        "IBKR_RESTART_STARTS_AT": "00:00",
        "IBKR_RESTART_ENDS_AT": "00:00",
    }
    log = tmp_path / "gateway.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "tests.quarter.gateway"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    try:
        wait_for(ready, seconds=180, what="gateway ready")
        yield
    finally:
        process.terminate()
        process.wait(20)


def ready() -> bool:
    return GatewaySession.objects.filter(state="ready").exists()


@pytest.fixture
def life(simulator: SimulatorProcess, gateway: None, monkeypatch: pytest.MonkeyPatch) -> Life:
    moving = Clock(START)
    monkeypatch.setattr(clock, "now", moving.now)
    JobSchedule.objects.all().delete()
    # No sentinel lives here; the halt drills want one, at each moment of the simulated time.
    heartbeats.beat(name="quarter", kind=ProcessKind.SENTINEL, host="here", pid=1, started_at=START, now=END)
    ensure_schedules(now=START)
    for job, cron in {"monthly_signal": MONTHLY, **ONCE_A_DAY}.items():
        schedule = JobSchedule.objects.get(job=job)
        schedule.cron = cron
        update_schedule(schedule=schedule, now=START, actor="ann")
    return Life(simulator, moving, START, END, agenda())


def agenda() -> list[tuple[datetime, object]]:  # type: ignore[type-arg]
    """Mondays what was advised is traded. Once each: a worker that is down for two days, a slot that is left out, a
    pause over a Sunday, and a broker that is away when a snapshot is due."""
    first = datetime(2025, 11, 10, tzinfo=UTC) if WHOLE else datetime(2025, 12, 29, tzinfo=UTC)
    mondays = [first + timedelta(weeks=number) for number in range((END - first).days // 7 + 1)]
    return [
        (START + timedelta(hours=1), sell_a_put),
        *((monday + timedelta(hours=14), follow_advice) for monday in mondays),
        (at(24, 10), worker_down),
        (at(26, 9), worker_up),
        (at(27, 9), leave_out_a_snapshot),
        (at(30, 16, 30), broker_away),
        (at(30, 16, 35, 30), broker_back),
        *(((at(20, 12), pause), (at(22, 12), resume)) if WHOLE else ()),
    ]


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2025, 12, day, hour, minute, second, tzinfo=UTC)


def sell_a_put(life: Life) -> None:
    """One that outlives the simulated time."""
    put = listed(life.simulator, "SPY", "P", 0.9, expires_after=END.date())
    life.simulator.control(f"trade {put.conId} SELL 1")
    wait_for(
        lambda: Trade.objects.filter(instrument__con_id=put.conId, closed_at=None).exists(),
        seconds=120,
        what="the trade",
    )


def worker_down(life: Life) -> None:
    life.worker_is_down = True


def worker_up(life: Life) -> None:
    life.worker_is_down = False


def leave_out_a_snapshot(life: Life) -> None:
    skip_next(schedule=JobSchedule.objects.get(job="daily_snapshot"), actor="ann", now=life.now)


def pause(life: Life) -> None:
    assert pause_jobs(actor="ann", reason="Holidays.", now=life.now)


def resume(life: Life) -> None:
    assert resume_jobs(actor="ann", now=life.now)


def broker_away(life: Life) -> None:
    life.simulator.control("1100")
    wait_for(lambda: GatewaySession.objects.filter(state="broker-lost").exists(), what="the gateway noticed")


def broker_back(life: Life) -> None:
    life.simulator.control("1102")
    wait_for(ready, what="gateway ready again")


def test_every_slot_is_accounted_for_and_every_report_is_true(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    life.run()
    rows = [account_for(schedule) for schedule in JobSchedule.objects.order_by("job")]
    with capsys.disabled():
        print(table(rows))
    assert {row["job"] for row in rows if row["slots"]} >= {
        "daily_snapshot",
        "weekly_rebalance",
        "weekly_report",
        "monthly_signal",
        "position_snapshots",
        "halt_drill",
    }
    for row in rows:
        expected = 1 if WHOLE and row["job"] == "weekly_rebalance" else 0
        assert (row["unaccounted"], row["twice"], row["surplus"], row["failed"]) == (0, 0, 0, expected), row
    check_exceptions()
    if WHOLE:
        check_sunday_of_the_pause()
    for signal in MomentumSignal.objects.all():
        # Over Christmas London is closed for four days.
        assert 1 <= (signal.created_at.date() - signal.signal_date).days <= 4, signal
    for report in Report.objects.order_by("first_date"):
        check_report(report)
    for month in {f"{START:%Y-%m}", "2025-12"}:
        account = Account.objects.get(code=ACCOUNT)
        check_report(reports.make_report(account=account, period=periods.month(month), now=life.now, created_by="ann"))


def account_for(schedule: JobSchedule) -> dict[str, object]:
    """What became of each slot that there should be, by the runs; and of runs that no slot explains."""
    wanted = slots_that_should_be(schedule)
    runs = list(JobRun.objects.filter(job=schedule.job))
    by_slot: dict[datetime, list[JobRun]] = {slot: [run for run in runs if run.slot == slot] for slot in wanted}
    states = [found[0].state for found in by_slot.values() if found]
    return {
        "job": schedule.job,
        "slots": len(wanted),
        **{state: states.count(state) for state in ("succeeded", "missed", "skipped")},
        "failed": sum(state in ("failed", "errored", "queued", "running", "waiting-retry") for state in states),
        "unaccounted": sum(not found for found in by_slot.values()),
        "twice": sum(len(found) > 1 for found in by_slot.values()),
        "surplus": sum(run.slot not in by_slot for run in runs),
        "retried": sum(run.attempt > 1 for run in runs),
    }


def slots_that_should_be(schedule: JobSchedule) -> list[datetime]:
    if schedule.minutes_after_close is not None:
        assert schedule.calendar == "XNYS"
        return slots_after_new_york(schedule.minutes_after_close, START, END)
    if schedule.job == "halt_drill":
        assert (schedule.cron, schedule.time_zone, schedule.calendar) == ("30 8 * * *", "America/New_York", "XNYS")
        return slots_before_new_york(60, START, END)
    return slots_of(schedule.cron, START, END) if schedule.cron else []


def table(rows: list[dict[str, object]]) -> str:
    lines = [f"\n{START:%Y-%m-%d} to {END:%Y-%m-%d %H:%M} UTC", "".join(f"{name:>17}" for name in rows[0])]
    lines += ["".join(f"{value!s:>17}" for value in row.values()) for row in rows]
    counts = {
        "snapshots": PortfolioSnapshot.objects.count(),
        "signals": MomentumSignal.objects.count(),
        "advice": RebalanceAdvice.objects.count(),
        "reports": Report.objects.count(),
        "executions": Execution.objects.count(),
        "position snapshots": PositionSnapshot.objects.count(),
    }
    return "\n".join([*lines, ", ".join(f"{name} {count}" for name, count in counts.items())])


def check_exceptions() -> None:
    """What went wrong on purpose is told, and only that."""
    odd = JobRun.objects.filter(Q(state__in=[RunState.MISSED, RunState.SKIPPED]) | Q(attempt__gt=1))
    left_out = odd.get(state=RunState.SKIPPED, error__contains="skipped by ann")
    assert left_out.slot == at(27, 16, 35)
    retried = odd.get(attempt__gt=1, state=RunState.SUCCEEDED)
    assert (retried.job, retried.state, retried.slot) == ("daily_snapshot", RunState.SUCCEEDED, at(30, 16, 35))
    assert not PortfolioSnapshot.objects.filter(date=date(2025, 12, 27)).exists()
    missed = odd.filter(state=RunState.MISSED)
    # The half-day before Christmas; the worker came back on another day.
    assert missed.filter(job="position_snapshots", slot=at(24, 18, 5)).exists()
    check_position_snapshots()
    check_drills()
    assert missed.filter(job="daily_snapshot", slot=at(24, 16, 35)).exists()
    for run in missed:
        assert run.slot is not None
        if at(20, 12) <= run.slot <= at(22, 12):
            assert "paused by ann" in run.error
        else:
            assert at(24, 10) <= run.slot <= at(26, 9) and "no worker was running" in run.error


def check_drills() -> None:
    """Each was pressed at the real gateway and verified by the simulated broker's list."""
    done = JobRun.objects.filter(job="halt_drill", state=RunState.SUCCEEDED)
    receipts = {
        str(pk) for pk in EmergencyRun.objects.filter(came_by="drill", state="done").values_list("pk", flat=True)
    }
    assert done and {run.result["outcome"] for run in done} == {"passed"}
    assert {run.result["receipt"] for run in done} == receipts


def check_position_snapshots() -> None:
    """Each run that was done captured the put that was sold at the beginning, on its own trading day."""
    done = JobRun.objects.filter(job="position_snapshots", state=RunState.SUCCEEDED, slot__gt=START)
    days = sorted(run.slot.date() for run in done if run.slot)
    rows = PositionSnapshot.objects.order_by("snapshot_date")
    assert [row.snapshot_date for row in rows] == days and days
    assert {row.job_run for row in rows} == set(done.values_list("pk", flat=True))
    assert all(row.current_pnl is not None and row.delta is not None for row in rows)


def check_sunday_of_the_pause() -> None:
    """Resumed on Monday the rebalance finds no snapshot of the last two days: it advises nothing on such old numbers,
    and the report that tells of its advice is left out, with the reason."""
    refused = JobRun.objects.get(state=RunState.FAILED)
    assert (refused.job, refused.slot, refused.attempt) == ("weekly_rebalance", at(21, 20), 3)
    assert "older than 48 h is refused: take one first" in refused.error
    left_out = JobRun.objects.get(job="weekly_report", state=RunState.SKIPPED)
    assert left_out.slot == at(21, 21) and "weekly_rebalance has not succeeded" in left_out.error
    assert Incident.objects.filter(key="job:weekly_rebalance", resolved_at__isnull=False).exists()


def check_report(report: Report) -> None:
    """It opens, and its net liquidation, executions and job counts are those of the tables."""
    said = reading.text(stored.content_of(report))
    assert f"{report.get_kind_display()} report {report.period}" in said and f"Account {ACCOUNT}" in said
    days = PortfolioSnapshot.objects.filter(date__range=(report.first_date, report.last_date))
    last = days.filter(taken_at__lte=report.created_at).order_by("-date").first()
    assert last is not None
    assert f"Net liquidation {money(last.total_equity)} USD, {last.date}" in said, report
    for position in last.positions.all():
        assert money(position.market_value) in said, (report, position)
    begun = datetime.combine(report.first_date, datetime.min.time(), UTC)
    over = min(begun + timedelta(days=(report.last_date - report.first_date).days + 1), report.created_at)
    traded = Execution.objects.filter(is_current=True, executed_at__gte=begun, executed_at__lt=over)
    for execution in traded:
        assert f"{execution.executed_at:%Y-%m-%d %H:%M:%S}" in said, (report, execution)
    if not traded:
        assert "Nothing was traded in this period." in said
    due = JobRun.objects.filter(job="daily_snapshot", slot__gte=begun, slot__lt=over)
    counts = [due.filter(state=state).count() for state in ("succeeded", "missed", "skipped")]
    runs = f"{due.exclude(state__in=['missed', 'skipped']).count()} {counts[0]} 0 {counts[1]} {counts[2]}"
    assert f"daily_snapshot Portfolio snapshot {runs}" in said, report
    signal = MomentumSignal.objects.filter(created_at__lt=over).order_by("-created_at").first()
    assert signal is None or f"12-1 momentum of {signal.signal_date}" in said, report
