"""How the jobs did in a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, F, Max, Q
from django.db.models.functions import Coalesce

from apps.jobs import registry
from apps.jobs import selectors as jobs
from apps.jobs.choices import NOT_RUN, UNFINISHED, UNSUCCESSFUL, RunState
from apps.reports.selectors.trades import day_bounds

# A clock that was set back may record a run before its slot.
EARLY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JobReliability:
    """`runs` are those that were handed to a worker; `missed` and `skipped` the slots that were not. `retried` counts
    runs that needed more than one attempt; `longest` from the first attempt to the end."""

    job: str
    title: str
    runs: int
    succeeded: int
    failed: int
    cancelled: int
    unfinished: int
    missed: int
    skipped: int
    retried: int
    longest: timedelta | None
    last_error: str

    @property
    def success_rate(self) -> float | None:
        """Of the runs that ended by themselves and the slots that were missed; None without any."""
        ended = self.succeeded + self.failed + self.missed
        return self.succeeded / ended if ended else None


def job_reliability(*, first: date, last: date) -> list[JobReliability]:
    """By job name; jobs that were not due in the period are left out. Two queries."""
    start, end = day_bounds(first, last)
    # A slot that was missed is recorded when somebody is up again: it belongs to the day it was due.
    recorded = jobs.runs_between(start=start - EARLY, end=datetime.max.replace(tzinfo=UTC))
    due = recorded.annotate(due_at=Coalesce("slot", "created_at"))
    runs = due.filter(due_at__gte=start, due_at__lt=end).order_by()
    counted = runs.values("job").annotate(
        runs=Count("id", filter=~Q(state__in=NOT_RUN)),
        succeeded=Count("id", filter=Q(state=RunState.SUCCEEDED)),
        failed=Count("id", filter=Q(state__in=UNSUCCESSFUL)),
        cancelled=Count("id", filter=Q(state=RunState.CANCELLED)),
        unfinished=Count("id", filter=Q(state__in=UNFINISHED)),
        missed=Count("id", filter=Q(state=RunState.MISSED)),
        skipped=Count("id", filter=Q(state=RunState.SKIPPED)),
        retried=Count("id", filter=Q(attempt__gt=1)),
        longest=Max(F("ended_at") - F("started_at")),
    )
    failures = (
        runs.filter(state__in=(*UNSUCCESSFUL, RunState.MISSED)).order_by("job", "-created_at", "-id").distinct("job")
    )
    errors = dict(failures.values_list("job", "error"))
    return [
        JobReliability(**row, title=_title(row["job"]), last_error=errors.get(row["job"], ""))
        for row in sorted(counted, key=lambda row: row["job"])
    ]


def _title(job: str) -> str:
    return registry.find(job).title if registry.is_known(job) else "Not in this version"
