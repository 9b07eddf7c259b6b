"""Why does nothing run? Each check looks for itself, and names the remedy with paths that can be pasted."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Min

from apps.jobs import registry
from apps.jobs.choices import UNFINISHED, WAITING, RunState
from apps.jobs.domain.wording import span
from apps.jobs.models import JobRun, JobSchedule, JobsPause
from apps.jobs.selectors import WorkerState

# A free worker takes a run within a second.
PATIENCE = timedelta(seconds=30)
CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Check:
    """`is_good` is None for what is neither good nor bad. `remedy` is empty when all is well."""

    question: str
    is_good: bool | None
    found: str
    remedy: str = ""
    command: str = ""

    @property
    def tone(self) -> str:
        return {True: "good", False: "bad", None: "warning"}[self.is_good]


def manage(command: str) -> str:
    """The command with absolute paths: it works from cron, systemd and any folder."""
    return f"{sys.executable} {manage_file()} {command}"


def manage_file() -> Path:
    return Path(settings.BASE_DIR) / "manage.py"


def checks(*, worker: WorkerState, pause: JobsPause | None, now: datetime) -> list[Check]:
    """In the order in which a run comes about."""
    schedules = list(JobSchedule.objects.all())
    return [
        _scheduler(worker, now),
        _queue(worker, now),
        _registered(schedules),
        _planned(schedules),
        _pause(pause, now),
        _capacity(worker),
        _waiting(now),
        _running(now),
        _clock(now),
        _command(),
    ]


def _scheduler(worker: WorkerState, now: datetime) -> Check:
    question = "Is the scheduler service alive?"
    if worker.heartbeat_at is None:
        return Check(
            question, False, "No worker has ever run.", "Start the platform, or the worker alone:", manage("worker")
        )
    age = span(now - worker.heartbeat_at)
    if worker.workers == 0:
        remedy = "Start it; where systemd runs the platform: systemctl restart tradeops-worker."
        return Check(question, False, f"{worker.reason.capitalize()}: last heard {age} ago.", remedy, manage("worker"))
    return Check(question, True, f"The worker's heartbeat is {age} old.")


def _queue(worker: WorkerState, now: datetime) -> Check:
    question = "Does work go through the queue?"
    if worker.is_alive and worker.canary_at is not None:
        return Check(question, True, f"A test task came through {span(now - worker.canary_at)} ago.")
    if worker.is_alive:
        return Check(question, True, "Every worker process is busy with a job.")
    remedy = "The worker replaces a wedged queue within 30 s by itself. If it does not, restart it and read its log."
    found = "No test task has come through lately." if worker.workers else "Nothing can: no worker lives."
    return Check(question, False, found, remedy if worker.workers else "Start the worker first.")


def _registered(schedules: list[JobSchedule]) -> Check:
    question = "Is every job registered?"
    declared, rows = {job.name for job in registry.all_jobs()}, {schedule.job for schedule in schedules}
    if missing := sorted(declared - rows):
        return Check(question, False, f"No schedule row: {', '.join(missing)}.", "Create the rows:", manage("migrate"))
    if unknown := sorted(schedule.job for schedule in schedules if schedule.enabled and schedule.job not in declared):
        remedy = "They never run: switch their schedules off, or install the version that has them."
        return Check(question, None, f"Not in this version: {', '.join(unknown)}.", remedy)
    return Check(question, True, f"{len(declared)} jobs, each with its schedule.")


def _planned(schedules: list[JobSchedule]) -> Check:
    question = "Is anything planned?"
    off = sorted(schedule.job for schedule in schedules if not schedule.enabled)
    by_hand = sorted(schedule.job for schedule in schedules if schedule.enabled and schedule.plan.is_empty)
    following = min((at for schedule in schedules if schedule.enabled and (at := schedule.next_due_at)), default=None)
    asides = "".join(
        f" {label}: {', '.join(names)}." for label, names in (("Switched off", off), ("By hand only", by_hand)) if names
    )
    if following is None:
        return Check(question, False, f"Nothing is.{asides}", "Enable a schedule under Job schedules.")
    return Check(question, None if off else True, f"Next: {following:%Y-%m-%d %H:%M} UTC.{asides}",
                 "Switch on under Job schedules what should run." if off else "")  # fmt: skip


def _pause(pause: JobsPause | None, now: datetime) -> Check:
    question = "Is everything paused?"
    if pause is None:
        return Check(question, True, "No.")
    found = f"Yes, by {pause.paused_by} {span(now - pause.paused_at)} ago: {pause.reason or 'no reason given'}."
    return Check(question, False, found, "Press Resume above when the reason is gone.")


def _capacity(worker: WorkerState) -> Check:
    question = "Is a worker process free?"
    if not worker.workers:
        return Check(question, False, "There are none.", "Start the worker.")
    found = f"{worker.busy} of {worker.workers} busy."
    if worker.busy < worker.workers:
        return Check(question, True, found)
    return Check(question, None, found, "Runs wait until one ends: cancel one, or set WORKER_PROCESSES higher.")


def _waiting(now: datetime) -> Check:
    question = "Does a run wait that should not?"
    overdue = JobRun.objects.filter(state__in=WAITING, next_attempt_at__lt=now - PATIENCE)
    oldest = overdue.aggregate(oldest=Min("next_attempt_at"))["oldest"]
    if oldest is None:
        return Check(question, True, "No.")
    running = JobRun.objects.filter(state=RunState.RUNNING).values_list("job", flat=True)
    behind = f" {', '.join(sorted(set(running)))} runs now." if running else ""
    remedy = "One job never runs twice at once: a run waits for the earlier one. Cancel what is no longer wanted."
    return Check(question, False, f"Yes, the oldest for {span(now - oldest)}.{behind}", remedy)


def _running(now: datetime) -> Check:
    question = "Is a run stuck?"
    unled = JobRun.objects.filter(state=RunState.RUNNING, lease_until__lt=now).count()
    if unled:
        remedy = "A living worker ends them within seconds and tries again: see that one lives."
        return Check(question, False, f"{unled} without a living process.", remedy)
    going = JobRun.objects.filter(state__in=UNFINISHED).count()
    return Check(question, True, f"No. {going} unfinished." if going else "No, nothing runs now.")


def _clock(now: datetime) -> Check:
    question = "Do the clocks agree?"
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() - %s", [now])
        ahead = cursor.fetchone()[0]
    if abs(ahead) <= CLOCK_TOLERANCE:
        return Check(question, True, "This host and the database agree.")
    return Check(
        question,
        False,
        f"They are {span(abs(ahead))} apart.",
        "Switch time synchronisation on:",
        "timedatectl set-ntp true",
    )


def _command() -> Check:
    question = "Can the command be executed?"
    program = manage_file()
    if not (program.is_file() and os.access(program, os.R_OK)):
        return Check(
            question, False, f"{program} cannot be read.", f"Give it to this user: chown {os.getuid()} {program}"
        )
    if not os.access(sys.executable, os.X_OK):
        return Check(question, False, f"{sys.executable} cannot be executed.", "Make the environment anew: make run")
    return Check(question, True, "Yes. By hand, from any folder:", "", manage("run_job job_cleanup"))
