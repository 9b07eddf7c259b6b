"""Which of its runs a worker process has begun: a few bytes that outlive a kill of the process.

Runs claimed together count their attempts before the first of them begins. Of a process that was killed, only the runs
that it had begun have lost that attempt; the rest are given back. After a crash of the machine, or when the mark cannot
be read for any other reason, every claimed run counts as begun.
"""

from __future__ import annotations

import struct
from mmap import mmap
from pathlib import Path

from django.conf import settings

FORM = "32sq"
SIZE = struct.calcsize(FORM)
RUN_OFFSET = 32


def path_of(worker: str) -> Path:
    return Path(settings.VAR_DIR) / "workers" / f"{worker}.marks"


def prepare(worker: str, seats: int) -> None:
    path = path_of(worker)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(SIZE * seats))


class Mark:
    """The mark of one seat: the owner of the lease, and the highest id of the runs it has begun."""

    def __init__(self, worker: str, seat: int) -> None:
        with path_of(worker).open("r+b") as file:
            self._memory = mmap(file.fileno(), 0)
        self._offset = SIZE * seat

    def take_up(self, owner: str) -> None:
        """Before the runs of `owner` are claimed: none has begun."""
        struct.pack_into(FORM, self._memory, self._offset, owner.encode(), 0)

    def begin(self, run_id: int) -> None:
        struct.pack_into("q", self._memory, self._offset + RUN_OFFSET, run_id)


def has_begun(*, worker: str, owner: str, run_id: int) -> bool:
    """True unless the mark proves the contrary."""
    try:
        content = path_of(worker).read_bytes()
    except OSError:
        return True
    whole = content[: len(content) - len(content) % SIZE]
    return not any(owner.encode() == mark and run_id > last for mark, last in struct.iter_unpack(FORM, whole))


def remove(worker: str) -> None:
    path_of(worker).unlink(missing_ok=True)
