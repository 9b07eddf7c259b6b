"""One attempt of a run: claimed by one process, ended by the same or by whoever finds it dead."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Func, Value
from django.db.models.functions import Coalesce

from apps.jobs import queue
from apps.jobs.choices import WAITING, RunState
from apps.jobs.context import Report
from apps.jobs.domain.retries import delay_before
from apps.jobs.lease import LEASE_SECONDS
from apps.jobs.models import JobRun
from apps.jobs.registry import Job
from apps.jobs.services.runs import SCOPE, STEP, enqueue
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

# How soon a run looks again when another run of its job is still running; that one's end wakes it earlier.
LOOK_AGAIN = timedelta(seconds=5)


class ClockTimestamp(Func):
    """The database's clock, which all workers share, as it moves on inside a transaction."""

    function = "CLOCK_TIMESTAMP"
    output_field = DateTimeField()


def claim(*, run_id: int, attempt: int, job: Job, worker: str, pid: int) -> JobRun | None:
    """Take attempt `attempt` for this process, and count it before any work is done.

    None when there is nothing to do: taken by another process, already ended, or another run of the job is running.
    """
    try:
        return _claim(run_id=run_id, attempt=attempt, job=job, worker=worker, pid=pid)
    except IntegrityError:
        _look_again_later(run_id, timeout=job.timeout)
        return None


@transaction.atomic
def _claim(*, run_id: int, attempt: int, job: Job, worker: str, pid: int) -> JobRun | None:
    until = ExpressionWrapper(ClockTimestamp() + Value(timedelta(seconds=LEASE_SECONDS)), output_field=DateTimeField())
    claimed = JobRun.objects.filter(
        pk=run_id, job=job.name, state__in=WAITING, attempt=attempt - 1, max_attempts__gte=attempt
    ).update(
        state=RunState.RUNNING,
        attempt=attempt,
        lease_owner=uuid.uuid4().hex,
        lease_until=until,
        worker=worker,
        worker_pid=pid,
        started_at=Coalesce(F("started_at"), ClockTimestamp()),
        attempt_started_at=ClockTimestamp(),
        next_attempt_at=None,
        progress_done=None,
        progress_total=None,
        progress_text="",
        error="",
        traceback="",
    )
    if not claimed:
        return None
    run = JobRun.objects.get(pk=run_id)
    _record(run, f"job start: {run.job} (attempt {run.attempt} of {run.max_attempts})")
    return run


@transaction.atomic
def _look_again_later(run_id: int, *, timeout: int) -> None:
    run = JobRun.objects.select_for_update().get(pk=run_id)
    if run.state in WAITING:
        enqueue(run, timeout=timeout, at=clock.now() + LOOK_AGAIN)


@transaction.atomic
def succeed(*, run: JobRun, result: dict[str, Any], report: Report, now: datetime) -> bool:
    """False when the lease was lost meanwhile: then nothing is written, the result is another attempt's."""
    if not _end(run, RunState.SUCCEEDED, now=now, report=report, result=result):
        return False
    seconds = (now - run.attempt_started_at).total_seconds() if run.attempt_started_at else 0.0
    _record(run, f"job completed: {run.job} in {seconds:.1f} s", data={"seconds": round(seconds, 3)})
    _wake_waiting_runs(run.job, now)
    return True


@transaction.atomic
def fail(
    *,
    run: JobRun,
    job: Job | None,
    error: str,
    now: datetime,
    report: Report | None = None,
    traceback: str = "",
    expected: bool = True,
) -> bool:
    """End this attempt as failed: the next is queued after its delay, or the run ends. False as in `succeed`."""
    delay = delay_before(run.attempt + 1, job.retry_delays) if job else timedelta(0)
    return _end_attempt(run, job, error, now, report, traceback, expected, now + delay)


@transaction.atomic
def end_stopped(*, run: JobRun, report: Report, now: datetime) -> bool:
    """End a run that stopped because a person asked it to. False as in `succeed`."""
    if not _end(run, RunState.CANCELLED, now=now, report=report):
        return False
    by = JobRun.objects.values_list("cancel_requested_by", flat=True).get(pk=run.pk)
    _record(run, f"job cancelled: {run.job} stopped, as {by} asked", level=Level.WARN)
    _wake_waiting_runs(run.job, now)
    return True


@transaction.atomic
def lose(*, run: JobRun, job: Job | None, error: str, now: datetime) -> bool:
    """End an attempt whose process is gone: what is left of its attempts follows at once."""
    return _end_attempt(run, job, error, now, None, "", True, now)


def _end_attempt(
    run: JobRun,
    job: Job | None,
    error: str,
    now: datetime,
    report: Report | None,
    traceback: str,
    expected: bool,
    again_at: datetime,
) -> bool:
    final = RunState.FAILED if expected else RunState.ERRORED
    if _is_asked_to_stop(run):
        job, final = None, RunState.CANCELLED  # whoever asked it to stop does not want it again
    retries = job is not None and run.attempt < run.max_attempts
    state = RunState.WAITING_RETRY if retries else final
    values = {"error": error, "traceback": traceback, "next_attempt_at": again_at if retries else None}
    if not _end(run, state, now=now, report=report, **values):
        return False
    counted = f"attempt {run.attempt} of {run.max_attempts}"
    following = f"next attempt at {again_at:%H:%M:%S} UTC" if retries else "no attempt left"
    _record(
        run,
        f"job failed: {run.job} ({counted}): {error}; {following}",
        level=Level.WARN if retries else Level.ERROR,
        data={"error": error, "final": not retries},
    )
    if job is not None and retries:
        enqueue(run, timeout=job.timeout, at=again_at)
    _wake_waiting_runs(run.job, now)
    return True


def _is_asked_to_stop(run: JobRun) -> bool:
    """Locks the row: whoever asks a moment later sees how the attempt ended."""
    row = JobRun.objects.select_for_update().filter(pk=run.pk).values_list("cancel_requested_at").first()
    return row is not None and row[0] is not None


def _end(run: JobRun, state: RunState, *, now: datetime, report: Report | None, **values: Any) -> bool:
    """Fenced: only as long as nobody has taken the attempt over."""
    if report is not None:
        values |= {"progress_done": report.done, "progress_total": report.total}
        values |= {"progress_text": report.text, "log": report.log}
    if state != RunState.WAITING_RETRY:
        values["ended_at"] = now
    mine = JobRun.objects.filter(pk=run.pk, lease_owner=run.lease_owner, state=RunState.RUNNING)
    return bool(mine.update(state=state, lease_owner="", lease_until=None, **values))


def _wake_waiting_runs(job: str, now: datetime) -> None:
    """Runs of the job that found it busy need not wait for their next look."""
    due = JobRun.objects.filter(job=job, state__in=WAITING, next_attempt_at__lte=now, queue_entry__isnull=False)
    queue.release([entry for entry in due.values_list("queue_entry", flat=True) if entry], now=now)


def _record(run: JobRun, message: str, *, level: Level = Level.INFO, data: dict[str, Any] | None = None) -> None:
    details = {"run": run.pk, "job": run.job, "attempt": run.attempt, "max_attempts": run.max_attempts, **(data or {})}
    journal.record(step=STEP, message=message, level=level, scope=SCOPE, data=details, actor=run.started_by)
