"""A dictionary on disk: a header, then one line per change, each with its checksum. Rewritten when it has grown.

A written line survives the end of the process at once, and the end of the machine after `sync`.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from zlib import crc32

logger = logging.getLogger(__name__)

Values = Mapping[str, Any]
LEAST_GROWTH = 8 * 1024 * 1024  # bytes of changes before a rewrite
LINES_PER_REWRITE = 50  # values per line, for people who look into the file


class StateError(Exception):
    """The state cannot be used; the text names the file and what to do."""


class StateFile:
    """Belongs to one process at a time. StateError if another has it or it cannot be read; OSError from writing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._size = self._size_at_rewrite = 0
        self._changing = Lock()  # a sync runs in another thread
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_fd = self._lock()

    def read(self) -> tuple[Values, dict[str, Any]] | None:
        """The header and the values; None if the file does not exist. A torn last line is dropped."""
        try:
            lines = list(self._lines(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        if not lines:
            raise self._unusable("empty")
        values: dict[str, Any] = {}
        for change in lines[1:]:
            values |= change
        return lines[0], {key: value for key, value in values.items() if value is not None}

    def rewrite(self, header: Values, values: Values) -> None:
        """Replaces everything, or nothing if it fails."""
        fresh = self.path.with_name(self.path.name + ".new")
        keys = list(values)
        chunks = [keys[start : start + LINES_PER_REWRITE] for start in range(0, len(keys), LINES_PER_REWRITE)]
        data = b"".join(_line(each) for each in (header, *({key: values[key] for key in chunk} for chunk in chunks)))
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            _write(fd, data)
            os.fsync(fd)
            os.replace(fresh, self.path)
            _sync_directory(self.path.parent)
        except OSError:
            os.close(fd)
            raise
        self._take(fd, len(data))

    def append(self, change: Values) -> None:
        data = _line(change)
        _write(self._fd, data)
        self._size += len(data)

    @property
    def has_grown(self) -> bool:
        return self._size - self._size_at_rewrite > max(LEAST_GROWTH, self._size_at_rewrite)

    def sync(self) -> None:
        """From any thread."""
        with self._changing:
            if self._fd >= 0:
                os.fsync(self._fd)

    def close(self) -> None:
        self.sync()
        self._take(-1, 0)
        os.close(self._lock_fd)

    def _take(self, fd: int, size: int) -> None:
        with self._changing:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd, self._size, self._size_at_rewrite = fd, size, size

    def _lock(self) -> int:
        """Freed by the system when the process ends, however it ends."""
        fd = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise StateError(f"{self.path} is in use by another simulator. Stop it, or name another file.") from None
        return fd

    def _lines(self, data: bytes) -> Iterator[dict[str, Any]]:
        *whole, rest = data.split(b"\n")
        for number, line in enumerate(whole, 1):
            if not _is_sound(line):
                raise self._unusable("no state of a simulated gateway" if number == 1 else f"damaged in line {number}")
            yield json.loads(line[9:])
        if rest and _is_sound(rest) and whole:
            yield json.loads(rest[9:])
        elif rest:
            logger.warning("%s: dropped its last line, %d bytes that were never completed", self.path, len(rest))

    def _unusable(self, reason: str) -> StateError:
        return StateError(f"{self.path} is {reason}. Put a good copy in its place, or {way_out(self.path)}")


def way_out(path: Path) -> str:
    return f"move it away to begin with fresh accounts: mv {path} {path}.old"


def _line(values: Values) -> bytes:
    text = json.dumps(values, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(text), text)


def _is_sound(line: bytes) -> bool:
    return line[:9] == b"%08x " % crc32(line[9:])


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
