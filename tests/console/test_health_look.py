"""Looking at the platform: what the rules are given, what it costs, and where the findings are shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.broker.models import Account, GatewaySession
from apps.console.doctor.data import check_database_size, check_schedules, check_snapshots
from apps.console.doctor.processes import check_processes
from apps.console.doctor.verdicts import Verdict
from apps.console.health.findings import Finding
from apps.console.selectors.desk import section_data
from apps.console.selectors.health import find_findings, gather_facts
from apps.jobs import registry
from apps.jobs.models import JobRun, JobSchedule, WorkerHeartbeat
from apps.jobs.services import ensure_schedules
from apps.journal.choices import ProcessKind
from apps.journal.models import ProcessHeartbeat
from apps.journal.services import heartbeats
from apps.snapshots.models import PortfolioSnapshot
from tradeops.lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def well(now: datetime) -> Iterator[None]:
    ProcessHeartbeat.objects.all().delete()
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=now, state_since=now)
    WorkerHeartbeat.objects.create(
        name="worker", host="here", pid=1, workers=2, started_at=now, heartbeat_at=now, canary_at=now
    )
    for kind in ProcessKind:
        heartbeats.beat(name=kind, kind=kind, host="here", pid=1, started_at=now, now=now)
    yield


def schedule(job: str, **values: object) -> JobSchedule:
    return JobSchedule.objects.update_or_create(job=job, defaults={"cron": "35 16 * * *", **values})[0]


def run(job: str, state: str, at: datetime, **values: object) -> JobRun:
    return JobRun.objects.create(job=job, state=state, max_attempts=3, started_by="test", created_at=at, **values)


def findings_of_jobs(now: datetime) -> dict[str, Finding]:
    return {finding.key: finding for finding in find_findings(now=now) if "job" in finding.key}


def test_overdue_job_is_found_by_the_clock_alone(well: None, now: datetime) -> None:
    schedule("daily_snapshot", next_due_at=now - timedelta(minutes=90), grace_minutes=60)
    found = findings_of_jobs(now)["job-overdue:daily_snapshot"]
    assert found.is_critical
    assert "daily_snapshot is overdue" in found.sentence


def test_only_the_newest_run_counts(well: None, now: datetime) -> None:
    schedule("daily_snapshot", next_due_at=now + timedelta(hours=1))
    run("daily_snapshot", "failed", now - timedelta(hours=1), ended_at=now - timedelta(hours=1))
    assert set(findings_of_jobs(now)) == {"job:daily_snapshot"}
    run("daily_snapshot", "succeeded", now - timedelta(minutes=1), ended_at=now)
    assert findings_of_jobs(now) == {}


def test_slot_that_was_not_run_is_told_of_until_a_later_run_is_well(well: None, now: datetime) -> None:
    schedule("daily_snapshot", next_due_at=now + timedelta(hours=1))
    slot = now - timedelta(hours=23)
    run("daily_snapshot", "missed", now - timedelta(hours=1), slot=slot, ended_at=now)
    found = findings_of_jobs(now)["job-missed:daily_snapshot"]
    assert found.happened_at == slot
    run("daily_snapshot", "succeeded", now, ended_at=now)
    assert findings_of_jobs(now) == {}


def test_schedule_of_a_job_that_is_no_more_is_not_missed(well: None, now: datetime) -> None:
    schedule("long_forgotten", next_due_at=now - timedelta(days=3))
    assert findings_of_jobs(now) == {}


def test_looking_costs_the_same_however_many_jobs_and_processes_there_are(well: None, now: datetime) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            find_findings(now=now)
        return len(captured)

    names = [job.name for job in registry.all_jobs()]
    assert len(names) > 3
    JobSchedule.objects.all().delete()
    schedule(names[0], next_due_at=now + timedelta(hours=1))
    run(names[0], "succeeded", now)
    before = queries()
    for name in names[:3]:
        schedule(name, next_due_at=now + timedelta(hours=1))
        run(name, "succeeded", now)
        heartbeats.beat(name=name, kind=ProcessKind.WEB, host="here", pid=2, started_at=now, now=now)
    assert queries() == before <= 9


def test_second_worker_that_died_is_told_of_while_the_first_goes_on(well: None, now: datetime) -> None:
    gone = now - timedelta(minutes=1)
    WorkerHeartbeat.objects.create(
        name="second", host="there", pid=2, workers=2, started_at=gone, heartbeat_at=gone, canary_at=gone
    )
    found = {finding.key: finding.sentence for finding in find_findings(now=now)}
    assert found["worker"] == "workers died: second"
    WorkerHeartbeat.objects.filter(name="second").update(stopped_at=gone)
    assert "worker" not in {finding.key for finding in find_findings(now=now)}


def test_clock_skew_is_measured_against_the_database(well: None, now: datetime) -> None:
    assert gather_facts(now=now).clock_skew_seconds < 2


def test_heartbeat_comes_back_after_its_row_was_lost(well: None, now: datetime) -> None:
    ProcessHeartbeat.objects.all().delete()
    later = now + timedelta(seconds=5)
    heartbeats.beat(name="web", kind=ProcessKind.WEB, host="here", pid=1, started_at=now, now=now)
    heartbeats.beat(name="web", kind=ProcessKind.WEB, host="here", pid=1, started_at=now, now=later)
    row = ProcessHeartbeat.objects.get()
    assert (row.heartbeat_at, row.started_at) == (later, now)


def test_replaced_and_long_silent_processes_are_forgotten(well: None, now: datetime) -> None:
    for name, age in (("replaced", 1), ("silent", 25), ("fresh", 0)):
        at = now - timedelta(hours=age)
        heartbeats.beat(name=name, kind=ProcessKind.WEB, host="here", pid=1, started_at=at, now=at)
    assert heartbeats.forget_processes(names=["replaced"], now=now) == 2
    left = set(ProcessHeartbeat.objects.values_list("name", flat=True))
    assert left >= {"web", "sentinel", "fresh"} and not left & {"replaced", "silent"}


@pytest.mark.mission(6)
def test_warning_is_shown_to_those_signed_in_and_leaves_health_ok(well: None, now: datetime) -> None:
    schedule("daily_snapshot", next_due_at=now + timedelta(hours=1))
    run("daily_snapshot", "failed", now - timedelta(hours=1), ended_at=now)
    assert Client().get("/health").content == b"OK"
    rows = section_data("health", now=now)["findings"]
    assert [row["severity"] for row in rows if row["key"] == "job:daily_snapshot"] == ["warning"]


@pytest.mark.mission(66)
def test_doctor_says_why_a_job_does_not_run_and_what_to_do(well: None, now: datetime) -> None:
    schedule("daily_snapshot", next_due_at=now - timedelta(hours=2), grace_minutes=60)
    ProcessHeartbeat.objects.filter(kind=ProcessKind.SENTINEL).delete()
    WorkerHeartbeat.objects.all().delete()
    checks = {check.name: check for check in check_processes()}
    assert checks["gateway"].verdict is Verdict.OK
    assert (checks["sentinel"].verdict, checks["job daily_snapshot"].verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert "manage.py up" in checks["sentinel"].remedy
    assert (checks["worker"].verdict, checks["worker"].detail) == (Verdict.FAIL, "no worker is running")
    assert "manage.py run_job daily_snapshot" in checks["job daily_snapshot"].remedy


@pytest.mark.mission(63)
def test_doctor_counts_the_snapshots_of_a_day(now: datetime) -> None:
    assert check_snapshots().verdict is Verdict.WARN
    account = Account.objects.create(code="DU1", mode="paper", base_currency="USD", as_of=now)
    for hours in (1, 23, 25):
        taken_at = now - timedelta(hours=hours)
        PortfolioSnapshot.objects.create(
            account=account, date=(now - timedelta(days=hours)).date(), taken_at=taken_at, total_equity=1, cash=1
        )
    check = check_snapshots()
    assert (check.verdict, check.detail) == (Verdict.OK, "2 portfolio snapshots in the last 24 h")


@pytest.mark.mission(64)
def test_doctor_says_whether_the_snapshot_schedule_is_registered(now: datetime) -> None:
    JobSchedule.objects.all().delete()
    check = check_schedules()
    assert (check.verdict, "daily_snapshot" in check.detail) == (Verdict.WARN, True)
    ensure_schedules(now=now)
    check = check_schedules()
    assert (check.verdict, "daily_snapshot" in check.detail) == (Verdict.OK, True)


@pytest.mark.mission(65)
def test_doctor_says_how_large_the_database_is() -> None:
    check = check_database_size()
    number, unit = check.detail.split()
    assert int(number) > 0
    assert unit in {"kB", "MB", "GB"}
