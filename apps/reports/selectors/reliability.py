"""How the jobs did in a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, F, Max, Q

from apps.jobs import registry
from apps.jobs import selectors as jobs
from apps.jobs.choices import UNFINISHED, UNSUCCESSFUL, RunState
from apps.reports.selectors.trades import day_bounds


@dataclass(frozen=True, slots=True)
class JobReliability:
    """`retried` counts runs that needed more than one attempt; `longest` from the first attempt to the end."""

    job: str
    title: str
    runs: int
    succeeded: int
    failed: int
    cancelled: int
    unfinished: int
    retried: int
    longest: timedelta | None
    last_error: str

    @property
    def success_rate(self) -> float | None:
        """Of the runs that ended by themselves; None without any."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


def job_reliability(*, first: date, last: date) -> list[JobReliability]:
    """By job name; jobs that never ran in the period are left out. Two queries."""
    start, end = day_bounds(first, last)
    runs = jobs.runs_between(start=start, end=end).order_by()
    counted = runs.values("job").annotate(
        runs=Count("id"),
        succeeded=Count("id", filter=Q(state=RunState.SUCCEEDED)),
        failed=Count("id", filter=Q(state__in=UNSUCCESSFUL)),
        cancelled=Count("id", filter=Q(state=RunState.CANCELLED)),
        unfinished=Count("id", filter=Q(state__in=UNFINISHED)),
        retried=Count("id", filter=Q(attempt__gt=1)),
        longest=Max(F("ended_at") - F("started_at")),
    )
    failures = runs.filter(state__in=UNSUCCESSFUL).order_by("job", "-created_at", "-id").distinct("job")
    errors = dict(failures.values_list("job", "error"))
    return [
        JobReliability(**row, title=_title(row["job"]), last_error=errors.get(row["job"], ""))
        for row in sorted(counted, key=lambda row: row["job"])
    ]


def _title(job: str) -> str:
    return registry.find(job).title if registry.is_known(job) else "Not in this version"
