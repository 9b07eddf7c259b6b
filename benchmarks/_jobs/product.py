"""TradeOps: the product's worker on the product's tables, driven by `python -m benchmarks._jobs.product`."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

from benchmarks._jobs.driving import drive, setup_django, wait_until, wait_until_true

SETTINGS = "benchmarks._jobs.product_settings"


def backlog(count: int, jobs: int = 0) -> float:
    from django.db import transaction

    from apps.jobs import registry, services
    from apps.jobs.models import JobRun
    from benchmarks._jobs.product_app.tasks import JOBS
    from tradeops.lib import clock

    before = JobRun.objects.filter(state="succeeded").count()
    with transaction.atomic():
        for number in range(count):
            job = registry.find(f"bench_{number % (jobs or JOBS)}")
            services.request_run(job=job, started_by="benchmark", now=clock.now())
    begun = time.perf_counter()
    wait_until_true("SELECT NOT EXISTS (SELECT FROM django_q_ormq WHERE key = 'default')")
    seconds = time.perf_counter() - begun
    assert JobRun.objects.filter(state="succeeded", attempt=1).count() == before + count
    return seconds


def backlog_of_one_job(count: int) -> float:
    return backlog(count, jobs=1)


def latency(count: int) -> list[float]:
    return [one_latency() for _ in range(count)]


def one_latency() -> float:
    from apps.jobs import registry, services
    from tradeops.lib import clock

    time.sleep(random.random() / 10)
    begun = time.perf_counter()
    run = services.request_run(job=registry.find("bench_0"), started_by="benchmark", now=clock.now())
    wait_until_true("SELECT state = 'succeeded' FROM jobs_jobrun WHERE id = %s", run.pk, pause=0.0005)
    return time.perf_counter() - begun


def lateness(due: list[float]) -> list[float]:
    """Seconds between each due time and the start of its run."""
    from apps.jobs.models import JobRun, JobSchedule

    moments = [datetime.fromtimestamp(moment, UTC) for moment in due]
    for number, moment in enumerate(moments):
        JobSchedule.objects.filter(job=f"bench_{number}").update(
            cron="0 0 1 1 *", grace_minutes=60, enabled=True, next_due_at=moment
        )
    mine = JobRun.objects.filter(slot__in=moments, started_at__isnull=False)
    wait_until(lambda: mine.count() == len(due), seconds=max(due) - time.time() + 60)
    started = dict(mine.values_list("slot", "started_at"))
    return [(started[moment] - moment).total_seconds() for moment in moments]


if __name__ == "__main__":
    setup_django(SETTINGS)
    drive(backlog=backlog, backlog_of_one_job=backlog_of_one_job, latency=latency, lateness=lateness)
