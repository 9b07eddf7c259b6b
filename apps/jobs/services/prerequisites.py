"""Has the job that another depends on done its part?"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from django.db.models import Q

from apps.jobs import registry
from apps.jobs.choices import UNFINISHED, RunState
from apps.jobs.domain import plans
from apps.jobs.models import JobRun, JobSchedule


class Prerequisite(Enum):
    DONE = "done"
    PENDING = "pending: it is still due, waiting or running"
    MISSING = "missing: it ended without success, or never ran"


def look_at_prerequisite(schedule: JobSchedule, slot: datetime) -> Prerequisite:
    """For the run of `schedule` at `slot`: must have succeeded since the other job's latest own slot up to then.

    Where the other has no times of its own, since the slot before.
    """
    if not schedule.depends_on:
        return Prerequisite.DONE
    other = JobSchedule.objects.filter(job=schedule.depends_on).first()
    since = _latest_slot(other, slot) or plans.last_slot(schedule.plan, slot - plans.INSTANT)
    if _has_succeeded(schedule.depends_on, since):
        return Prerequisite.DONE
    return Prerequisite.PENDING if _is_pending(schedule.depends_on, other, slot) else Prerequisite.MISSING


def _latest_slot(other: JobSchedule | None, slot: datetime) -> datetime | None:
    return plans.last_slot(other.plan, slot) if other is not None else None


def _has_succeeded(job: str, since: datetime | None) -> bool:
    succeeded = JobRun.objects.filter(job=job, state=RunState.SUCCEEDED)
    if since is not None:
        by_hand = Q(slot=None, stands_for=None, started_at__gte=since) | Q(stands_for__gte=since)
        succeeded = succeeded.filter(Q(slot__gte=since) | by_hand)
    return succeeded.exists()


def _is_pending(job: str, other: JobSchedule | None, slot: datetime) -> bool:
    if JobRun.objects.filter(job=job, state__in=UNFINISHED).exists():
        return True
    due = other is not None and other.enabled and other.next_due_at is not None and other.next_due_at <= slot
    return due and registry.is_known(job)
