"""How the scheduler and its jobs stand, for machines: `/status` answers it and a file keeps it."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.jobs import selectors
from apps.jobs.selectors import JobStatus

logger = logging.getLogger(__name__)

FILE_NAME = "scheduler_status.json"
WRITE_SECONDS = 15.0
MESSAGE_LENGTH = 500


def scheduler_status(*, now: datetime) -> dict[str, Any]:
    """Moments are ISO 8601 with +00:00; what has never been is null."""
    worker = selectors.worker_state(now=now)
    return {
        "scheduler_started": iso(worker.started_at),
        "last_heartbeat": iso(worker.heartbeat_at),
        "jobs": job_statuses(now=now),
    }


def job_statuses(*, now: datetime) -> dict[str, dict[str, Any]]:
    return {job.name: job_status(job) for job in selectors.job_overview(now=now)}


def job_status(job: JobStatus) -> dict[str, Any]:
    run = job.last_run
    return {
        "last_start": iso((run.started_at or run.created_at) if run else None),
        "last_end": iso(run.ended_at if run else None),
        "status": job.status or None,
        "message": message_of(job),
        "last_success": iso(job.last_success_at),
    }


def message_of(job: JobStatus) -> str | None:
    """Why it failed, or what the job itself says of its result."""
    run = job.last_run
    if run is None:
        return None
    said = run.result.get("message") if isinstance(run.result, dict) else None
    return (run.error or said or run.progress_text or run.get_state_display())[:MESSAGE_LENGTH]


def write_status_file(*, now: datetime) -> Path:
    """Replace the status file as a whole: who reads it finds the old one or the new one. Raises OSError."""
    path = Path(settings.LOG_DIR) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(scheduler_status(now=now), indent=2) + "\n"
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{FILE_NAME}.", delete=False) as draft:
        try:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).chmod(0o644)
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise
    sync_folder(path.parent)
    return path


def keep_status_file(*, now: datetime) -> None:
    """As `write_status_file`, for the worker: a full disk must not stop jobs that need none."""
    try:
        write_status_file(now=now)
    except OSError as error:
        logger.warning("%s could not be written: %s", FILE_NAME, error)


def sync_folder(folder: Path) -> None:
    """Without it a power cut may bring the old name back."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
