"""What the journal says of attempts: `job start`, `job completed`, `job failed`, each with the job's name.

The start of a short run is told together with its end, that of another one while it works: see `workplace`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.jobs.models import JobRun
from apps.jobs.services.endings import Ending, Failure, Stopped, Success
from apps.jobs.services.runs import SCOPE, STEP
from apps.journal import selectors as events
from apps.journal import services as journal
from apps.journal.choices import Level

START = "job start: "
# How far the clocks of the database and of a worker's host may lie apart.
CLOCKS_APART = timedelta(minutes=1)


def drafts_of(success: Success) -> list[journal.Draft]:
    run, seconds = success.run, (success.ended_at - success.began_at).total_seconds()
    message, data = f"job completed: {run.job} in {seconds:.1f} s", {"seconds": round(seconds, 3)}
    return [*untold_start(success), draft(run, message, at=success.ended_at, data=data)]


def start_of(run: JobRun, *, began_at: datetime) -> journal.Draft:
    return draft(run, f"{START}{run.job} (attempt {run.attempt} of {run.max_attempts})", at=began_at)


def record_start(run: JobRun, *, began_at: datetime) -> None:
    journal.record_all([start_of(run, began_at=began_at)])


def start_is_told(run: JobRun) -> bool:
    """Of an attempt whose process is gone: nobody but the journal can tell."""
    if run.attempt_started_at is None:
        return False
    attempt = {"run": run.pk, "attempt": run.attempt}
    return events.was_recorded(step=STEP, begin=START, data=attempt, since=run.attempt_started_at - CLOCKS_APART)


def record_failure(failure: Failure, *, again_at: datetime | None) -> None:
    run = failure.run
    following = f"next attempt at {again_at:%H:%M:%S} UTC" if again_at else "no attempt left"
    message = f"job failed: {run.job} (attempt {run.attempt} of {run.max_attempts}): {failure.error}; {following}"
    level, data = Level.WARN if again_at else Level.ERROR, {"error": failure.error, "final": again_at is None}
    journal.record_all([*untold_start(failure), draft(run, message, level=level, data=data)])


def record_stop(stopped: Stopped, by: str) -> None:
    message = f"job cancelled: {stopped.run.job} stopped, as {by} asked"
    journal.record_all([*untold_start(stopped), draft(stopped.run, message, level=Level.WARN)])


def untold_start(ending: Ending) -> list[journal.Draft]:
    return [] if ending.start_told else [start_of(ending.run, began_at=ending.began_at)]


def draft(
    run: JobRun,
    message: str,
    *,
    level: Level = Level.INFO,
    at: datetime | None = None,
    data: dict[str, Any] | None = None,
) -> journal.Draft:
    details = {"run": run.pk, "job": run.job, "attempt": run.attempt, "max_attempts": run.max_attempts, **(data or {})}
    return journal.draft(
        step=STEP, message=message, level=level, scope=SCOPE, data=details, actor=run.started_by, at=at
    )
