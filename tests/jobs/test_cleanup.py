from __future__ import annotations

from datetime import timedelta

import pytest
from django_q.models import Task

from apps.jobs import services
from apps.jobs.context import JobContext
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.jobs.tasks import job_cleanup
from tradeops.lib import clock


@pytest.mark.django_db
def test_cleanup_removes_old_results_and_workers_and_keeps_new_ones() -> None:
    now = clock.now()
    for name, age in (("old", 8), ("new", 1)):
        at = now - timedelta(days=age)
        Task.objects.create(id=name, name=name, func="f", started=at, stopped=at, success=True)
        services.register_worker(name=name, host="h", pid=1, workers=1, now=at)
    assert job_cleanup(JobContext(JobRun(), now)) == {"results_removed": 1, "workers_removed": 1}
    assert [task.name for task in Task.objects.all()] == ["new"]
    assert [worker.name for worker in WorkerHeartbeat.objects.all()] == ["new"]
