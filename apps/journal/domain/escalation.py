"""When people are reminded of an incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self


class IncidentTimes(Protocol):
    opened_at: datetime
    escalated_at: datetime | None
    snoozed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Pace:
    """`first` after it was opened, then `again` after each reminder."""

    first: timedelta
    again: timedelta

    @classmethod
    def of_minutes(cls, *, first: int, again: int) -> Self:
        return cls(timedelta(minutes=first), timedelta(minutes=again))

    def is_due(self, incident: IncidentTimes, *, now: datetime) -> bool:
        if incident.snoozed_until is not None and incident.snoozed_until > now:
            return False
        if incident.escalated_at is not None:
            return now >= incident.escalated_at + self.again
        return now >= incident.opened_at + self.first
