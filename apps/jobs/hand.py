"""The runs that a worker process holds: claimed together, worked off one after the other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from apps.jobs import services
from apps.jobs.context import JobContext
from apps.jobs.marks import Mark
from apps.jobs.models import JobRun
from apps.jobs.services import Ending
from tradeops.lib import clock


class Hand:
    """`was_parted`: a run took so long that those claimed with it were not left to wait for it.

    `context` is that of the run at hand, None between runs. A thread of the workplace may call `part` at any time.
    """

    def __init__(self, runs: Sequence[JobRun], mark: Mark | None = None) -> None:
        self.runs = list(runs)
        self.context: JobContext | None = None
        self.is_done = threading.Event()
        self.was_parted = False
        self._start_is_told = False
        self._mark = mark
        self._begun = 0
        self._endings: list[Ending] = []
        self._mutex = threading.Lock()

    def begin(self) -> JobContext | None:
        """The next run, None when none is left."""
        with self._mutex:
            if self._begun == len(self.runs):
                return None
            run = self.runs[self._begun]
            if self._mark is not None:
                self._mark.begin(run.pk)
            self._begun += 1
            self.context = JobContext(run, now=clock.now())
            return self.context

    def end(self, ending: Ending | None) -> None:
        with self._mutex:
            self.context = None
            if ending is not None:
                self._endings.append(replace(ending, start_told=True) if self._start_is_told else ending)

    def endings(self) -> list[Ending]:
        with self._mutex:
            return list(self._endings)

    def part(self) -> None:
        """The run at hand takes longer: tell that it began, write what ended before it, let others take what follows.

        Nothing is left to do when it was done before, or when no run is at hand in this very moment.
        """
        with self._mutex:
            if self._start_is_told or self.context is None:
                return
            run, began_at, rest = self.context.run, self.context.now, self.runs[self._begun :]
            services.part(endings=self._endings, run=run, began_at=began_at, rest=rest, now=clock.now())
            self.was_parted = len(self.runs) > 1
            self.runs, self._endings, self._start_is_told = self.runs[: self._begun], [], True
