"""Checks of what the platform has: its schedules, what it has captured of late, how large it has grown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from apps.console.doctor.verdicts import Check, ok, warn
from apps.jobs import selectors as jobs
from apps.snapshots.selectors import count_since

DAY = timedelta(hours=24)
SNAPSHOT_JOB = "daily_snapshot"


def check_contents(*, now: datetime) -> Iterator[Check]:
    yield check_schedules(now)
    yield check_snapshots(now)
    yield ok("database size", f"{database_bytes() / (1 << 20):,.1f} MiB")


def check_schedules(now: datetime) -> Check:
    """Registered: it has a moment at which it is due next. Jobs that run by hand only are not counted."""
    overview = jobs.job_overview(now=now)
    planned = [job.name for job in overview if job.next_due_at is not None]
    detail = f"{len(planned)} registered: {', '.join(planned) or 'none'}"
    if SNAPSHOT_JOB in planned:
        return ok("schedules", detail)
    remedy = f"Enable the schedule of {SNAPSHOT_JOB} under Job schedules; `manage.py migrate` registers missing ones."
    return warn("schedules", f"{detail}; the snapshot schedule is not", remedy)


def check_snapshots(now: datetime) -> Check:
    portfolios, positions = count_since(moment=now - DAY)
    detail = f"{portfolios} of portfolios with {positions} positions in the last 24 h"
    if portfolios:
        return ok("snapshots", detail)
    return warn("snapshots", detail, "`manage.py run_job snapshot` takes one; `manage.py jobs` says when it is due.")


def database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone()
    return int(size)
