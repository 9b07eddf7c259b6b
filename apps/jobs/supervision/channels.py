"""How the queue's processes speak to each other, so that none can be killed in a moment that stops the others.

multiprocessing's queues and values guard themselves by locks, which a killed process keeps for ever. These know none,
or the kernel's, which end with their holder.
"""

from __future__ import annotations

import contextlib
import fcntl
import pickle
import select
import socket
import struct
import tempfile
from mmap import mmap
from types import TracebackType
from typing import Any

LARGEST_MESSAGE = 1 << 19


class Channel:
    """Whole messages between forked processes, in the shape of django-q2's queues.

    The kernel hands each message to one reader, entirely or not at all.
    """

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST_MESSAGE)

    def put(self, message: Any) -> None:
        self._writing.send(pickle.dumps(message))

    def get(self) -> Any:
        return pickle.loads(self._reading.recv(LARGEST_MESSAGE))  # noqa: S301 - from our own processes alone

    def empty(self) -> bool:
        return not select.select([self._reading], [], [], 0)[0]

    def qsize(self) -> int:
        """Zero or at least one: more is not known."""
        return 0 if self.empty() else 1

    def close(self) -> None:
        """django-q2 calls it before its processes have read what is left: they still may."""

    def join_thread(self) -> None:
        """Nothing waits to be written."""

    def dispose(self) -> None:
        self._reading.close()
        self._writing.close()


class Bell:
    """Wakes one process from others; a bell that rings already rings on."""

    def __init__(self) -> None:
        self._hearing, self._rope = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hearing.setblocking(False)
        self._rope.setblocking(False)

    def fileno(self) -> int:
        return self._hearing.fileno()

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._rope.send(b"!")

    def silence(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._hearing.recv(1)

    def dispose(self) -> None:
        self._hearing.close()
        self._rope.close()


class Flag:
    """An event that nobody waits for, only looks at; setting it rings the bell."""

    def __init__(self, bell: Bell) -> None:
        self._memory = mmap(-1, 1)
        self._bell = bell

    def set(self) -> None:
        self._memory[0] = 1
        self._bell.ring()

    def is_set(self) -> bool:
        return self._memory[0] == 1


class Timer:
    """django-q2's timer of a worker process: the seconds left to its task, below zero when it has none."""

    _locks = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
    _count = 0

    def __init__(self) -> None:
        Timer._count += 1
        self._number = Timer._count
        self._memory = mmap(-1, 8)
        self.value = -1.0

    @property
    def value(self) -> float:
        return float(struct.unpack_from("d", self._memory)[0])

    @value.setter
    def value(self, seconds: float) -> None:
        struct.pack_into("d", self._memory, 0, seconds)

    def get_lock(self) -> Timer:
        return self

    def __enter__(self) -> None:
        fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, self._number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, self._number)
