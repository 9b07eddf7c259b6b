"""What the callers' side of the breakers is given at start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

from apps.risk.choices import BreakerState
from apps.risk.models import Breaker
from apps.risk.services import breakers
from tradeops.lib import clock
from tradeops.lib.breaking import MARKET_DATA

logger = logging.getLogger(__name__)

T = TypeVar("T")


class DatabaseKeeper:
    """A breaker that is closed and has nothing to count costs one read. Without the database nothing is refused:
    whoever calls finds that out by himself."""

    def objection(self, name: str, *, now: datetime | None = None) -> str:
        now = now or clock.now()
        with _quietly():
            row = Breaker.objects.filter(name=name).first()
            if row is None or row.state == BreakerState.CLOSED:
                return ""
            if _refuses(row, now) or not _apart(name, lambda: breakers.admit(name=name, now=now)):
                return words(row, now)
        return ""

    def refused(self, prefix: str, *, now: datetime | None = None) -> set[str]:
        now = now or clock.now()
        with _quietly():
            rows = Breaker.objects.filter(name__startswith=prefix).exclude(state=BreakerState.CLOSED)
            return {row.name for row in rows if _refuses(row, now)}
        return set()

    def note(self, name: str, problem: str, *, now: datetime | None = None) -> None:
        with _quietly():
            counts = Breaker.objects.filter(name=name).exclude(state=BreakerState.CLOSED, failures=0)
            if problem or counts.exists():
                _apart(name, lambda: breakers.note_outcome(name=name, problem=problem, now=now))


@contextmanager
def _quietly() -> Iterator[None]:
    """For any thread: a connection that was opened for this only is closed again."""
    was_open = connection.connection is not None
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        logger.warning("circuit breakers cannot be read: %s", str(error).strip())
    finally:
        if not was_open:
            connection.close()


def words(row: Breaker, now: datetime) -> str:
    left = row.countdown(now)
    when = f"one probe in {left:.0f} s" if left is not None else "its probe is under way"
    state = row.get_state_display().lower()
    return f"the circuit breaker {row.name} is {state}, {when}; it failed with: {row.last_failure}"


def _refuses(row: Breaker, now: datetime) -> bool:
    if row.state == BreakerState.OPEN:
        return bool(row.countdown(now))
    return row.state == BreakerState.HALF_OPEN and row.probe_until is not None and now < row.probe_until


def _apart(name: str, work: Callable[[], T]) -> T:
    """Outside of the caller's transaction: its end must neither undo the count nor keep the others waiting.

    Only market data is asked for within transactions.
    """
    if name != MARKET_DATA or not connection.in_atomic_block:
        return work()
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run, name="breaker")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
