"""Finding what dead processes left behind. Everything here may run in several workers at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django_q.models import OrmQ

from apps.jobs import queue, registry
from apps.jobs.choices import WAITING, RunState
from apps.jobs.marks import has_begun
from apps.jobs.models import JobRun
from apps.jobs.registry import Job
from apps.jobs.services.attempts import ClockTimestamp, give_back, lose
from apps.jobs.services.runs import enqueue

# An entry that a worker took this long ago without claiming its run was lost with that worker's memory.
FORGOTTEN = timedelta(seconds=5)


def end_lost_runs(*, now: datetime) -> int:
    """End the attempts whose lease has run out."""
    expired = JobRun.objects.filter(state=RunState.RUNNING, lease_until__lt=ClockTimestamp())
    return _lose_all(expired, "the worker died or froze: its lease ran out", now)


def end_runs_of_dead_processes(*, worker: str, is_alive: Callable[[int], bool], now: datetime) -> int:
    """End at once the attempts whose process this worker, on the same host, sees dead."""
    mine = JobRun.objects.filter(state=RunState.RUNNING, worker=worker)
    dead = [run.pk for run in mine if run.worker_pid is None or not is_alive(run.worker_pid)]
    return _lose_all(mine.filter(pk__in=dead), "the worker process was killed", now)


def recover_from(*, worker: str, reason: str, now: datetime) -> int:
    """After all queue processes of `worker` have ended: give back what they held."""
    queue.remove_canaries(worker=worker)
    lost = _lose_all(JobRun.objects.filter(state=RunState.RUNNING, worker=worker), reason, now)
    requeue_forgotten(now=now, after=timedelta(0))
    return lost


def requeue_forgotten(*, now: datetime, after: timedelta = FORGOTTEN) -> int:
    """Bring waiting runs back whose queue entry is gone, or was taken and never worked off."""
    due = JobRun.objects.filter(state__in=WAITING, next_attempt_at__lte=now - after)
    gone = due.filter(~Exists(OrmQ.objects.filter(pk=OuterRef("queue_entry"))))
    lost = [run for run in gone if registry.is_known(run.job)]
    released = queue.release_held(now=now, after=after)
    for run in lost:
        enqueue(run, at=now)
    return len(lost) + released


def _lose_all(runs: QuerySet[JobRun], reason: str, now: datetime) -> int:
    """Attempts that were claimed but never begun are not lost: those runs get them back."""
    found = list(runs)
    untouched = [run for run in found if not has_begun(worker=run.worker, owner=run.lease_owner, run_id=run.pk)]
    give_back(runs=untouched, now=now)
    return sum(lose(run=run, job=_job_of(run), error=reason, now=now) for run in found if run not in untouched)


def _job_of(run: JobRun) -> Job | None:
    return registry.find(run.job) if registry.is_known(run.job) else None
