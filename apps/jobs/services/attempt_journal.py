"""What the journal says of attempts: `job start`, `job completed`, `job failed`, each with the job's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.jobs.models import JobRun
from apps.jobs.services.endings import Ending, Failure, Stopped, Success
from apps.jobs.services.runs import SCOPE, STEP
from apps.journal import services as journal
from apps.journal.choices import Level


def record(successes: Sequence[Success], *, begins: Sequence[JobRun] = ()) -> None:
    events = []
    for success in successes:
        run, seconds = success.run, (success.ended_at - success.began_at).total_seconds()
        message, data = f"job completed: {run.job} in {seconds:.1f} s", {"seconds": round(seconds, 3)}
        events += [*untold_start(success), draft(run, message, at=success.ended_at, data=data)]
    journal.record_all([*events, *(start_of(run) for run in begins)])


def start_of(run: JobRun, *, began_at: datetime | None = None) -> Any:
    return draft(run, f"job start: {run.job} (attempt {run.attempt} of {run.max_attempts})", at=began_at)


def record_start(run: JobRun, *, began_at: datetime) -> None:
    journal.record_all([start_of(run, began_at=began_at)])


def record_failure(failure: Failure, *, again_at: datetime | None) -> None:
    run = failure.run
    following = f"next attempt at {again_at:%H:%M:%S} UTC" if again_at else "no attempt left"
    message = f"job failed: {run.job} (attempt {run.attempt} of {run.max_attempts}): {failure.error}; {following}"
    level, data = Level.WARN if again_at else Level.ERROR, {"error": failure.error, "final": again_at is None}
    journal.record_all([*untold_start(failure), draft(run, message, level=level, data=data)])


def record_stop(stopped: Stopped, by: str) -> None:
    message = f"job cancelled: {stopped.run.job} stopped, as {by} asked"
    journal.record_all([*untold_start(stopped), draft(stopped.run, message, level=Level.WARN)])


def untold_start(ending: Ending) -> list[Any]:
    """Of runs claimed together only the first begins at once: the start of another is told with its end."""
    return [] if ending.start_told else [start_of(ending.run, began_at=ending.began_at)]


def draft(
    run: JobRun,
    message: str,
    *,
    level: Level = Level.INFO,
    at: datetime | None = None,
    data: dict[str, Any] | None = None,
) -> Any:
    details = {"run": run.pk, "job": run.job, "attempt": run.attempt, "max_attempts": run.max_attempts, **(data or {})}
    return journal.draft(
        step=STEP, message=message, level=level, scope=SCOPE, data=details, actor=run.started_by, at=at
    )
