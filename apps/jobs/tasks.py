from __future__ import annotations

from datetime import timedelta
from typing import Any

from django_q.models import Task

from apps.jobs import marks
from apps.jobs.context import JobContext
from apps.jobs.models import WorkerHeartbeat
from apps.jobs.registry import job

KEPT = timedelta(days=7)


@job(name="job_cleanup", title="Clean up the job queue", cron="17 3 * * *", timeout=60)
def job_cleanup(context: JobContext) -> dict[str, Any]:
    """Remove what only the queue needed: django-q2's own results and stopped workers. Runs are kept."""
    before = context.now - KEPT
    results, _ = Task.objects.filter(stopped__lt=before).delete()
    gone = WorkerHeartbeat.objects.filter(heartbeat_at__lt=before)
    for name in gone.values_list("name", flat=True):
        marks.remove(name)
    workers, _ = gone.delete()
    return {"results_removed": results, "workers_removed": workers}
