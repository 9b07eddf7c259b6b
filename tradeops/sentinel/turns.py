"""Work that is done again and again beside the watcher, and telling people of work that fails again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, close_old_connections, connection

from apps.console.texts import one_line
from apps.journal import services as journal
from apps.journal.choices import Severity
from tradeops.sentinel.episodes import SEE_AGAIN_SECONDS

logger = logging.getLogger(__name__)

TURN_SECONDS = 1.0
# A restart of PostgreSQL lets fewer fail.
FAILURES_ALLOWED = 5
ACTOR = "sentinel"


def each_turn(
    stopping: threading.Event, may_act: Callable[[], bool], work: Callable[[], bool], name: str, *, unwatched: str
) -> None:
    """Do `work` each second while this sentinel is the active one and has a database.

    It says whether it had anything to do. `unwatched`: what does not happen while it fails.
    """
    failures = Failures(name, unwatched)
    while not stopping.wait(TURN_SECONDS):
        if not may_act():
            continue
        try:
            close_old_connections()
            if work():
                failures.over()
        except Exception as error:
            if isinstance(error, (DatabaseError, OSError)):
                logger.warning("%s waits: %s", name, one_line(error))
            else:
                logger.exception("%s failed", name)
            # With it goes the failed transaction: what is told now is told in one of its own.
            connection.close()
            failures.add(error)
    connection.close()


class Failures:
    """Of one kind of work, in a row."""

    def __init__(self, name: str, unwatched: str) -> None:
        self._name, self._unwatched = name, unwatched
        self._in_a_row = 0
        self._told_at = float("-inf")
        # A sentinel before this one may have told.
        self._may_be_open = True

    def add(self, error: Exception) -> None:
        self._in_a_row += 1
        if self._in_a_row < FAILURES_ALLOWED or time.monotonic() - self._told_at < SEE_AGAIN_SECONDS:
            return
        try:
            journal.open_incident(
                key=self.key,
                title=f"The sentinel fails again and again: {self._name}",
                severity=Severity.CRITICAL,
                detail=f"{self._unwatched}\n{self._in_a_row} times in a row, last: {type(error).__name__}: "
                f"{one_line(error)}\nSee the sentinel's log; stop trading if in doubt.",
                scope="risk",
                actor=ACTOR,
            )
        except DatabaseError as lost:
            logger.warning("telling that %s fails waits: %s", self._name, one_line(lost))
            connection.close()
            return
        self._may_be_open, self._told_at = True, time.monotonic()

    def over(self) -> None:
        self._in_a_row, self._told_at = 0, float("-inf")
        if self._may_be_open:
            journal.resolve_incident(key=self.key, detail="it works again", actor=ACTOR)
            self._may_be_open = False

    @property
    def key(self) -> str:
        return f"sentinel-work:{self._name}"
