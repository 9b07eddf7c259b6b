"""django-q2 at its default settings with its ORM broker, driven by `python -m benchmarks._jobs.usual`."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

from benchmarks._jobs.driving import drive, setup_django, wait_until, wait_until_true

SETTINGS = "benchmarks._jobs.usual_settings"


def noop() -> None:
    """Nothing: what is measured is the queue."""


def tell_time() -> float:
    return time.time()


def backlog(count: int) -> float:
    from django.db import transaction
    from django_q.tasks import async_task

    with transaction.atomic():
        for _ in range(count):
            async_task("benchmarks._jobs.usual.noop")
    begun = time.perf_counter()
    wait_until_true("SELECT NOT EXISTS (SELECT FROM django_q_ormq)")
    return time.perf_counter() - begun


def latency(count: int) -> list[float]:
    return [one_latency() for _ in range(count)]


def one_latency() -> float:
    from django_q.tasks import async_task

    time.sleep(random.random() / 10)
    begun = time.perf_counter()
    identity = async_task("benchmarks._jobs.usual.noop")
    wait_until_true("SELECT EXISTS (SELECT FROM django_q_task WHERE id = %s AND success)", identity, pause=0.0005)
    return time.perf_counter() - begun


def lateness(due: list[float]) -> list[float]:
    """Seconds between each due time and the start of its run."""
    from django_q.models import Schedule, Task

    for number, moment in enumerate(due):
        at = datetime.fromtimestamp(moment, UTC)
        Schedule.objects.create(
            name=f"due {number}", func="benchmarks._jobs.usual.tell_time", schedule_type=Schedule.ONCE, next_run=at
        )
    mine = Task.objects.filter(func="benchmarks._jobs.usual.tell_time")
    wait_until(lambda: mine.count() == len(due), seconds=max(due) - time.time() + 180)
    started = {task.group: task.result for task in mine}
    return [started[f"due {number}"] - moment for number, moment in enumerate(due)]


if __name__ == "__main__":
    setup_django(SETTINGS)
    drive(backlog=backlog, latency=latency, lateness=lateness)
