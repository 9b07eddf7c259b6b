"""The two functions that django-q2 may call. Both take ids only."""

from __future__ import annotations

import json
import logging
import os
import signal
import traceback
from typing import Any

from django_q.exceptions import TimeoutException

from apps.jobs import registry, services
from apps.jobs.context import JobContext
from apps.jobs.exceptions import JobsError, LeaseLost
from apps.jobs.lease import LeaseKeeper
from apps.jobs.models import JobRun
from apps.jobs.queue import WORKER_VARIABLE
from apps.jobs.registry import Job
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError

logger = logging.getLogger(__name__)

TRACEBACK_LENGTH = 8000


def answer_canary() -> None:
    services.hear_canary(worker=os.environ.get(WORKER_VARIABLE, ""))


def perform(run_id: int, attempt: int) -> None:
    """Work one attempt off. A second delivery of the same entry finds nothing to claim and does nothing."""
    name = JobRun.objects.filter(pk=run_id).values_list("job", flat=True).first()
    if name is None or not registry.is_known(name):
        services.reject_run(run_id=run_id, reason=f"this version knows no job {name!r}", now=clock.now())
        return
    job = registry.find(name)
    worker = os.environ.get(WORKER_VARIABLE, "")
    run = services.claim(run_id=run_id, attempt=attempt, job=job, worker=worker, pid=os.getpid())
    if run is not None:
        _attempt(job, run)


def _attempt(job: Job, run: JobRun) -> None:
    context = JobContext(run, now=clock.now())
    try:
        with LeaseKeeper(context):
            result = _work(job, context)
    except LeaseLost as lost:
        logger.warning("%s", lost)
    except TradeOpsError as error:
        _fail(job, context, str(error), expected=True)
    except Exception as error:
        _fail(job, context, f"{type(error).__name__}: {error}", expected=False)
    else:
        services.succeed(run=run, result=result, report=context.report(), now=clock.now())


def _work(job: Job, context: JobContext) -> dict[str, Any]:
    try:
        result = job.function(context)
    except TimeoutException as timeout:
        raise JobsError(f"did not finish within {job.timeout} s") from timeout
    finally:
        # The job's time is over: django-q2's alarm must not strike while its outcome is written.
        signal.alarm(0)
    json.dumps(result, allow_nan=False)
    return result


def _fail(job: Job, context: JobContext, error: str, *, expected: bool) -> None:
    tail = traceback.format_exc()[-TRACEBACK_LENGTH:]
    services.fail(
        run=context.run,
        job=job,
        error=error or "failed without saying why",
        now=clock.now(),
        report=context.report(),
        traceback=tail,
        expected=expected,
    )
