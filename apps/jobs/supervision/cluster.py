"""django-q2's processes as one thing that can be started, stopped and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from django.conf import settings

from apps.jobs.queue import WORKER_VARIABLE
from apps.jobs.supervision.orphans import COMMAND

# `up` waits 5 s for its programs: until then what still runs must have been given back.
DRAIN_SECONDS = 3.0
KILL_SECONDS = 2.0


class QueueCluster:
    """A `manage.py jobcluster` child that leads a process group of its own.

    Start it from the main thread: the kernel's parent-death signal is bound to the thread that forks.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        manage = str(Path(settings.BASE_DIR) / "manage.py")
        command = [sys.executable, manage, COMMAND, "--worker", self._worker, "--parent", str(os.getpid())]
        # A connection pool does not survive the forks of the queue.
        environment = {**os.environ, WORKER_VARIABLE: self._worker, "DATABASE_POOL_SIZE": "0"}
        self._process = subprocess.Popen(  # noqa: S603 - own program, no shell
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """Let running work end for a few seconds, then kill: afterwards no process of the group is left."""
        if self._process is None:
            return
        if self._process.poll() is None:
            # The master only: a signal to the whole group hangs django-q2's stop.
            self._process.send_signal(signal.SIGTERM)
            self._wait_for_end(DRAIN_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGKILL the whole group and wait until it is gone."""
        if self._process is None:
            return
        group = self._process.pid
        deadline = time.monotonic() + KILL_SECONDS
        while group_lives(group) and time.monotonic() < deadline:
            _kill_group(group)
            self._process.poll()
            time.sleep(0.02)
        self._process = None

    def _wait_for_end(self, seconds: float) -> None:
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def group_lives(group: int) -> bool:
    """Zombies do not count: their parent may be a container's init that never collects them."""
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return False
