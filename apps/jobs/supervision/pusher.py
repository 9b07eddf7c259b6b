"""Takes from the queue exactly what free worker processes can work off, the moment that there is something.

It sleeps until an entry is announced (NOTIFY `jobs_queue`), a worker process becomes free, or the next entry's time has
come; and looks at least once a second, should an announcement be lost. One of a job's runs is taken at a time, several
only for one process, which works them off in turn. Killed at any point it loses nothing: entries that it has taken are
released after `recovery.FORGOTTEN`.
"""

from __future__ import annotations

import logging
import os
import select
import uuid
from collections.abc import Iterable
from typing import Any

import psycopg
from django.conf import settings
from django.utils import timezone
from django_q.conf import Conf

from apps.jobs.queue import CANARY, CANARY_PAYLOAD, CHANNEL, PERFORM, WORKER_VARIABLE, Entry, canary_key
from apps.jobs.supervision.channels import Flag
from apps.jobs.supervision.seats import Seats
from tradeops.lib.listen import conninfo

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
AWAY_SECONDS = 0.5
CANARY_TIMEOUT = 10

TAKE = """
WITH due AS MATERIALIZED (
    SELECT id FROM django_q_ormq entry
     WHERE key = ANY(%(keys)s) AND lock <= now()
       AND split_part(payload, ' of ', 2) <> ALL(%(held)s)
       AND NOT EXISTS (SELECT FROM jobs_jobrun
                        WHERE state = 'running' AND job = split_part(entry.payload, ' of ', 2))
     ORDER BY lock, id LIMIT %(most)s FOR UPDATE OF entry SKIP LOCKED
)
UPDATE django_q_ormq entry SET lock = now() + make_interval(secs => %(retry)s)
  FROM due WHERE entry.id = due.id
RETURNING entry.id, entry.payload
"""

# Entries of a job that is running are due, too: its end rings the bell here, or elsewhere is seen at the next look.
NEXT = (
    "SELECT extract(epoch FROM min(lock) - now())::float FROM django_q_ormq WHERE key = ANY(%(keys)s) AND lock > now()"
)


class Pusher:
    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._connection: psycopg.Connection[Any] | None = None
        self._held: dict[int, set[str]] = {}
        self._keys = [Conf.CLUSTER_NAME, canary_key(os.environ.get(WORKER_VARIABLE, ""))]

    def run(self, stop: Flag) -> None:
        """The pusher process: until `stop` is set."""
        while not stop.is_set():
            for task in self.next_tasks():
                self._seats.put(task)

    def next_tasks(self) -> list[dict[str, Any]]:
        """What free processes are to do now; empty after at most a second."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._seats.bell.silence()
            return self._take(self._connection) or self._wait(self._connection)
        except psycopg.Error as error:
            logger.warning("the queue cannot be read: %s", error)
            self.disconnect()
            select.select([self._seats.bell], [], [], AWAY_SECONDS)
            return []

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(conninfo(), autocommit=True, prepare_threshold=1)
        # An entry taken and forgotten in a crash of the server is simply taken again: no need to wait for its disk.
        connection.execute("SET synchronous_commit = off")
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _take(self, connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
        free = self._seats.free()
        if not free:
            return []
        self._forget_claimed(free)
        values = {
            "keys": self._keys,
            "held": [job for jobs in self._held.values() for job in jobs],
            "most": sum(self._seats.all[number].runs_at_once for number in free),
            "retry": settings.Q_CLUSTER["retry"],
        }
        rows = sorted(connection.execute(TAKE, values).fetchall())
        return self._hand_out(connection, rows, free) if rows else []

    def _forget_claimed(self, free: list[int]) -> None:
        """Jobs are remembered only until the database itself shows that their runs are in hand."""
        for number in list(self._held):
            if number in free or self._seats.all[number].has_claimed:
                del self._held[number]

    def _hand_out(self, connection: psycopg.Connection[Any], rows: list[Any], free: list[int]) -> list[dict[str, Any]]:
        entries = {entry: Entry.read(entry, payload) for entry, payload in rows}
        canaries = [entry for entry, payload in rows if payload == CANARY_PAYLOAD]
        strange = [entry for entry, read in entries.items() if read is None and entry not in canaries]
        if strange:
            logger.error("queue entries %s are not ours: removed, not run", strange)
            connection.execute("DELETE FROM django_q_ormq WHERE id = ANY(%s)", [strange])
        tasks = [canary_task(entry, free[0]) for entry in canaries]
        shares = self._share([read for read in entries.values() if read], free)
        for number, share in shares.items():
            self._held[number] = {entry.job for entry in share}
            tasks.append(run_task(share, number))
        for number in {*shares, *free[: min(1, len(canaries))]}:
            self._seats.all[number].take()
        return tasks

    def _share(self, entries: Iterable[Entry], free: list[int]) -> dict[int, list[Entry]]:
        """All runs of a job to one process, jobs spread evenly, each process's runs oldest first."""
        jobs: dict[str, list[Entry]] = {}
        for entry in entries:
            jobs.setdefault(entry.job, []).append(entry)
        shares: dict[int, list[Entry]] = {number: [] for number in free}
        for of_job in jobs.values():
            least = min(free, key=lambda number: len(shares[number]))
            shares[least] += of_job
        return {number: sorted(share, key=lambda entry: entry.id) for number, share in shares.items() if share}

    def _wait(self, connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
        if any(connection.notifies(timeout=0, stop_after=1)):
            return []
        pause = LOOK_SECONDS
        if self._seats.free():
            row = connection.execute(NEXT, {"keys": self._keys}).fetchone()
            pause = min(pause, row[0]) if row and row[0] is not None else pause
            if any(connection.notifies(timeout=0, stop_after=1)):
                return []
            select.select([connection.fileno(), self._seats.bell.fileno()], [], [], max(0.0, pause))
        else:
            select.select([self._seats.bell], [], [], pause)
        return []


def run_task(entries: list[Entry], seat: int) -> dict[str, Any]:
    """Acknowledged by nobody else: the worker removes each entry with the end of its run."""
    plain = [(entry.id, entry.run, entry.attempt, entry.job) for entry in entries]
    return task(0, PERFORM, (plain,), seat, settings.Q_CLUSTER["retry"] // 2)


def canary_task(entry: int, seat: int) -> dict[str, Any]:
    return task(entry, CANARY, (), seat, CANARY_TIMEOUT)


def task(entry: int, function: str, arguments: tuple[Any, ...], seat: int, timeout: int) -> dict[str, Any]:
    """As django-q2's worker and monitor know it."""
    return {
        "id": uuid.uuid4().hex,
        "name": function.rpartition(".")[2],
        "func": function,
        "args": arguments,
        "kwargs": {},
        "started": timezone.now(),
        "timeout": timeout,
        "save": False,
        "ack_failure": True,
        "ack_id": entry,
        "cluster": Conf.CLUSTER_NAME,
        "seat": seat,
    }
