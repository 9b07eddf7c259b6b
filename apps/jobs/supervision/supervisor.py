"""`manage.py worker`: keeps the queue alive, hands out due jobs by its own clock, and finds what the dead left.

Of the queue's processes django-q2's sentinel replaces dead workers, the pusher and the monitor within an eighth of a
second; this process, django-q2's master and sentinel, and whatever has frozen.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from apps.jobs import marks, queue, selectors, services, status
from apps.jobs.domain.liveness import CanaryWatch
from apps.jobs.supervision import orphans
from apps.jobs.supervision.cluster import QueueCluster
from apps.jobs.supervision.dispatcher import Dispatcher
from apps.journal.services import Courier
from tradeops.lib import clock

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.5
CANARY_SECONDS = 5.0
REQUEUE_SECONDS = 1.0
RESTART_PAUSE_SECONDS = 2.0


class Supervisor:
    def __init__(self) -> None:
        self.host = socket.gethostname()
        self.name = f"{self.host}-{os.getpid()}-{secrets.token_hex(3)}"
        self.workers: int = settings.Q_CLUSTER["workers"]
        self.replacements = 0
        self._cluster = QueueCluster(self.name)
        self._dispatcher = Dispatcher()
        self._watch = CanaryWatch(since=time.monotonic())
        self._canaries_heard = 0
        self._next_canary = self._next_requeue = self._next_status = 0.0
        self._database_lost = self._replacement_is_open = False
        self._stopping = threading.Event()
        self._courier = Courier()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then stop within 8 s and give running work back."""
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        self._begin()
        self._courier.start()
        try:
            while not self._stopping.is_set():
                self._turn()
                self._stopping.wait(TURN_SECONDS)
        finally:
            self._dispatcher.stop()
            self._cluster.stop()
            self._courier.stop()
            self._with_database(self._end)
            marks.remove(self.name)

    def _ask_to_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _begin(self) -> None:
        now = clock.now()
        orphans.kill_leftovers()
        services.register_worker(name=self.name, host=self.host, pid=os.getpid(), workers=self.workers, now=now)
        services.ensure_schedules(now=now)
        self._start_cluster()
        self._dispatcher.start()

    def _end(self) -> None:
        now = clock.now()
        services.recover_from(worker=self.name, reason="the worker was stopped before the job ended", now=now)
        services.say_stopped(name=self.name, now=now)

    def _start_cluster(self) -> None:
        self._cluster.start()
        self._watch.starts(time.monotonic())
        # The first canary waits in the queue already: the new queue is proven as soon as it takes anything.
        self._next_canary = 0.0

    def _turn(self) -> None:
        if self._cluster.has_ended():
            self._replace("its processes have ended")
        if not self._with_database(self._look_after_runs):
            return
        reason = self._watch.verdict(time.monotonic())
        if reason is not None:
            self._replace(reason)

    def _look_after_runs(self) -> None:
        now, moment = clock.now(), time.monotonic()
        services.end_lost_runs(now=now)
        services.end_runs_of_dead_processes(worker=self.name, is_alive=orphans.is_alive, now=now)
        if moment >= self._next_requeue:
            self._next_requeue = moment + REQUEUE_SECONDS
            services.requeue_forgotten(now=now)
        if moment >= self._next_status:
            self._next_status = moment + status.WRITE_SECONDS
            status.keep_status_file(now=now)
        self._listen_for_canaries(moment)

    def _listen_for_canaries(self, moment: float) -> None:
        busy = selectors.count_busy(worker=self.name)
        canaries = services.update_heartbeat(
            name=self.name,
            now=clock.now(),
            busy=busy,
            cluster_pid=self._cluster.pid,
            replacements=self.replacements,
        )
        if canaries > self._canaries_heard:
            self._canaries_heard = canaries
            self._watch.hears_canary(moment)
            self._say_proven()
        if busy >= self.workers:
            self._watch.sees_no_free_worker(moment)
        elif moment >= self._next_canary:
            self._next_canary = moment + CANARY_SECONDS
            self._watch.unacknowledged = queue.count_canaries(worker=self.name)
            queue.put_canary(worker=self.name)

    def _say_proven(self) -> None:
        if self._replacement_is_open:
            services.say_proven(name=self.name, host=self.host)
            self._replacement_is_open = False

    def _replace(self, reason: str) -> None:
        """Kill every process of the queue, give its work back, start anew."""
        logger.warning("replacing the job queue: %s", reason)
        self._cluster.kill()
        self.replacements += 1
        self._with_database(lambda: self._give_back(reason))
        self._stopping.wait(RESTART_PAUSE_SECONDS if self._watch_is_new() else 0)
        if not self._stopping.is_set():
            self._start_cluster()

    def _watch_is_new(self) -> bool:
        """The queue ended soon after its start: it may do so again, do not spin."""
        return time.monotonic() - self._watch.since < RESTART_PAUSE_SECONDS

    def _give_back(self, reason: str) -> None:
        services.recover_from(worker=self.name, reason=f"the job queue was replaced: {reason}", now=clock.now())
        services.say_replaced(name=self.name, host=self.host, reason=reason)
        self._replacement_is_open = True

    def _with_database(self, work: Callable[[], None]) -> bool:
        """False when the database is away: the worker goes on without it and is patient when it comes back."""
        try:
            close_old_connections()
            work()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if not self._database_lost:
                logger.error("database not reachable: %s", str(error).strip())
            self._database_lost = True
            return False
        if self._database_lost:
            logger.warning("database reachable again")
            self._database_lost = False
            self._watch.starts(time.monotonic())
        return True
