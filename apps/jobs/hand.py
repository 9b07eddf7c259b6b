"""The runs that a worker process holds: claimed together, worked off one after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from apps.jobs import services
from apps.jobs.context import JobContext
from apps.jobs.lease import LEASE_SECONDS
from apps.jobs.marks import Mark
from apps.jobs.models import JobRun
from apps.jobs.services import Ending
from tradeops.lib import clock

logger = logging.getLogger(__name__)

# Nobody renews the lease of a run that is claimed and not begun: with less than half of it left none is begun.
OLDEST_CLAIM_SECONDS = LEASE_SECONDS / 2


class Hand:
    """`was_parted`: a run took so long that those claimed with it were not left to wait for it.

    `context` is that of the run at hand, None between runs. A thread of the workplace may call `part` at any time.
    `claimed_at` is a moment of the monotonic clock, in seconds, before the runs were claimed.
    """

    def __init__(self, runs: Sequence[JobRun], *, claimed_at: float, mark: Mark | None = None) -> None:
        self.runs = list(runs)
        self.context: JobContext | None = None
        self.is_done = threading.Event()
        self.was_parted = False
        self._claimed_at = claimed_at
        self._parted: JobContext | None = None
        self._mark = mark
        self._begun = 0
        self._endings: list[Ending] = []
        self._mutex = threading.Lock()

    def begin(self) -> JobContext | None:
        """The next run, None when none is left or the claim is so old that others may soon take what is left."""
        with self._mutex:
            if self._begun == len(self.runs):
                return None
            run, age = self.runs[self._begun], time.monotonic() - self._claimed_at
            if age > OLDEST_CLAIM_SECONDS:
                logger.warning("run %s was claimed %.0f s ago and is not begun any more", run.pk, age)
                return None
            if self._mark is not None:
                self._mark.begin(run.pk)
            self._begun += 1
            self.context = JobContext(run, now=clock.now())
            return self.context

    def end(self, ending: Ending | None) -> None:
        with self._mutex:
            self.context = None
            if ending is not None:
                self._endings.append(replace(ending, start_told=True) if self._parted else ending)

    def endings(self) -> list[Ending]:
        with self._mutex:
            return list(self._endings)

    def left(self) -> list[JobRun]:
        """Claimed here and never begun."""
        with self._mutex:
            return self.runs[self._begun :]

    def part(self) -> JobContext | None:
        """The run at hand takes longer: tell that it began, write what ended before it, let others take what follows.

        The context of the run that was parted from the others, now or before: it is the last one of this hand. None,
        and nothing is done, when no run is at hand in this very moment.
        """
        with self._mutex:
            if self._parted is not None or self.context is None:
                return self._parted
            run, began_at, rest = self.context.run, self.context.now, self.runs[self._begun :]
            services.part(endings=self._endings, run=run, began_at=began_at, rest=rest, now=clock.now())
            self.was_parted = len(self.runs) > 1
            self.runs, self._endings, self._parted = self.runs[: self._begun], [], self.context
            return self._parted
