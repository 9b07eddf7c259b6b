"""The two functions that django-q2 may call. Both take ids only."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django_q.exceptions import TimeoutException

from apps.jobs import registry, services
from apps.jobs.context import JobContext
from apps.jobs.exceptions import JobsError, LeaseLost, StopRequested
from apps.jobs.lease import LeaseKeeper
from apps.jobs.models import JobRun
from apps.jobs.queue import WORKER_VARIABLE
from apps.jobs.registry import Job
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError

logger = logging.getLogger(__name__)

TRACEBACK_LENGTH = 8000
INSIST_SECONDS = 60.0
INSIST_PAUSE_SECONDS = 0.5

Write = Callable[[], bool]


def answer_canary() -> None:
    services.hear_canary(worker=os.environ.get(WORKER_VARIABLE, ""))


def perform(run_id: int, attempt: int) -> None:
    """Work one attempt off. A second delivery of the same entry finds nothing to claim and does nothing."""
    name = JobRun.objects.filter(pk=run_id).values_list("job", flat=True).first()
    if name is None or not registry.is_known(name):
        services.reject_run(run_id=run_id, reason=f"this version knows no job {name!r}", now=clock.now())
        return
    job = registry.find(name)
    if job.waits_for is not None and services.postpone_if_waiting(run_id=run_id, job=job, now=clock.now()):
        return
    worker = os.environ.get(WORKER_VARIABLE, "")
    run = services.claim(run_id=run_id, attempt=attempt, job=job, worker=worker, pid=os.getpid())
    if run is not None:
        _attempt(job, run)


def _attempt(job: Job, run: JobRun) -> None:
    context = JobContext(run, now=clock.now())
    with LeaseKeeper(context):
        write_outcome = _work(job, context)
        if write_outcome is not None:
            _insist(write_outcome)


def _work(job: Job, context: JobContext) -> Write | None:
    """Run the job; what is to be written of it, None when the attempt is no longer ours."""
    try:
        result = _call(job, context)
    except LeaseLost as lost:
        logger.warning("%s", lost)
        return None
    except StopRequested:
        ended_at = clock.now()
        return lambda: services.end_stopped(run=context.run, report=context.report(), now=ended_at)
    except TradeOpsError as error:
        return _failure(job, context, str(error), expected=True)
    except Exception as error:
        return _failure(job, context, f"{type(error).__name__}: {error}", expected=False)
    now = clock.now()
    return lambda: services.succeed(run=context.run, result=result, report=context.report(), now=now)


def _call(job: Job, context: JobContext) -> dict[str, Any]:
    try:
        result = job.function(context)
    except TimeoutException as timeout:
        raise JobsError(f"did not finish within {job.timeout} s") from timeout
    finally:
        # The job's time is over: django-q2's alarm must not strike while its outcome is written.
        signal.alarm(0)
    json.dumps(result, allow_nan=False)
    return result


def _failure(job: Job, context: JobContext, error: str, *, expected: bool) -> Write:
    now, tail = clock.now(), traceback.format_exc()[-TRACEBACK_LENGTH:]
    return lambda: services.fail(
        run=context.run,
        job=job,
        error=error or "failed without saying why",
        now=now,
        report=context.report(),
        traceback=tail,
        expected=expected,
    )


def _insist(write: Write) -> None:
    """Work that is done must not be done again because the database was away when it ended.

    Safe to repeat: a write that was committed unseen makes the next one find nothing of ours.
    """
    deadline = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            write()
            return
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() > deadline:
                raise
            logger.warning("the outcome could not be written yet: %s", error)
            time.sleep(INSIST_PAUSE_SECONDS)
