"""Following a run from a terminal until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from apps.jobs import selectors
from apps.jobs.choices import UNFINISHED, RunState
from apps.jobs.exceptions import NoWorker
from apps.jobs.models import JobRun
from tradeops.lib import clock

LOOK_SECONDS = 0.3
STARTING_SECONDS = 10.0
LOST_SECONDS = 45.0
REMEDY = "Start the platform with `manage.py up`, or a worker alone with `manage.py worker`."


def require_worker(seconds: float = STARTING_SECONDS) -> None:
    """Raises NoWorker when none proves that it works within `seconds`: one may just be starting."""
    deadline = time.monotonic() + seconds
    while not (state := selectors.worker_state(now=clock.now())).is_alive:
        starting = state.heartbeat_at is not None and state.workers > 0
        if not starting or time.monotonic() > deadline:
            raise NoWorker(f"Nothing would run the job: {state.reason}. {REMEDY}")
        time.sleep(LOOK_SECONDS)


def follow(run_id: int, show: Callable[[JobRun], None]) -> JobRun:
    """Call `show` with the run as it goes on, until it has ended.

    Raises NoWorker when all workers are gone; the run stays in the queue.
    """
    seen_alive = time.monotonic()
    while True:
        run = selectors.find_run(run_id=run_id)
        show(run)
        if run.state not in UNFINISHED:
            return run
        if selectors.worker_is_alive(now=clock.now()):
            seen_alive = time.monotonic()
        if time.monotonic() - seen_alive > LOST_SECONDS:
            raise NoWorker(f"The worker is gone; run {run_id} waits in the queue for the next one. {REMEDY}")
        time.sleep(LOOK_SECONDS)


def describe(run: JobRun, now: datetime) -> str:
    """One line on where the run stands."""
    if run.state == RunState.WAITING_RETRY and run.next_attempt_at:
        seconds = max(0, round((run.next_attempt_at - now).total_seconds()))
        return f"attempt {run.attempt} of {run.max_attempts} failed: {run.error} - again in {seconds} s"
    if run.state == RunState.RUNNING:
        return f"attempt {run.attempt} of {run.max_attempts} {run.progress_text}".rstrip()
    return run.get_state_display().lower()
