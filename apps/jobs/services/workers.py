"""What workers say of themselves."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from apps.jobs.models import WorkerHeartbeat
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

STEP = "Worker"
SCOPE = "jobs"


def register_worker(*, name: str, host: str, pid: int, workers: int, now: datetime) -> None:
    WorkerHeartbeat.objects.create(name=name, host=host, pid=pid, workers=workers, started_at=now, heartbeat_at=now)
    journal.record(step=STEP, message=f"worker started: {name}", scope=SCOPE, actor=name)


def update_heartbeat(*, name: str, now: datetime, busy: int, cluster_pid: int | None, replacements: int) -> int:
    """Say that the worker lives; how many canaries have come back so far."""
    mine = WorkerHeartbeat.objects.filter(name=name)
    mine.update(heartbeat_at=now, busy=busy, cluster_pid=cluster_pid, replacements=replacements)
    return mine.values_list("canaries", flat=True).first() or 0


def hear_canary(*, worker: str) -> None:
    """Called by a task that went the whole way through the queue of `worker`."""
    WorkerHeartbeat.objects.filter(name=worker).update(canary_at=clock.now(), canaries=F("canaries") + 1)


def say_stopped(*, name: str, now: datetime) -> None:
    WorkerHeartbeat.objects.filter(name=name).update(stopped_at=now, heartbeat_at=now, busy=0, cluster_pid=None)
    journal.record(step=STEP, message=f"worker stopped: {name}", scope=SCOPE, actor=name)


@transaction.atomic
def say_replaced(*, name: str, host: str, reason: str) -> None:
    journal.record(
        step=STEP,
        message=f"job queue replaced: {reason}",
        level=Level.WARN,
        scope=SCOPE,
        data={"worker": name, "reason": reason},
        actor=name,
    )
    title, detail = f"The job queue on {host} was replaced", f"{reason}. Its work was given back and goes on."
    journal.open_incident(key=incident_key(host), title=title, detail=detail, scope=SCOPE, actor=name)


def say_proven(*, name: str, host: str) -> None:
    """The queue that came in place of another works."""
    journal.resolve_incident(key=incident_key(host), detail="The new queue has proven that it works.", actor=name)


def incident_key(host: str) -> str:
    return f"job-queue:{host}"
