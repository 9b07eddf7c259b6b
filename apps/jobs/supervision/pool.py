"""django-q2's cluster with channels, timers and a pusher of our own: see `channels` for why."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable
from multiprocessing import Event, Process
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django_q.cluster import Cluster, Sentinel, get_mp_context
from django_q.monitor import monitor
from django_q.worker import worker

from apps.jobs import marks, workplace
from apps.jobs.queue import WORKER_VARIABLE, JobQueue
from apps.jobs.supervision.channels import Bell, Channel, Flag, Timer
from apps.jobs.supervision.pusher import Pusher
from apps.jobs.supervision.seats import Seat, Seats

START_PAUSE_SECONDS = 0.02


class JobCluster(Cluster):
    # django-q2 ships no types, and mypy's guesses of them are too narrow.
    stop_event: Any
    start_event: Any
    sentinel: Any

    def start(self) -> int:
        name_process("master")
        self.stop_event, self.start_event = Event(), Event()
        self.sentinel = get_mp_context().Process(
            target=JobSentinel,
            name=f"Process-{uuid.uuid4().hex}",
            args=(self.stop_event, self.start_event, self.cluster_id, None, self.timeout),
        )
        connections.close_all()
        self.sentinel.start()
        # Never wait() for the event: a signal in that moment would deadlock both.
        while self.start_event is not None and not self.start_event.is_set() and self.sentinel.is_alive():
            time.sleep(START_PAUSE_SECONDS)
        return os.getpid()


class JobSentinel(Sentinel):
    task_queue: Any
    result_queue: Any
    event_out: Any

    def __init__(self, stop: Any, start: Any, cluster_id: uuid.UUID, broker: Any, timeout: int | None) -> None:
        name_process("sentinel")
        Sentinel.__init__(self, stop, start, cluster_id, broker, timeout, start=False)
        bell = Bell()
        self.seats = self.task_queue = Seats(self.pool_size, bell)
        self.result_queue = Channel()
        self.event_out = Flag(bell)
        self.broker = JobQueue()
        marks.prepare(os.environ[WORKER_VARIABLE], self.pool_size)
        self._seat_of: dict[Process, int] = {}
        self.start()  # type: ignore[no-untyped-call]

    def spawn_worker(self) -> None:
        taken = {number for process, number in self._seat_of.items() if process in self.pool}
        number = next(number for number in range(self.pool_size) if number not in taken)
        timer = Timer()
        process = start("worker", sit_down, number, self.seats.all[number], timer, self.result_queue, self.timeout)
        process.timer = timer
        self.pool.append(process)
        self._seat_of = {process: number} | {old: taken for old, taken in self._seat_of.items() if old in self.pool}

    def spawn_monitor(self) -> Any:
        return start("monitor", monitor, self.result_queue, self.broker)

    def spawn_pusher(self) -> Any:
        return start("pusher", Pusher(self.seats).run, self.event_out)


def start(role: str, work: Callable[..., None], *arguments: Any) -> Any:
    process = get_mp_context().Process(target=play, args=(role, work, arguments), daemon=True)
    process.start()
    return process


def play(role: str, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    name_process(role)
    work(*arguments)


def name_process(role: str) -> None:
    """What `ps -o comm` and `top` show, on Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"job-{role}")


def sit_down(number: int, seat: Seat, timer: Timer, results: Channel, timeout: int | None) -> None:
    # Whether a connection still works shows when runs are claimed, which insists: no need to ask before each time.
    connections.settings[DEFAULT_DB_ALIAS]["CONN_HEALTH_CHECKS"] = False
    workplace.sit_down(number, seat, timer)
    worker(seat, results, timer, timeout)  # type: ignore[arg-type]
