"""The rows of django-q2's queue table: what is to be done, by ids only, and not before when.

A payload is plain text, never a pickle: whoever can write to the table can at most ask for a declared job's run that
exists and waits. `lock` is the moment from which an entry may be taken; taking it sets it ahead by Q_CLUSTER["retry"].
It is told by the database's clock, which decides: a worker whose own clock jumped must not put work off by an hour.
Every new or released entry is announced (NOTIFY `jobs_queue`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from tradeops.lib import clock

PERFORM = "apps.jobs.execution.perform"
CANARY = "apps.jobs.execution.answer_canary"
CANARY_PAYLOAD = "canary"
WORKER_VARIABLE = "TRADEOPS_WORKER"
CHANNEL = "jobs_queue"

FORM = "run %s attempt %s of %s"
PAYLOAD = re.compile(r"run (\d{1,18}) attempt (\d{1,5}) of (\S{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt of one run, with its place in the queue."""

    id: int
    run: int
    attempt: int
    job: str

    @classmethod
    def read(cls, entry: int, payload: str) -> Self | None:
        """None for what is not one of ours."""
        words = PAYLOAD.fullmatch(payload)
        return cls(entry, int(words[1]), int(words[2]), words[3]) if words else None


class JobQueue(ORM):
    """Named in Q_CLUSTER["broker_class"]: nothing but `supervision.pusher` takes entries from the queue."""

    def dequeue(self) -> list[tuple[int, str]]:
        return []


def canary_key(worker: str) -> str:
    """Every worker has canaries of its own: another's answer would prove nothing about this one."""
    return f"canary:{worker}"[:100]


def put_run(*, run_id: int, attempt: int, job: str, not_before: datetime, entry: int | None = None) -> int:
    """Queue attempt `attempt` of a run, in the place of the run's former `entry`; the id of the entry."""
    payload, lock = FORM % (run_id, attempt, job), Now() + (not_before - clock.now())
    if entry and OrmQ.objects.filter(pk=entry).update(payload=payload, lock=lock):
        announce()
        return entry
    return int(OrmQ.objects.create(key=Conf.CLUSTER_NAME, payload=payload, lock=lock).pk)


def put_canary(*, worker: str) -> None:
    OrmQ.objects.create(key=canary_key(worker), payload=CANARY_PAYLOAD, lock=Now())


def count_canaries(*, worker: str) -> int:
    return OrmQ.objects.filter(key=canary_key(worker)).count()


def remove_canaries(*, worker: str) -> None:
    OrmQ.objects.filter(key=canary_key(worker)).delete()


def remove(entries: Sequence[int]) -> None:
    OrmQ.objects.filter(pk__in=entries).delete()


def find_lock(entry: int | None) -> datetime | None:
    """None when the entry is gone."""
    return OrmQ.objects.filter(pk=entry).values_list("lock", flat=True).first() if entry else None


def release(entries: Sequence[int]) -> None:
    """Let any worker take these entries at once."""
    if OrmQ.objects.filter(pk__in=entries, lock__gt=Now()).update(lock=Now()):
        announce()


def release_held(*, now: datetime, after: timedelta) -> int:
    """Release the entries that some worker took `after` ago and whose runs are due, yet not claimed."""
    values: dict[str, Any] = {
        "due": now - after,
        "ahead": now - clock.now(),
        "after": after,
        "retry": timedelta(seconds=settings.Q_CLUSTER["retry"]),
    }
    with connection.cursor() as cursor:
        cursor.execute(RELEASE_HELD, values)
        released = int(cursor.rowcount)
    if released:
        announce()
    return released


RELEASE_HELD = """
UPDATE django_q_ormq entry SET lock = clock_timestamp()
  FROM jobs_jobrun run
 WHERE run.state IN ('queued', 'waiting-retry') AND run.next_attempt_at <= %(due)s AND run.queue_entry = entry.id
   AND entry.lock > clock_timestamp() + %(ahead)s
   AND entry.lock - %(retry)s <= clock_timestamp() + %(ahead)s - %(after)s
"""


def announce() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
