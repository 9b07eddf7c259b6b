"""What people ask of jobs, each with who, when and why in the journal."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from apps.jobs import registry
from apps.jobs.choices import UNFINISHED, WAITING, RunState
from apps.jobs.exceptions import ActionRefused
from apps.jobs.models import JobRun, JobSchedule
from apps.jobs.registry import Job
from apps.jobs.services import schedules
from apps.jobs.services.runs import SCOPE, STEP, cancel_run, request_run
from apps.journal import services as journal
from apps.journal.choices import Level


@transaction.atomic
def run_now(*, job: Job, actor: str, reason: str, now: datetime) -> JobRun:
    """Queue a run by hand. Raises ActionRefused when one waits already."""
    _lock(job.name)
    waiting = JobRun.objects.filter(job=job.name, state=RunState.QUEUED, slot=None, stands_for=None).first()
    if waiting is not None:
        raise ActionRefused(f"Run {waiting.pk} of {job.name}, asked for by {waiting.started_by}, waits already.")
    run = request_run(job=job, started_by=actor, now=now)
    _record(f"job asked for: {job.name}", run, actor, reason)
    return run


@transaction.atomic
def retry_run(*, run_id: int, actor: str, reason: str, now: datetime) -> JobRun:
    """Queue a new run that does the work of one that did not succeed, for the same slot.

    Raises ActionRefused for a run that succeeded, goes on, is retried already, or whose job is gone.
    """
    original = JobRun.objects.select_for_update().get(pk=run_id)
    _check_retry(original)
    run = request_run(job=registry.find(original.job), started_by=actor, now=now)
    run.retry_of, run.stands_for = original, original.purpose
    run.save(update_fields=["retry_of", "stands_for"])
    _record(f"job asked for: {run.job}, again after run {original.pk}", run, actor, reason, retry_of=original.pk)
    return run


def _check_retry(original: JobRun) -> None:
    if refusal := why_not_retry(original):
        raise ActionRefused(refusal)
    again = original.retries.filter(state__in=(*UNFINISHED, RunState.SUCCEEDED)).first()
    if again is not None:
        done = "was done again" if again.state == RunState.SUCCEEDED else "is being done again"
        raise ActionRefused(f"Run {original.pk} {done} by run {again.pk}.")


def why_not_retry(run: JobRun) -> str:
    """Empty for a run that may be tried again, as far as its own row tells."""
    if run.state in UNFINISHED:
        return f"Run {run.pk} has not ended yet."
    if run.state == RunState.SUCCEEDED:
        return f"Run {run.pk} succeeded: use Run now for another one."
    return "" if registry.is_known(run.job) else f"{run.job} is not a job of this version."


@transaction.atomic
def cancel_or_stop(*, run_id: int, actor: str, reason: str, now: datetime) -> bool:
    """Cancel a waiting run at once (True) or ask a running one to stop at its next step (False).

    Raises ActionRefused for a run that has ended.
    """
    run = JobRun.objects.select_for_update().get(pk=run_id)
    if run.state in WAITING:
        cancel_run(run_id=run.pk, now=now, actor=actor)
        JobRun.objects.filter(pk=run.pk).update(error=f"cancelled by {actor}" + (f": {reason}" if reason else ""))
        _record(f"job taken out of the queue: {run.job}", run, actor, reason)
        return True
    if run.state != RunState.RUNNING:
        raise ActionRefused(f"Run {run.pk} has ended already: {run.get_state_display().lower()}.")
    if run.cancel_requested_at is None:
        JobRun.objects.filter(pk=run.pk).update(cancel_requested_at=now, cancel_requested_by=actor)
        _record(f"job asked to stop: {run.job}", run, actor, reason)
    return False


def _lock(job: str) -> None:
    """Of two people who press the same button at once, the second one sees the first one's run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"jobs.run_now:{job}"])


def _record(what: str, run: JobRun, actor: str, reason: str, **data: int) -> None:
    journal.record(
        step=STEP,
        message=f"{what}: {reason}" if reason else what,
        level=Level.WARN if "stop" in what else Level.INFO,
        scope=SCOPE,
        data={"run": run.pk, "job": run.job, "reason": reason, **data},
        actor=actor,
    )


@transaction.atomic
def skip_next(*, schedule: JobSchedule, actor: str, reason: str, now: datetime) -> datetime:
    """Do not run the next slot; which one that is. Raises InvalidSchedule when none is planned."""
    slot = schedules.skip_next(schedule=schedule, actor=actor, now=now)
    _explain(f"why the next run of {schedule.job} is skipped", actor, reason)
    return slot


@transaction.atomic
def unskip(*, schedule: JobSchedule, actor: str, reason: str, now: datetime) -> None:
    """Run the next slot after all. Raises ActionRefused when it was not to be skipped."""
    if not schedules.unskip(schedule=schedule, actor=actor, now=now):
        raise ActionRefused(f"The next run of {schedule.job} was not to be skipped.")
    _explain(f"why the next run of {schedule.job} is not skipped", actor, reason)


@transaction.atomic
def resume(*, actor: str, reason: str, now: datetime) -> bool:
    """Let the schedules go on. False when they were not paused."""
    resumed = schedules.resume_jobs(actor=actor, now=now)
    if resumed:
        _explain("why the schedules were resumed", actor, reason)
    return resumed


def _explain(what: str, actor: str, reason: str) -> None:
    if reason:
        journal.record(step=STEP, message=f"{what}: {reason}", scope=SCOPE, data={"reason": reason}, actor=actor)
