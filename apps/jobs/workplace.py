"""The worker process: its seat, its mark, and the thread that watches over the runs in its hand."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from django.db import connection

from apps.jobs.hand import Hand
from apps.jobs.lease import LeaseKeeper
from apps.jobs.marks import Mark
from apps.jobs.queue import WORKER_VARIABLE

if TYPE_CHECKING:
    from apps.jobs.supervision.channels import Timer
    from apps.jobs.supervision.seats import Seat

logger = logging.getLogger(__name__)

# A run that takes longer than this is left alone: its start is told, what ended before it is written, what was to
# follow is given back.
LONG_SECONDS = 0.02
# So it is when all that was claimed together takes longer than this.
TOGETHER_SECONDS = 0.1
AGAIN_SECONDS = 0.5
GUARD_SECONDS = 3.0


class Workplace:
    def __init__(self) -> None:
        self.worker = os.environ.get(WORKER_VARIABLE, "")
        self.seat: Seat | None = None
        self.timer: Timer | None = None
        self.mark: Mark | None = None
        self._hand: Hand | None = None
        self._busy = threading.Event()
        self._watcher: threading.Thread | None = None

    def hold(self, hand: Hand | None) -> None:
        self._hand = hand
        if hand is None:
            return
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="lease", daemon=True)
            self._watcher.start()
        self._busy.set()

    def allow(self, seconds: int | None) -> None:
        """How long the run may take before django-q2's sentinel kills this process; None between runs."""
        if self.timer is not None:
            self.timer.value = -1.0 if seconds is None else seconds + GUARD_SECONDS

    def adapt(self, runs: int, *, were_short: bool) -> None:
        """Ask for more runs at once after short ones, for fewer when they took too long."""
        if self.seat is None:
            return
        if not were_short:
            self.seat.runs_at_once = runs // 2
        elif runs >= self.seat.runs_at_once:
            self.seat.runs_at_once *= 2

    def _watch(self) -> None:
        while True:
            hand = self._hand
            if hand is None:
                self._busy.clear()
                if self._hand is None:
                    self._busy.wait()
                continue
            at_hand, began = hand.context, time.monotonic()
            while not hand.is_done.wait(LONG_SECONDS):
                if hand.context is at_hand or time.monotonic() - began > TOGETHER_SECONDS:
                    self._stay_with(hand)
                at_hand = hand.context

    def _stay_with(self, hand: Hand) -> None:
        """Once the run at hand is parted from the others, keep its lease until it ends."""
        try:
            parted = hand.part()
        except Exception as error:
            # To be tried again: until then nobody renews any lease of this hand. What is not parted when all runs have
            # ended the main thread writes, and insists.
            logger.warning("runs could not be handed on: %s", error)
            hand.is_done.wait(AGAIN_SECONDS)
            return
        finally:
            connection.close()
        if parted is not None:
            LeaseKeeper(parted, hand.is_done).keep()


workplace = Workplace()


def sit_down(number: int, seat: Seat, timer: Timer) -> None:
    """At the start of a worker process."""
    workplace.worker = os.environ[WORKER_VARIABLE]
    workplace.seat, workplace.timer = seat, timer
    workplace.mark = Mark(workplace.worker, number)
