"""Looks at everything that must live; the rules judge. Cheap enough to do each second."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F, OuterRef, Subquery

from apps.broker import selectors as broker
from apps.console.health.facts import WORKER, Facts, JobFacts, ProcessFacts
from apps.console.health.findings import Finding
from apps.console.health.rules import judge
from apps.jobs import registry
from apps.jobs import selectors as jobs
from apps.jobs.models import JobRun, JobSchedule, JobsPause, WorkerHeartbeat
from apps.journal import selectors as journal
from apps.journal.services.heartbeats import FORGET_AFTER
from tradeops.lib import clock

RUN_FIELDS = ("state", "slot", "created_at", "next_attempt_at", "started_at", "ended_at")


def find_findings(*, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong, worst first. Raises OperationalError when the database does not answer."""
    return judge(gather_facts(now=now))


def gather_facts(*, now: datetime) -> Facts:
    """Eight small queries, however many jobs and runs there are."""
    return Facts(
        now=now,
        session=broker.session(now=now),
        worker=jobs.worker_state(now=now),
        processes=(*process_facts(), *worker_facts(now)),
        jobs=job_facts(),
        jobs_paused_at=JobsPause.objects.filter(resumed_at=None).values_list("paused_at", flat=True).first(),
        clock_skew_seconds=clock_skew_seconds(),
        free_bytes=shutil.disk_usage(settings.VAR_DIR).free,
        weekly_login=settings.BROKER.weekly_login,
    )


def process_facts() -> tuple[ProcessFacts, ...]:
    return tuple(
        ProcessFacts(
            name=row.name,
            kind=row.kind,
            host=row.host,
            is_active=row.is_active,
            started_at=row.started_at,
            heartbeat_at=row.heartbeat_at,
        )
        for row in journal.process_heartbeats()
    )


def worker_facts(now: datetime) -> tuple[ProcessFacts, ...]:
    """Workers that have not stopped in order. Whoever has been silent for a day is history."""
    rows = WorkerHeartbeat.objects.filter(stopped_at=None, heartbeat_at__gt=now - FORGET_AFTER)
    return tuple(
        ProcessFacts(
            name=row.name,
            kind=WORKER,
            host=row.host,
            is_active=True,
            started_at=row.started_at,
            heartbeat_at=row.heartbeat_at,
        )
        for row in rows
    )


def job_facts() -> tuple[JobFacts, ...]:
    """Of the jobs that are declared and have their schedule. Two queries, each newest run found by its index."""
    # In the order of the index that serves one job: by another's, a job that never ran would cost a look at every run.
    latest_first = (F("created_at").desc(nulls_last=True), F("id").desc(nulls_last=True))
    newest = JobRun.objects.filter(job=OuterRef("job")).order_by(*latest_first).values("pk")[:1]
    schedules = [row for row in JobSchedule.objects.annotate(newest_run=Subquery(newest)) if registry.is_known(row.job)]
    wanted = [row.newest_run for row in schedules if row.newest_run]
    runs = {run.job: run for run in JobRun.objects.filter(pk__in=wanted).only("job", *RUN_FIELDS)}
    return tuple(job_fact(schedule, runs.get(schedule.job)) for schedule in schedules)


def job_fact(schedule: JobSchedule, run: JobRun | None) -> JobFacts:
    return JobFacts(
        name=schedule.job,
        enabled=schedule.enabled,
        due_at=schedule.next_due_at,
        grace=timedelta(minutes=schedule.grace_minutes),
        may_wait=bool(schedule.depends_on),
        state=run.state if run else "",
        slot=run.slot if run else None,
        expected_at=max(run.created_at, run.next_attempt_at or run.created_at) if run else None,
        started_at=run.started_at if run else None,
        ended_at=run.ended_at if run else None,
    )


def clock_skew_seconds() -> float:
    """How far the clocks certainly are apart: what the question itself took is no skew."""
    before = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        server: datetime = cursor.fetchone()[0]
    after = clock.now()
    return max(0.0, (before - server).total_seconds(), (server - after).total_seconds())
