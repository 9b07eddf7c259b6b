"""Turning schedules into runs."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import IntegrityError, transaction

from apps.jobs import registry
from apps.jobs.domain import cron as cron_domain
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule
from apps.jobs.services.runs import SCOPE, STEP, request_run
from apps.journal import services as journal
from apps.journal.choices import Level

logger = logging.getLogger(__name__)

SCHEDULER = "schedule"


def ensure_schedules(*, now: datetime) -> None:
    """Give every declared job its row. What operators have edited stays as it is."""
    existing = set(JobSchedule.objects.values_list("job", flat=True))
    for job in registry.all_jobs():
        if job.name not in existing:
            schedule = JobSchedule(job=job.name, cron=job.cron, time_zone=job.time_zone)
            schedule.next_due_at = next_due_at(schedule, now)
            JobSchedule.objects.bulk_create([schedule], ignore_conflicts=True)


def next_due_at(schedule: JobSchedule, now: datetime) -> datetime | None:
    """None where nothing is planned. Raises InvalidSchedule."""
    zone = cron_domain.find_zone(schedule.time_zone)
    if not schedule.cron:
        return None
    cron_domain.check_cron(schedule.cron)
    return cron_domain.next_due(schedule.cron, zone, now) if schedule.enabled else None


@transaction.atomic
def update_schedule(*, schedule: JobSchedule, now: datetime, actor: str) -> None:
    """Save an edited schedule: it is due again from `now` on. Raises InvalidSchedule, then nothing is saved."""
    schedule.next_due_at = next_due_at(schedule, now)
    schedule.save()
    planned = f"{schedule.cron or 'by hand only'} {schedule.time_zone}" if schedule.enabled else "off"
    journal.record(step=STEP, message=f"schedule changed: {schedule.job}: {planned}", scope=SCOPE, actor=actor)


def dispatch_due(*, now: datetime) -> list[JobRun]:
    """Create the runs that are due: one per job, for its latest slot, however many were missed.

    A schedule that cannot be used is switched off and journaled; it never stops the others.
    """
    due = JobSchedule.objects.filter(enabled=True, next_due_at__lte=now).values_list("pk", flat=True)
    runs = [_dispatch(pk, now) for pk in due]
    return [run for run in runs if run is not None]


@transaction.atomic
def _dispatch(pk: int, now: datetime) -> JobRun | None:
    due = JobSchedule.objects.select_for_update(skip_locked=True).filter(pk=pk, enabled=True, next_due_at__lte=now)
    schedule = due.first()
    if schedule is None or schedule.next_due_at is None or not registry.is_known(schedule.job):
        return None
    try:
        following = next_due_at(schedule, now)
        zone = cron_domain.find_zone(schedule.time_zone)
        slot = max(schedule.next_due_at, cron_domain.last_due(schedule.cron, zone, now)) if schedule.cron else None
    except InvalidSchedule as error:
        _switch_off(schedule, str(error))
        return None
    JobSchedule.objects.filter(pk=pk).update(next_due_at=following)
    return _request_once(schedule, slot, now) if slot else None


def _request_once(schedule: JobSchedule, slot: datetime, now: datetime) -> JobRun | None:
    try:
        with transaction.atomic():
            return request_run(job=registry.find(schedule.job), slot=slot, started_by=SCHEDULER, now=now)
    except IntegrityError:
        logger.info("%s already has its run for %s", schedule.job, slot)
        return None


def _switch_off(schedule: JobSchedule, problem: str) -> None:
    JobSchedule.objects.filter(pk=schedule.pk).update(enabled=False, next_due_at=None)
    journal.record(
        step=STEP, message=f"schedule of {schedule.job} switched off: {problem}", level=Level.ERROR, scope=SCOPE
    )
