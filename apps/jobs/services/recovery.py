"""Finding what dead processes left behind. Everything here may run in several workers at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.jobs import queue, registry
from apps.jobs.choices import WAITING, RunState
from apps.jobs.models import JobRun
from apps.jobs.registry import Job
from apps.jobs.services.attempts import ClockTimestamp, lose
from apps.jobs.services.runs import enqueue

# An entry that a worker took this long ago without claiming its run was lost with that worker's memory.
FORGOTTEN = timedelta(seconds=20)


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
    overdue = JobRun.objects.filter(state__in=WAITING, next_attempt_at__lte=now - after)
    return sum(_requeue(run, now, after) for run in overdue)


def _requeue(run: JobRun, now: datetime, after: timedelta) -> bool:
    lock = queue.find_lock(run.queue_entry)
    job = _job_of(run)
    if lock is None and job is not None:
        enqueue(run, timeout=job.timeout, at=now)
        return True
    taken = queue.taken_since(lock, now=now) if lock else None
    if taken is None or taken < after.total_seconds():
        return False
    queue.release([run.queue_entry or 0], now=now)
    return True


def _lose_all(runs: QuerySet[JobRun], reason: str, now: datetime) -> int:
    return sum(lose(run=run, job=_job_of(run), error=reason, now=now) for run in runs)


def _job_of(run: JobRun) -> Job | None:
    return registry.find(run.job) if registry.is_known(run.job) else None
