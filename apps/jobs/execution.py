"""The two functions that django-q2 may call. They take ids only."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connection
from django_q.exceptions import TimeoutException

from apps.jobs import queue, registry, services
from apps.jobs.context import JobContext
from apps.jobs.exceptions import JobsError, LeaseLost, StopRequested
from apps.jobs.hand import Hand
from apps.jobs.models import JobRun
from apps.jobs.queue import Entry
from apps.jobs.registry import Job
from apps.jobs.services import Claimant, Ending, Failure, Stopped, Success
from apps.jobs.workplace import workplace
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError

logger = logging.getLogger(__name__)

TRACEBACK_LENGTH = 8000
INSIST_SECONDS = 60.0
INSIST_PAUSE_SECONDS = 0.5
# No new run is begun later than this after the first of those that were taken from the queue together.
SHARE_SECONDS = 0.1

T = TypeVar("T")


def answer_canary() -> None:
    services.hear_canary(worker=workplace.worker)


def perform(taken: Sequence[tuple[int, int, int, str]]) -> None:
    """Work off what the pusher took from the queue. What was taken before finds nothing to claim and does nothing."""
    begun_at, done, were_short = time.monotonic(), 0, True
    endings: list[Ending] = []
    turns = in_turns(insist(lambda: ready_entries([Entry(*fields) for fields in taken])))
    while turns and (not done or time.monotonic() - begun_at < SHARE_SECONDS):
        hand = take_in_hand(endings, turns.pop(0))
        work_off(hand)
        endings, done = hand.endings(), done + len(hand.runs)
        if give_back_left(hand) or hand.was_parted:
            were_short = False
            break
    insist(lambda: services.exchange(endings=endings, entries=[], claimant=claimant()) if endings else None)
    if turns:
        queue.release([entry.id for turn in turns for entry in turn])
    workplace.adapt(done, were_short=were_short)


def ready_entries(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if is_ready(entry)]


def is_ready(entry: Entry) -> bool:
    """Neither of a job that this version does not know, nor of one that has to wait."""
    if not registry.is_known(entry.job):
        reason = f"this version knows no job {entry.job!r}"
        services.reject_run(run_id=entry.run, reason=reason, now=clock.now())
        queue.remove([entry.id])
        return False
    job = registry.find(entry.job)
    return job.waits_for is None or not services.postpone_if_waiting(run_id=entry.run, job=job, now=clock.now())


def in_turns(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Two runs of a job never run at once: each turn has at most one run of every job, the oldest first."""
    turns: list[list[Entry]] = []
    seen: dict[str, int] = {}
    for entry in entries:
        number = seen.get(entry.job, 0)
        seen[entry.job] = number + 1
        if number == len(turns):
            turns.append([])
        turns[number].append(entry)
    return turns


def claimant() -> Claimant:
    return Claimant(worker=workplace.worker, pid=os.getpid(), owner=uuid4().hex)


def take_in_hand(endings: list[Ending], entries: list[Entry]) -> Hand:
    """Claim runs, and write with it how those before them ended."""
    mine = claimant()
    if workplace.mark is not None:
        workplace.mark.take_up(mine.owner)
    runs, claimed_at = insist(lambda: exchange(endings, entries, mine))
    if workplace.seat is not None:
        workplace.seat.claimed()
    return Hand(runs, claimed_at=claimed_at, mark=workplace.mark)


def exchange(endings: list[Ending], entries: list[Entry], mine: Claimant) -> tuple[list[JobRun], float]:
    """The claimed runs, and a moment of the monotonic clock before which their leases did not begin."""
    before = time.monotonic()
    return services.exchange(endings=endings, entries=entries, claimant=mine), before


def give_back_left(hand: Hand) -> bool:
    """What was claimed and not begun in time; whether there was any."""
    left = hand.left()
    if left:
        insist(lambda: services.give_back(runs=left, now=clock.now()))
    return bool(left)


def work_off(hand: Hand) -> None:
    workplace.hold(hand)
    try:
        while (context := hand.begin()) is not None:
            hand.end(attempt(registry.find(context.run.job), context))
    finally:
        hand.is_done.set()
        workplace.hold(None)


def attempt(job: Job, context: JobContext) -> Ending | None:
    """Run the job; how it ended, None when the attempt is no longer ours."""
    run, began_at = context.run, context.now
    try:
        result = call(job, context)
    except LeaseLost as lost:
        logger.warning("%s", lost)
        return None
    except StopRequested:
        return Stopped(run, context.report(), began_at, clock.now())
    except TradeOpsError as error:
        return failed(job, context, str(error), expected=True)
    except Exception as error:
        return failed(job, context, f"{type(error).__name__}: {error}", expected=False)
    return Success(run, result, context.report(), began_at, clock.now())


def call(job: Job, context: JobContext) -> dict[str, Any]:
    workplace.allow(job.timeout)
    try:
        signal.alarm(job.timeout)
        result = job.function(context)
    except TimeoutException as timeout:
        raise JobsError(f"did not finish within {job.timeout} s") from timeout
    finally:
        # The job's time is over: django-q2's alarm must not strike while its outcome is written.
        signal.alarm(0)
        workplace.allow(None)
    json.dumps(result, allow_nan=False)
    return result


def failed(job: Job, context: JobContext, error: str, *, expected: bool) -> Failure:
    now, tail = clock.now(), traceback.format_exc()[-TRACEBACK_LENGTH:]
    return Failure(
        run=context.run,
        job=job,
        error=error or "failed without saying why",
        began_at=context.now,
        ended_at=now,
        again_at=services.next_attempt_at(run=context.run, job=job, now=now),
        report=context.report(),
        traceback=tail,
        expected=expected,
    )


def insist(write: Callable[[], T]) -> T:
    """Work that is done must not be done again because the database was away when it ended.

    Safe to repeat: a write that was committed unseen makes the next one find nothing of ours.
    """
    deadline = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() > deadline:
                raise
            logger.warning("the outcome could not be written yet: %s", error)
            time.sleep(INSIST_PAUSE_SECONDS)
