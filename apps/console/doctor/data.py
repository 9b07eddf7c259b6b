"""Checks of what is kept: snapshots taken, schedules registered, the size of it all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from django.db import connection

from apps.console.doctor.verdicts import Check, ok, warn
from apps.jobs import registry
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.misfits import misfit
from apps.jobs.models import JobSchedule
from apps.risk import drill_selectors
from apps.snapshots import selectors as snapshots
from tradeops.lib import clock


def check_data() -> Iterator[Check]:
    yield check_snapshots()
    yield check_position_snapshots()
    yield check_schedules()
    yield check_planned_outages()
    yield check_drill()
    yield check_database_size()


def check_snapshots() -> Check:
    taken = snapshots.count_taken_since(at=clock.now() - timedelta(hours=24))
    detail = f"{taken} portfolio snapshot{'' if taken == 1 else 's'} in the last 24 h"
    if taken == 0:
        return warn("snapshots", detail, "Take one with `manage.py snapshot`; its job is daily_snapshot.")
    return ok("snapshots", detail)


def check_position_snapshots() -> Check:
    """Missing are those of trades that were open when the last New York session closed, an hour after it."""
    now = clock.now()
    taken = snapshots.count_captured_since(at=now - timedelta(hours=24))
    detail = f"{taken} position snapshot{'' if taken == 1 else 's'} in the last 24 h"
    missing = snapshots.count_missing(now=now - timedelta(hours=1))
    if missing:
        trades = "1 open option trade has" if missing == 1 else f"{missing} open option trades have"
        remedy = "See the last run of position_snapshots; `manage.py snapshot_positions` takes them now."
        return warn("position snapshots", f"{detail}; {trades} none of the last trading day", remedy)
    return ok("position snapshots", detail)


def check_schedules() -> Check:
    """Each declared job gets its row from the first worker that starts."""
    registered = set(JobSchedule.objects.values_list("job", flat=True))
    names = [job.name for job in registry.all_jobs()]
    missing = [name for name in names if name not in registered]
    if missing:
        remedy = "Start a worker: it registers what is declared."
        return warn("schedules", f"not registered: {', '.join(missing)}", remedy)
    return ok("schedules", f"registered: {', '.join(names)}")


def check_planned_outages() -> Check:
    found = []
    for schedule in JobSchedule.objects.filter(enabled=True):
        with suppress(InvalidSchedule):
            found += [said] if (said := misfit(schedule, now=clock.now())) else []
    if found:
        remedy = "Change the time on the schedule's page, or IBKR_REGION and IBKR_RESTART_STARTS_AT if they are wrong."
        return warn("planned restarts", " ".join(found), remedy)
    return ok("planned restarts", "no schedule falls into one for longer than its job waits")


def check_drill() -> Check:
    """Nobody knows that the stop works who has not tried it lately."""
    if problem := drill_selectors.drill_problem(now=clock.now()):
        return warn("halt drill", problem, drill_selectors.REMEDY)
    last = drill_selectors.last_drill()
    return ok("halt drill", f"passed at {last.at:%Y-%m-%d %H:%M} UTC in {last.seconds:.2f} s" if last else "passed")


def check_database_size() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        (size,) = cursor.fetchone()
    return ok("database size", str(size))
