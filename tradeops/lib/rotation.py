"""Log files that many processes write and any of them may rotate, without losing a line.

One rule for every file: it is rotated by the first line of a new UTC day, and within a day by the line that would take
it past 10 MiB. `archives.py` says what is kept. A file that nobody writes does not exist.

How it is safe: a writer holds a shared lock on the open file while it writes one line, and first makes sure that the
file still carries its name. Whoever rotates needs the exclusive lock, so at the moment of the renaming nobody is
writing; every later writer sees that the name has gone to another file, and follows. A writer that is frozen in the
middle only postpones the rotation. The lock lies on the open file: a forked child must open the file for itself.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from pathlib import Path

from tradeops.lib.archives import MODE, archive_name, tidy

LARGEST_BYTES = 10 * 1024 * 1024
SECONDS_A_DAY = 86_400
# A rotator holds its lock for microseconds; one that was frozen in them must not freeze everybody.
LOCK_ATTEMPTS, LOCK_PAUSE_SECONDS = 200, 0.0005
# A busy writer is waited for a little; a frozen one is not waited for with every line.
ROTATION_ATTEMPTS, ROTATE_AGAIN_SECONDS = 20, 1.0


class RotatedFile:
    """Appends lines to `path`. Not for several threads at once: a logging handler has its own lock."""

    def __init__(self, path: Path, *, largest_bytes: int = LARGEST_BYTES) -> None:
        self.path = path
        self._largest_bytes = largest_bytes
        self._file: int | None = None
        self._pid = 0
        self._rotate_from = 0.0

    def write(self, line: bytes) -> None:
        """Append `line`, newline included, as a whole. Raises OSError."""
        file = self._claim(len(line))
        try:
            write_all(file, line)
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _claim(self, more: int) -> int:
        """The open file with room for `more` bytes, locked against rotation."""
        for _ in range(LOCK_ATTEMPTS):
            file = self._open()
            locked = try_lock(file, fcntl.LOCK_SH)
            status = os.fstat(file)
            if not self._carries_its_name(status):
                self.close()
            elif not locked:
                time.sleep(LOCK_PAUSE_SECONDS)
            elif self._is_due(status, more) and time.monotonic() >= self._rotate_from:
                self._rotate(file)
            else:
                return file
        return self._open()

    def _open(self) -> int:
        if self._file is not None and self._pid != os.getpid():
            self.close()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
            self._pid = os.getpid()
        return self._file

    def _carries_its_name(self, mine: os.stat_result) -> bool:
        try:
            named = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (mine.st_ino, mine.st_dev) == (named.st_ino, named.st_dev)

    def _is_due(self, status: os.stat_result, more: int) -> bool:
        if status.st_size == 0:
            return False
        of_an_earlier_day = int(status.st_mtime // SECONDS_A_DAY) < int(time.time() // SECONDS_A_DAY)
        return of_an_earlier_day or status.st_size + more > self._largest_bytes

    def _rotate(self, file: int) -> None:
        """Not while somebody else is writing: then a later line tries again. Gives the lock up in any case."""
        if not self._lock_alone(file):
            self._rotate_from = time.monotonic() + ROTATE_AGAIN_SECONDS
            return
        try:
            status = os.fstat(file)
            if self._carries_its_name(status):
                self.path.rename(archive_name(self.path, status.st_mtime_ns))
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
        try:
            # Not a daemon: an ordinary end waits for it. What a killed process leaves, the next rotation tidies.
            threading.Thread(target=tidy, args=[self.path], name="log-archives").start()
        except RuntimeError:
            tidy(self.path)  # the interpreter ends and starts no more threads

    def _lock_alone(self, file: int) -> bool:
        """The shared lock is gone after the first attempt: those who wait here do not hinder each other."""
        for _ in range(ROTATION_ATTEMPTS):
            if try_lock(file, fcntl.LOCK_EX):
                return True
            time.sleep(LOCK_PAUSE_SECONDS)
        return False


class RotatedFileHandler(logging.Handler):
    """A logging handler over `RotatedFile`; nothing is created before the first line."""

    def __init__(self, filename: str, largest_bytes: int = LARGEST_BYTES) -> None:
        super().__init__()
        self._file = RotatedFile(Path(filename), largest_bytes=largest_bytes)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._file.write(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.acquire()
        try:
            self._file.close()
        finally:
            self.release()
        super().close()


def try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_all(file: int, data: bytes) -> None:
    """One call for one line keeps lines whole; only a full disk or a signal makes it more."""
    while data:
        data = data[os.write(file, data) :]
