"""What a job's function is given."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from apps.jobs.exceptions import LeaseLost, StopRequested
from tradeops.lib import clock

if TYPE_CHECKING:
    from apps.jobs.models import JobRun

LOG_LINES = 200
LINE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What the job has said of itself so far."""

    done: int | None
    total: int | None
    text: str
    log: str


class JobContext:
    """`now` is when this attempt began (aware UTC); `run` is the row as it was then.

    Progress and log are kept in memory and written every second by the thread that renews the lease, over its own
    connection: they show at once even while the job is inside a transaction.
    """

    def __init__(self, run: JobRun, now: datetime) -> None:
        self.run = run
        self.now = now
        self.lease_lost = threading.Event()
        self.stop_requested = threading.Event()
        self._mutex = threading.Lock()
        self._lines: deque[str] = deque(run.log.splitlines(), maxlen=LOG_LINES)
        self._done: int | None = None
        self._total: int | None = None
        self._text = ""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Raises LeaseLost when another process has taken the run over, StopRequested when a person asked the job to
        stop: let them pass."""
        with self._mutex:
            self._done, self._total, self._text = done, total, text[:200]
        self.check_lease()
        self.check_stop()

    def log(self, line: str) -> None:
        """Append one line to the run's log, of which the last 200 are kept. Raises LeaseLost as `progress` does.

        Never StopRequested: what was just done deserves its line.
        """
        with self._mutex:
            self._lines.append(f"{clock.now():%H:%M:%S} {line[:LINE_LENGTH]}".replace("\n", " "))
        self.check_lease()

    def check_lease(self) -> None:
        if self.lease_lost.is_set():
            raise LeaseLost(f"Run {self.run.pk} has been taken over by another worker: this attempt ends.")

    def check_stop(self) -> None:
        """Call it where the work may end early without harm. Raises StopRequested."""
        if self.stop_requested.is_set():
            raise StopRequested(f"Run {self.run.pk} was asked to stop.")

    def report(self) -> Report:
        with self._mutex:
            return Report(self._done, self._total, self._text, "\n".join(self._lines))
