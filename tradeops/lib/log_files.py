"""Reading the log folder: which files there are, how they end, what comes next. By listed names only."""

from __future__ import annotations

import gzip
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tradeops.lib.errors import TradeOpsError

# Logs, their archives, and the status file.
NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.(log|json)|[\w.-]+\.log\.[\w-]+\.\d+Z(\.gz)?")
TAIL_BYTES = 2 * 1024 * 1024
LOOK_SECONDS = 0.2


class UnknownLog(TradeOpsError):
    """There is no such file in the log folder; the text lists those that are."""


@dataclass(frozen=True, slots=True)
class LogFile:
    name: str
    path: Path
    size: int
    modified_at: datetime

    @property
    def is_archive(self) -> bool:
        return not self.name.endswith((".log", ".json"))


def list_logs(folder: Path, *others: Path) -> list[LogFile]:
    """The files of the folder and `others` that lie elsewhere: current ones by name, then archives, newest first.

    Links are left out: they may lead anywhere.
    """
    inside = [path for path in folder.iterdir() if NAME.fullmatch(path.name)] if folder.is_dir() else []
    outside = [path for path in others if path.parent != folder]
    found = [describe(path) for path in inside + outside if path.is_file() and not path.is_symlink()]
    current = sorted((log for log in found if not log.is_archive), key=lambda log: log.name)
    return current + sorted((log for log in found if log.is_archive), key=lambda log: log.modified_at, reverse=True)


def describe(path: Path) -> LogFile:
    status = path.stat()
    return LogFile(path.name, path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def find_log(name: str, folder: Path, *others: Path) -> LogFile:
    """By its name, with or without `.log`. Raises UnknownLog."""
    logs = list_logs(folder, *others)
    for log in logs:
        if log.name in (name, f"{name}.log"):
            return log
    choices = ", ".join(log.name for log in logs if not log.is_archive)
    raise UnknownLog(
        f"There is no log {name!r} in {folder}. " + (f"Choose one of: {choices}" if choices else "It is empty.")
    )


def tail(path: Path, lines: int) -> list[str]:
    """The last lines, of at most 2 MiB; an archive is read through."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as archive:
            return [line.rstrip("\n") for line in deque(archive, maxlen=lines)]
    with path.open("rb") as file:
        return last_lines(file, lines)


def last_lines(file: BinaryIO, lines: int) -> list[str]:
    start = max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES)
    file.seek(start)
    found = file.read().decode("utf-8", "replace").splitlines()
    whole = found[1:] if start else found
    return whole[-lines:] if lines else []


def follow(path: Path, lines: int, *, stopped: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """The last lines, then every whole line that is written from now on, across rotations."""
    file: BinaryIO = path.open("rb")
    try:
        yield from last_lines(file, lines)
        begun = b""
        while not stopped():
            *whole, begun = (begun + file.read()).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
            if whole:
                continue
            if was_rotated(path, file.fileno()):
                # What its writers still put into it before they followed the name.
                yield from file.read().decode("utf-8", "replace").splitlines()
                file.close()
                file = path.open("rb")
            else:
                time.sleep(LOOK_SECONDS)
    finally:
        file.close()


def was_rotated(path: Path, file: int) -> bool:
    """The name belongs to another file, or the file was cut."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(file)
    return named.st_ino != mine.st_ino or named.st_size < os.lseek(file, 0, os.SEEK_CUR)
