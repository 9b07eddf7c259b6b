"""Asking for runs."""

from __future__ import annotations

from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django_q.conf import Conf

from apps.jobs import queue
from apps.jobs.choices import WAITING, RunState
from apps.jobs.models import JobRun
from apps.jobs.registry import Job
from apps.jobs.services import outcomes
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import prepared

STEP = "Job"
SCOPE = "jobs"


def request_run(*, job: Job, started_by: str, now: datetime, slot: datetime | None = None) -> JobRun:
    """Queue a run; a worker takes it as soon as one is free and no other run of the job is running.

    Raises IntegrityError when the slot already has its run.
    """
    run = JobRun(
        job=job.name,
        slot=slot,
        max_attempts=job.attempts,
        next_attempt_at=now,
        started_by=started_by,
        created_at=now,
    )
    values = {field.attname: field.get_db_prep_save(getattr(run, field.attname), connection) for field in ASKED_FIELDS}
    [(run.pk, run.queue_entry)] = prepared.fetch_all(ASK, {**values, "key": Conf.CLUSTER_NAME, "form": queue.FORM})
    run._state.adding, run._state.db = False, DEFAULT_DB_ALIAS
    return run


ASKED_FIELDS = [field for field in JobRun._meta.concrete_fields if field.name not in ("id", "queue_entry")]

# The run and its place in the queue know each other's number, and come into being at once.
ASK = f"""
WITH numbers AS (
    SELECT nextval(pg_get_serial_sequence('jobs_jobrun', 'id')) AS run,
           nextval(pg_get_serial_sequence('django_q_ormq', 'id')) AS entry
), asked AS (
    INSERT INTO jobs_jobrun (id, queue_entry, {", ".join(field.attname for field in ASKED_FIELDS)})
    VALUES ((SELECT run FROM numbers), (SELECT entry FROM numbers),
            {", ".join(f"%({field.attname})s" for field in ASKED_FIELDS)})
    RETURNING id, queue_entry, job
), queued AS (
    INSERT INTO django_q_ormq (id, key, payload, lock)
    SELECT queue_entry, %(key)s, format(%(form)s, id, 1, job), clock_timestamp() FROM asked
)
SELECT id, queue_entry FROM asked
"""  # noqa: S608 - the names of our own columns


def enqueue(run: JobRun, *, at: datetime) -> None:
    """Give the run's next attempt its place in the queue, not before `at`."""
    former = run.queue_entry
    entry = queue.put_run(run_id=run.pk, attempt=run.attempt + 1, job=run.job, not_before=at, entry=former)
    if entry != former:
        JobRun.objects.filter(pk=run.pk).update(queue_entry=entry)
        run.queue_entry = entry


@transaction.atomic
def cancel_run(*, run_id: int, now: datetime, actor: str) -> bool:
    """Cancel a run that is waiting. False when it already runs or has ended."""
    waiting = JobRun.objects.filter(pk=run_id, state__in=WAITING)
    if not waiting.update(state=RunState.CANCELLED, ended_at=now, next_attempt_at=None):
        return False
    run = JobRun.objects.get(pk=run_id)
    queue.remove([run.queue_entry] if run.queue_entry else [])
    journal.record(step=STEP, message=f"job cancelled: {run.job}", scope=SCOPE, data={"run": run.pk}, actor=actor)
    return True


@transaction.atomic
def reject_run(*, run_id: int, reason: str, now: datetime) -> None:
    """End a waiting run that no worker of this version can work off."""
    waiting = JobRun.objects.filter(pk=run_id, state__in=WAITING)
    if waiting.update(state=RunState.ERRORED, error=reason, ended_at=now, next_attempt_at=None):
        journal.record(step=STEP, message=f"job failed: {reason}", level=Level.ERROR, scope=SCOPE, data={"run": run_id})
        outcomes.after_final(JobRun.objects.get(pk=run_id))
