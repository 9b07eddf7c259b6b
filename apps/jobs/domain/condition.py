"""How a job stands, in one word: what a person must know first comes first. Told by the clock and the rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from apps.jobs.choices import UNSUCCESSFUL, WAITING, RunState
from apps.jobs.domain.punctuality import Punctuality, Slot, judge


class Condition(Enum):
    """Label and tone."""

    RUNNING = ("Running", "calm")
    WAITING = ("Waiting", "calm")
    RETRYING = ("Retrying", "warn")
    OVERDUE = ("Overdue", "bad")
    LATE = ("Late", "warn")
    MISSED = ("Missed", "bad")
    FAILED = ("Failed", "bad")
    PAUSED = ("Paused", "warn")
    SKIPPED = ("Skipped", "quiet")
    CANCELLED = ("Cancelled", "quiet")
    OFF = ("Off", "quiet")
    NEVER = ("Never ran", "quiet")
    OK = ("OK", "good")

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def tone(self) -> str:
        return self.value[1]

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class RunFacts:
    state: str
    slot: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """`due_at`: the next slot that nobody has turned into a run. `run`: the one that goes on, otherwise the newest."""

    is_planned: bool
    is_enabled: bool
    is_paused: bool
    due_at: datetime | None
    grace: timedelta
    run: RunFacts | None


ENDINGS = {
    RunState.SUCCEEDED: Condition.OK,
    RunState.CANCELLED: Condition.CANCELLED,
    RunState.SKIPPED: Condition.SKIPPED,
    RunState.MISSED: Condition.MISSED,
    **dict.fromkeys(UNSUCCESSFUL, Condition.FAILED),
}


def condition_of(job: JobFacts, now: datetime) -> Condition:
    if job.run is not None and job.run.state in (RunState.RUNNING, *WAITING):
        return _unfinished(job.run, job.grace, now)
    if (behind := _behind(job, now)) is not None:
        return behind
    ending = ENDINGS[RunState(job.run.state)] if job.run else Condition.NEVER
    if ending in (Condition.FAILED, Condition.MISSED):
        return ending
    if job.is_planned and not job.is_enabled:
        return Condition.OFF
    return Condition.PAUSED if job.is_planned and job.is_paused else ending


def _unfinished(run: RunFacts, grace: timedelta, now: datetime) -> Condition:
    timing = judge(Slot(run.slot, grace, run.started_at), now) if run.slot else Punctuality.ON_TIME
    if run.state == RunState.RUNNING:
        return Condition.OVERDUE if timing == Punctuality.OVERDUE else Condition.RUNNING
    if timing in (Punctuality.OVERDUE, Punctuality.MISSED):
        return Condition.OVERDUE
    if run.state == RunState.WAITING_RETRY:
        return Condition.RETRYING
    return Condition.LATE if timing == Punctuality.LATE else Condition.WAITING


def _behind(job: JobFacts, now: datetime) -> Condition | None:
    """The slot that is due and was not handed out yet."""
    if job.due_at is None or not job.is_enabled:
        return None
    timing = judge(Slot(job.due_at, job.grace), now)
    if job.is_paused and timing != Punctuality.PLANNED:
        return Condition.PAUSED
    return {Punctuality.LATE: Condition.LATE, Punctuality.MISSED: Condition.OVERDUE}.get(timing)
