"""django-q2's queue in PostgreSQL, hardened: oldest first, known functions only, own canaries, entries for later."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from time import sleep
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

logger = logging.getLogger(__name__)

PERFORM = "apps.jobs.execution.perform"
CANARY = "apps.jobs.execution.answer_canary"
ALLOWED = frozenset({PERFORM, CANARY})
CANARY_TIMEOUT = 10
WORKER_VARIABLE = "TRADEOPS_WORKER"


def canary_key(worker: str) -> str:
    """Every worker has canaries of its own: another's answer would prove nothing about this one."""
    return f"canary:{worker}"[:100]


class JobQueue(ORM):
    """Named in Q_CLUSTER["broker_class"]."""

    def dequeue(self) -> list[tuple[int, str]]:
        keys = [self.list_key, canary_key(os.environ.get(WORKER_VARIABLE, ""))]
        entry = self.get_connection().filter(key__in=keys, lock__lte=timezone.now()).order_by("lock", "id").first()
        if entry is None:
            sleep(Conf.POLL)
            return []
        redelivered_at = timezone.now() + timedelta(seconds=Conf.RETRY)
        if not self.get_connection().filter(pk=entry.pk, lock=entry.lock).update(lock=redelivered_at):
            return []
        if not is_allowed(entry.payload):
            logger.error("queue entry %s is not one of ours: removed, not run", entry.pk)
            self.get_connection().filter(pk=entry.pk).delete()
            return []
        return [(entry.pk, entry.payload)]


class _Later(JobQueue):
    """Enqueues under `key`, not before a time, and remembers the entry's id."""

    def __init__(self, key: str, not_before: datetime) -> None:
        super().__init__(list_key=key)
        self.not_before = not_before
        self.entry = 0

    def enqueue(self, task: str) -> int:
        self.entry = self.get_connection().create(key=self.list_key, payload=task, lock=self.not_before).pk
        return self.entry


def is_allowed(payload: str) -> bool:
    try:
        package: Any = SignedPackage.loads(payload)
    except Exception:
        # Whatever unpickling raises: an entry that cannot be read must not stop those behind it.
        logger.warning("unreadable queue entry", exc_info=True)
        return False
    return (
        isinstance(package, dict)
        and isinstance(package.get("func"), str)
        and package["func"] in ALLOWED
        and not any(package.get(option) for option in ("hook", "chain", "sync"))
    )


def put_run(*, run_id: int, attempt: int, timeout: int, not_before: datetime) -> int:
    """Queue attempt `attempt` of a run; the id of the entry."""
    broker = _Later(Conf.CLUSTER_NAME, not_before)
    async_task(PERFORM, run_id, attempt, task_name=f"run {run_id}", timeout=timeout, save=False, broker=broker)
    return broker.entry


def put_canary(*, worker: str) -> None:
    broker = _Later(canary_key(worker), timezone.now())
    async_task(CANARY, task_name="canary", timeout=CANARY_TIMEOUT, save=False, broker=broker)


def count_canaries(*, worker: str) -> int:
    return OrmQ.objects.filter(key=canary_key(worker)).count()


def remove_canaries(*, worker: str) -> None:
    OrmQ.objects.filter(key=canary_key(worker)).delete()


def taken_since(lock: datetime, *, now: datetime) -> float | None:
    """For how many seconds some worker has held an entry; None when it waits to be taken."""
    retry = timedelta(seconds=settings.Q_CLUSTER["retry"])
    return (now - (lock - retry)).total_seconds() if lock > now else None


def find_lock(entry: int | None) -> datetime | None:
    """None when the entry is gone."""
    return OrmQ.objects.filter(pk=entry).values_list("lock", flat=True).first() if entry else None


def release(entries: list[int], *, now: datetime) -> None:
    """Let any worker take these entries at once."""
    OrmQ.objects.filter(pk__in=entries, lock__gt=now).update(lock=now)
