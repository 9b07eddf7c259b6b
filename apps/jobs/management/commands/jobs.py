from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from rich.table import Table

from apps.jobs import selectors
from apps.jobs.models import JobsPause
from apps.jobs.overview import current_pause
from apps.jobs.selectors import JobStatus, WorkerState
from tradeops.lib import clock
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "List the jobs: what they do, when they ran last and are due next."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        jobs, worker = selectors.job_overview(now=now), selectors.worker_state(now=now)
        if options["json"]:
            self.stdout.write(json.dumps([as_dict(job) for job in jobs], indent=2))
            return
        show(self.stdout, as_table(jobs), worker_line(worker), *pause_line(current_pause()))


def as_dict(job: JobStatus) -> dict[str, Any]:
    run = job.last_run
    moments = {
        "next_due": job.next_due_at,
        "last_start": run.started_at if run else None,
        "last_end": run.ended_at if run else None,
        "last_success": job.last_success_at,
    }
    return {
        "name": job.name,
        "title": job.title,
        "cron": job.cron,
        "time_zone": job.time_zone,
        "enabled": job.enabled,
        "status": job.status,
        "state": run.state if run else "",
        "condition": job.condition.word,
        "schedule": job.schedule_text,
        "error": run.error if run else "",
        **{name: at.isoformat() if at else None for name, at in moments.items()},
    }


def as_table(jobs: list[JobStatus]) -> Table:
    columns = ("Job", "What it does", "Schedule", "Next (UTC)", "On its clock", "Last run (UTC)", "State")
    table = Table(*columns, title="Jobs")
    for job in jobs:
        run = job.last_run
        started = f"{run.started_at:%Y-%m-%d %H:%M:%S}" if run and run.started_at else "-"
        table.add_row(
            job.name, job.title, job.schedule_text, next_text(job), job.next_local_text, started, job.condition.label
        )
    return table


def next_text(job: JobStatus) -> str:
    text = job.next_due_text.removesuffix(" UTC")
    return f"{text} (skipped)" if job.is_next_skipped else text


def pause_line(pause: JobsPause | None) -> list[str]:
    if pause is None:
        return []
    since = f"{pause.paused_at:%Y-%m-%d %H:%M} UTC"
    return [f"All schedules are paused since {since} by {pause.paused_by}: {pause.reason}"]


def worker_line(worker: WorkerState) -> str:
    if worker.is_alive:
        return f"Worker alive: {worker.busy} of {worker.workers} processes busy."
    return f"No job will run: {worker.reason}. Start the platform with `manage.py up`, or `manage.py worker`."
