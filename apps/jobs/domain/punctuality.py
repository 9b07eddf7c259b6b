"""Is a job on time? Told by the clock alone, so that it is true also when everything that runs jobs is dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Handing a run out takes milliseconds; a worker may be busy with another for a moment.
PUNCTUAL = timedelta(seconds=30)


class Punctuality(StrEnum):
    """In the order of trouble."""

    PLANNED = "planned"
    ON_TIME = "on-time"
    LATE = "late"
    OVERDUE = "overdue"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that the schedule means, and what has become of it so far."""

    at: datetime
    grace: timedelta
    started_at: datetime | None = None
    ended_at: datetime | None = None


def judge(slot: Slot, now: datetime) -> Punctuality:
    """late: begun, or still not begun, more than 30 s after its time. overdue: begun, and not ended within the grace.

    missed: not begun within the grace.
    """
    if slot.at > now:
        return Punctuality.PLANNED
    if slot.started_at is None and now - slot.at > slot.grace:
        return Punctuality.MISSED
    if slot.started_at is not None and slot.ended_at is None and now - slot.at > slot.grace:
        return Punctuality.OVERDUE
    return Punctuality.LATE if lateness(slot, now) > PUNCTUAL else Punctuality.ON_TIME


def lateness(slot: Slot, now: datetime) -> timedelta:
    """How long after its time the slot began, or has been waiting to; never negative."""
    return max((slot.started_at or now) - slot.at, timedelta(0))
