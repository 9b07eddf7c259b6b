"""A single attempt, claimed and ended in steps. A worker process does the same for several runs at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from apps.jobs import services
from apps.jobs.context import Report
from apps.jobs.models import JobRun
from apps.jobs.queue import Entry
from apps.jobs.registry import Job
from apps.jobs.services import Claimant, Failure, Success
from apps.jobs.services.attempts import end_all


def claim(*, run_id: int, attempt: int, job: Job, worker: str, pid: int) -> JobRun | None:
    """Take attempt `attempt` of one run; None when there is nothing to do, as in `exchange`."""
    entry = JobRun.objects.values_list("queue_entry", flat=True).get(pk=run_id) or 0
    claimant = Claimant(worker=worker, pid=pid, owner=uuid4().hex)
    runs = services.exchange(endings=(), entries=[Entry(entry, run_id, attempt, job.name)], claimant=claimant)
    return runs[0] if runs else None


def succeed(*, run: JobRun, result: dict[str, Any], report: Report, now: datetime) -> bool:
    """False when the lease was lost meanwhile: then nothing is written, the result is another attempt's."""
    return run.pk in end_all([Success(run, result, report, run.attempt_started_at or now, now)])


def fail(*, run: JobRun, job: Job, error: str, now: datetime) -> bool:
    """End this attempt as failed: the next is queued after its delay, or the run ends. False as in `succeed`."""
    again_at, began_at = services.next_attempt_at(run=run, job=job, now=now), run.attempt_started_at or now
    return run.pk in end_all([Failure(run, job, error, began_at, now, again_at)])
