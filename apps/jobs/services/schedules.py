"""What operators do to schedules: edit, skip one slot, pause all. Handing out is `dispatching`'s."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.jobs import registry
from apps.jobs.domain import plans
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobSchedule, JobsPause
from apps.jobs.registry import Job
from apps.jobs.services import accounting, dispatching, schedule_rules
from apps.jobs.services.runs import SCOPE, STEP
from apps.journal import services as journal
from apps.journal.choices import Level


def ensure_schedules(*, now: datetime) -> None:
    """Give every declared job its row, and rows without a next time theirs. What operators have edited stays."""
    existing = set(JobSchedule.objects.values_list("job", flat=True))
    missing = [_declared(job, now) for job in registry.all_jobs() if job.name not in existing]
    JobSchedule.objects.bulk_create(missing, ignore_conflicts=True)
    for schedule in JobSchedule.objects.filter(enabled=True, next_due_at=None):
        if not plans.problems(schedule.plan) and (slot := plans.next_slot(schedule.plan, now)) is not None:
            JobSchedule.objects.filter(pk=schedule.pk, next_due_at=None).update(next_due_at=slot)


def _declared(job: Job, now: datetime) -> JobSchedule:
    return JobSchedule(
        job=job.name,
        cron=job.cron,
        time_zone=job.time_zone,
        calendar=job.calendar,
        minutes_after_close=job.minutes_after_close,
        catch_up=job.catch_up,
        grace_minutes=job.grace_minutes,
        depends_on=job.depends_on,
        next_due_at=plans.next_slot(job.plan, now),
    )


@transaction.atomic
def update_schedule(*, schedule: JobSchedule, now: datetime, actor: str) -> None:
    """Save an edited schedule. Raises InvalidSchedule, then nothing is saved.

    When its times changed, what is due under the old ones is handed out or recorded as missed first, and the new ones
    hold from `now` on.
    """
    schedule_rules.check(schedule=schedule, now=now)
    before = JobSchedule.objects.select_for_update().get(pk=schedule.pk)
    if before.next_due_at is None or (schedule.plan, schedule.enabled) != (before.plan, before.enabled):
        _settle(before, now)
        schedule.next_due_at = plans.next_slot(schedule.plan, now) if schedule.enabled else None
        schedule.skip_slot, schedule.skipped_by = None, ""
    else:
        schedule.next_due_at, schedule.skip_slot = before.next_due_at, before.skip_slot
        schedule.skipped_by = before.skipped_by
    schedule.save()
    journal.resolve_incident(key=dispatching.unusable_key(schedule.job), detail=f"Mended by {actor}")
    planned = str(schedule.plan) if schedule.enabled else "off"
    _record(f"schedule changed: {schedule.job}: {planned}", actor=actor)


def _settle(before: JobSchedule, now: datetime) -> None:
    """Account for what is due, under the times that held until now."""
    if not before.enabled or before.next_due_at is None or before.next_due_at > now:
        return
    dispatching.dispatch_one(before.pk, now)
    before.refresh_from_db()
    if before.enabled and before.next_due_at is not None and before.next_due_at <= now:
        slots = dispatching.due_slots(before, now)
        accounting.record_missed(before, slots, now=now, policy="its schedule was changed before it could run")


@transaction.atomic
def skip_next(*, schedule: JobSchedule, actor: str, now: datetime) -> datetime:
    """Do not run the next slot; which one that is. Raises InvalidSchedule when none is planned."""
    row = JobSchedule.objects.select_for_update().get(pk=schedule.pk)
    if not row.enabled or row.next_due_at is None:
        raise InvalidSchedule(f"{row.job} has no next run to skip: enable it or give it a schedule first.")
    row.skip_slot, row.skipped_by = row.next_due_at, actor
    row.save(update_fields=["skip_slot", "skipped_by"])
    _record(f"next run of {row.job} will be skipped: {row.skip_slot:%Y-%m-%d %H:%M} UTC", actor=actor)
    schedule.refresh_from_db()
    return row.skip_slot


@transaction.atomic
def unskip(*, schedule: JobSchedule, actor: str, now: datetime) -> bool:
    """Run the next slot after all. False when it was not to be skipped."""
    skipping = JobSchedule.objects.filter(pk=schedule.pk, skip_slot__isnull=False)
    if not skipping.update(skip_slot=None, skipped_by=""):
        return False
    _record(f"next run of {schedule.job} will not be skipped", actor=actor)
    schedule.refresh_from_db()
    return True


@transaction.atomic
def pause_jobs(*, actor: str, reason: str, now: datetime) -> bool:
    """Hand no slot out until `resume_jobs`: once this returns, none is. False when already paused.

    Runs that were handed out go on with their attempts, and people may still run jobs by hand.
    """
    # Whoever hands out holds the row of its schedule: this waits for them.
    list(JobSchedule.objects.select_for_update().order_by("pk"))
    if JobsPause.objects.filter(resumed_at=None).exists():
        return False
    pause = {"paused_at": now, "paused_by": actor, "reason": reason, "resumed_at": None, "resumed_by": ""}
    JobsPause.objects.update_or_create(id=JobsPause.ONLY, defaults=pause)
    _record(f"all schedules paused: {reason}", actor=actor, level=Level.WARN)
    return True


@transaction.atomic
def resume_jobs(*, actor: str, now: datetime) -> bool:
    """Slots that fell into the pause follow each job's grace and catch-up policy. False when not paused."""
    if not JobsPause.objects.filter(resumed_at=None).update(resumed_at=now, resumed_by=actor):
        return False
    _record("all schedules resumed", actor=actor)
    return True


def _record(message: str, *, actor: str, level: Level = Level.INFO) -> None:
    journal.record(step=STEP, message=message, level=level, scope=SCOPE, actor=actor)
