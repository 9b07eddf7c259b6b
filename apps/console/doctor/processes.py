"""Checks of the platform's own processes, by their heartbeats."""

from __future__ import annotations

from collections.abc import Iterator

from apps.broker import selectors as broker
from apps.console.doctor.verdicts import Check, fail, ok, warn
from apps.jobs import selectors as jobs
from tradeops.lib import clock


def check_processes() -> Iterator[Check]:
    yield _check_gateway()
    yield _check_worker()
    yield from _check_jobs()


def _check_gateway() -> Check:
    session = broker.session(now=clock.now())
    if session.is_stale:
        return fail("gateway", session.reason, "Start the platform with `manage.py up`, or `manage.py gateway`.")
    detail = f"{session.state}{': ' + session.reason if session.reason else ''}"
    return ok("gateway", detail) if session.is_ready else warn("gateway", detail, "See the runbook, session states.")


def _check_worker() -> Check:
    worker = jobs.worker_state(now=clock.now())
    if worker.is_alive:
        return ok("worker", f"{worker.busy} of {worker.workers} busy, queue proven at {worker.canary_at:%H:%M:%S} UTC")
    return fail("worker", worker.reason, "Start the platform with `manage.py up`, or `manage.py worker`.")


def _check_jobs() -> Iterator[Check]:
    for job in jobs.job_overview(now=clock.now()):
        detail = f"{job.status or 'never run'}, next {job.next_due_text}"
        if job.status == "failed":
            yield warn(f"job {job.name}", detail, f"See its run in the admin, then `manage.py run_job {job.name}`.")
        else:
            yield ok(f"job {job.name}", detail)
