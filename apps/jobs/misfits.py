"""Slots at which what a job needs is away, as planned, for longer than the job waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.jobs import registry
from apps.jobs.domain import plans
from apps.jobs.models import JobSchedule

# A week of a daily job: a weekend's outage is longer than a night's.
SLOTS_AHEAD = 7


def misfit(schedule: JobSchedule, *, now: datetime) -> str:
    """What is wrong with the first such slot among the next, and what time is better; "" when all fit.

    Raises InvalidSchedule for a plan that cannot be used.
    """
    if not registry.is_known(schedule.job):
        return ""
    job = registry.find(schedule.job)
    if job.planned_outage is None:
        return ""
    for slot in plans.following(schedule.plan, now, SLOTS_AHEAD):
        outage = job.planned_outage(slot)
        if outage is not None and slot + timedelta(seconds=job.wait_limit) < outage[1]:
            begins, ends = outage
            better = ends.astimezone(schedule.plan.display_zone)
            return (
                f"{schedule.job} is due {slot:%a %Y-%m-%d %H:%M} UTC, inside the broker's planned restart from "
                f"{begins:%a %H:%M} to {ends:%a %H:%M} UTC, and waits for {job.wait_limit // 60} min only: it would "
                f"fail. A better time: {better:%H:%M} {better.tzname()} or later."
            )
    return ""
