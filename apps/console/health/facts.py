"""What was seen of the platform at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.broker.domain.weekly_login import WeeklyLogin
from apps.broker.selectors import SessionView
from apps.jobs.selectors import WorkerState

WORKER = "worker"


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """`kind` is a ProcessKind, or WORKER for workers, which have a table of their own."""

    name: str
    kind: str
    host: str
    is_active: bool
    started_at: datetime
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class JobFacts:
    """`due_at`: the slot that nobody has turned into a run yet. `state` is empty before the first run.

    `may_wait`: it follows another job, and may wait for that one for as long as its grace.
    `expected_at`: when the newest run should have begun (its creation, or the next attempt it waits for).
    """

    name: str
    enabled: bool
    due_at: datetime | None
    grace: timedelta
    may_wait: bool
    state: str
    slot: datetime | None
    expected_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """`clock_skew_seconds`: how far this machine's clock is from the database's, without what the question took."""

    now: datetime
    session: SessionView
    worker: WorkerState
    processes: tuple[ProcessFacts, ...]
    jobs: tuple[JobFacts, ...]
    jobs_paused_at: datetime | None
    clock_skew_seconds: float
    free_bytes: int
    weekly_login: WeeklyLogin | None = None
