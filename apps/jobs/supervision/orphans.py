"""Queue processes never outlive their supervisor."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time

import psutil

from apps.jobs.models import WorkerHeartbeat

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 0.5
COMMAND = "jobcluster"


def die_with_parent(parent: int) -> None:
    """Bind this process and all its future forks to the life of their parents.

    On Linux the kernel kills them in the same moment. Elsewhere a thread watches the parent.
    """
    _bind(parent)
    os.register_at_fork(before=_remember_parent, after_in_child=lambda: _bind(_forking))


_forking = 0


def _remember_parent() -> None:
    global _forking
    _forking = os.getpid()


def _bind(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=[parent], daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_leftovers() -> list[int]:
    """End the queue processes of this database's workers whose supervisor is gone; the ids of those killed."""
    names = set(WorkerHeartbeat.objects.values_list("name", flat=True))
    killed = []
    for process in psutil.process_iter(["cmdline"]):
        name = worker_of(process.info["cmdline"] or [])
        if name in names and not supervisor_lives(process.info["cmdline"]):
            logger.warning("process %s of worker %s outlived its supervisor: killed", process.pid, name)
            process.kill()
            killed.append(process.pid)
    return killed


def worker_of(command: list[str]) -> str | None:
    """The worker that a queue process belongs to, read from its command line."""
    return _argument(command, "--worker")


def supervisor_lives(command: list[str]) -> bool:
    parent = _argument(command, "--parent")
    return parent is not None and is_alive(int(parent))


def _argument(command: list[str], name: str) -> str | None:
    if COMMAND not in command or name not in command[:-1]:
        return None
    return command[command.index(name) + 1]


def is_alive(pid: int) -> bool:
    """A zombie counts as dead."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
