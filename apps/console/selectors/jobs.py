"""The jobs as people and machines see them: what runs, what ran, what comes next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.jobs import overview
from apps.jobs import selectors as jobs
from apps.jobs.models import JobRun, JobsPause
from apps.jobs.selectors import JobStatus


def jobs_section(now: datetime) -> dict[str, Any]:
    worker = jobs.worker_state(now=now)
    return {
        "worker": {"is_alive": worker.is_alive, "reason": worker.reason, "as_of": worker.heartbeat_at},
        "pause": pause_row(overview.current_pause()),
        "rows": [job_row(job) for job in jobs.job_overview(now=now)],
    }


def pause_row(pause: JobsPause | None) -> dict[str, Any] | None:
    return {"by": pause.paused_by, "at": pause.paused_at, "reason": pause.reason} if pause else None


def unrun_row(run: JobRun | None) -> dict[str, Any] | None:
    """A slot that was not run, and why."""
    return {"run_id": run.pk, "state": run.state, "slot": run.slot, "why": run.error[:200]} if run else None


def job_row(job: JobStatus) -> dict[str, Any]:
    run = job.last_run
    return {
        "name": job.name,
        "title": job.title,
        "enabled": job.enabled,
        "schedule": job.schedule_text,
        "next_due_at": job.next_due_at,
        "is_next_skipped": job.is_next_skipped,
        "condition": job.condition.word,
        "condition_label": job.condition.label,
        "condition_tone": job.condition.tone,
        "unrun": unrun_row(job.unrun),
        "status": job.status,
        "run_id": run.pk if run else None,
        "started_at": (run.started_at or run.created_at) if run else None,
        "ended_at": run.ended_at if run else None,
        "error": run.error[:200] if run else "",
        "progress_done": run.progress_done if run else None,
        "progress_total": run.progress_total if run else None,
        "progress_text": run.progress_text if run else "",
        "last_success_at": job.last_success_at,
    }


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
