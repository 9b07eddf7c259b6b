"""Runs that cannot be worked off just now wait, without using up an attempt."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from apps.jobs.choices import WAITING
from apps.jobs.models import JobRun
from apps.jobs.registry import Job
from apps.jobs.services.runs import SCOPE, STEP, enqueue
from apps.journal import services as journal

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=30)
PREFIX = "waiting: "


def postpone_if_waiting(*, run_id: int, job: Job, now: datetime) -> bool:
    """Put the run back into the queue for 30 s when its job says what it waits for. False: it is to be run now.

    Whoever has waited since its slot for longer than the job's limit is run, and fails by itself if need be.
    """
    why = reason_to_wait(job)
    return bool(why) and _postpone(run_id, job, why, now)


def reason_to_wait(job: Job) -> str:
    """Empty also when the question itself fails: then the attempt shows what is wrong, and is counted."""
    try:
        return job.waits_for() if job.waits_for is not None else ""
    except Exception:
        logger.exception("job %s could not say what it waits for", job.name)
        return ""


@transaction.atomic
def _postpone(run_id: int, job: Job, why: str, now: datetime) -> bool:
    run = JobRun.objects.select_for_update().filter(pk=run_id, state__in=WAITING).first()
    if run is None or now - (run.slot or run.created_at) > timedelta(seconds=job.wait_limit):
        return False
    first_time = not run.progress_text.startswith(PREFIX)
    run.progress_text, run.next_attempt_at = f"{PREFIX}{why}"[:200], now + LOOK_AGAIN
    run.save(update_fields=["progress_text", "next_attempt_at"])
    enqueue(run, at=run.next_attempt_at)
    if first_time:
        message, data = f"job waiting: {run.job}: {why}", {"run": run.pk, "job": run.job}
        journal.record(step=STEP, message=message, scope=SCOPE, data=data, actor=run.started_by)
    return True
