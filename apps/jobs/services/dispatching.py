"""Turning slots into runs: each slot once, and every slot accounted for.

A worker sleeps exactly until `next_wake_up`, then calls `dispatch_due`. It is woken by NOTIFY `jobs_schedule` (sent by
triggers) when a schedule or the pause changes, and when a run ends that a due slot waits for. This was chosen over
queueing each next slot ahead of its time, because then every edit, pause, skip or dependency would have to find and
take back an entry that some worker may just be taking.

All is decided from `JobSchedule.next_due_at`, the earliest slot that is not accounted for, under a lock of that row:
several workers may dispatch at once, and a clock that jumps forward makes slots early or late, one that jumps back
makes them wait; none is lost, and JobRun's unique (job, slot) refuses to run one twice.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from apps.jobs import registry
from apps.jobs.choices import UNFINISHED, CatchUp
from apps.jobs.domain import plans
from apps.jobs.domain.catching_up import decide
from apps.jobs.models import JobRun, JobSchedule, JobsPause
from apps.jobs.services import accounting
from apps.jobs.services.prerequisites import Prerequisite, look_at_prerequisite
from apps.jobs.services.runs import SCOPE, STEP, request_run
from apps.journal import services as journal
from apps.journal.choices import Level, Severity

logger = logging.getLogger(__name__)

# A due slot that waits is looked at again this often, should the notification of what it waits for be lost.
LOOK_AGAIN = timedelta(seconds=5)
# Slots of one outage that get a row of their own; the first row of all says how many went before.
MOST_ROWS = 1000


def is_paused() -> bool:
    return JobsPause.objects.filter(resumed_at=None).exists()


def next_wake_up(*, now: datetime) -> datetime | None:
    """When to call `dispatch_due` next; None: not before a notification.

    Also reads the calendars that the next slots need, so that the wake-up itself need not wait for them.
    """
    if is_paused():
        return None
    moments = []
    for schedule in JobSchedule.objects.filter(enabled=True, next_due_at__isnull=False):
        if schedule.next_due_at is not None and registry.is_known(schedule.job):
            _read_ahead(schedule, schedule.next_due_at)
            moments.append(schedule.next_due_at if schedule.next_due_at > now else now + LOOK_AGAIN)
    return min(moments, default=None)


def _read_ahead(schedule: JobSchedule, slot: datetime) -> None:
    if schedule.calendar:
        try:
            plans.next_slot(schedule.plan, slot)
        except Exception:
            # Dispatching comes upon it again, and switches the schedule off.
            logger.debug("schedule of %s cannot be used", schedule.job, exc_info=True)


def dispatch_due(*, now: datetime) -> list[JobRun]:
    """Hand out what is due; the new runs. A schedule that cannot be used is switched off and never stops the others."""
    if is_paused():
        return []
    due = JobSchedule.objects.filter(enabled=True, next_due_at__lte=now).order_by("next_due_at", "job")
    runs = [dispatch_one(pk, now) for pk in list(due.values_list("pk", flat=True))]
    return [run for run in runs if run is not None]


def dispatch_one(pk: int, now: datetime) -> JobRun | None:
    try:
        with transaction.atomic():
            return _dispatch(pk, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("schedule %s cannot be used", pk)
        _switch_off(pk, str(error) or type(error).__name__, now)
        return None


def _dispatch(pk: int, now: datetime) -> JobRun | None:
    due = JobSchedule.objects.select_for_update(skip_locked=True).filter(pk=pk, enabled=True, next_due_at__lte=now)
    schedule = due.first()
    # Looked at again under the lock: a pause waits for it, and holds from then on.
    if schedule is None or not registry.is_known(schedule.job) or is_paused():
        return None
    slots = _without_skipped(schedule, _slots_to_decide(schedule, now), now)
    if slots and JobRun.objects.filter(job=schedule.job, state__in=UNFINISHED).exists():
        _wait(schedule, slots[0])
        return None
    return _choose(schedule, slots, now)


def _slots_to_decide(schedule: JobSchedule, now: datetime) -> list[datetime]:
    """Where every slot is run in order, the first is all that matters now, however long the backlog."""
    if schedule.catch_up == CatchUp.ALL and schedule.next_due_at is not None:
        return [schedule.next_due_at]
    return due_slots(schedule, now)


def due_slots(schedule: JobSchedule, now: datetime) -> list[datetime]:
    """The slots that are due and not accounted for, oldest first. Of very many only the newest are told apart."""
    first = schedule.next_due_at
    if first is None or first > now:
        return []
    newest = plans.newest_between(schedule.plan, first, now, MOST_ROWS)
    if len(newest) == MOST_ROWS and newest[0] > first:
        policy = f"this row stands for all slots before {newest[0]:%Y-%m-%d %H:%M} UTC: they are too many to list"
        accounting.record_missed(schedule, [first], now=now, policy=policy)
        return newest
    return newest if first in newest else [first, *newest]


def _without_skipped(schedule: JobSchedule, slots: list[datetime], now: datetime) -> list[datetime]:
    skipped = schedule.skip_slot
    if skipped is None or skipped not in slots:
        return slots
    reason = f"skipped by {schedule.skipped_by}" if schedule.skipped_by else "skipped on request"
    accounting.record_skipped(schedule, skipped, now=now, reason=reason, level=Level.INFO)
    JobSchedule.objects.filter(pk=schedule.pk).update(skip_slot=None, skipped_by="")
    if skipped == slots[0]:
        _move_on(schedule, plans.next_slot(schedule.plan, skipped))
    return [slot for slot in slots if slot != skipped]


def _choose(schedule: JobSchedule, slots: list[datetime], now: datetime) -> JobRun | None:
    if not slots:
        return None
    decision = decide(slots, policy=schedule.catch_up, grace=schedule.grace, now=now)
    accounting.record_missed(schedule, decision.missed, now=now, policy=_policy(schedule, decision.run))
    if decision.run is None:
        _move_on(schedule, plans.next_slot(schedule.plan, slots[-1]))
        return None
    return _run_after_its_prerequisite(schedule, decision.run, now)


def _run_after_its_prerequisite(schedule: JobSchedule, slot: datetime, now: datetime) -> JobRun | None:
    prerequisite = look_at_prerequisite(schedule, slot)
    may_still_come = prerequisite is Prerequisite.MISSING and now - slot <= schedule.grace
    if prerequisite is Prerequisite.PENDING or may_still_come:
        _wait(schedule, slot)
        return None
    _move_on(schedule, plans.next_slot(schedule.plan, slot))
    if prerequisite is Prerequisite.DONE:
        return _request_once(schedule, slot, now)
    reason = f"{schedule.depends_on} has not succeeded for its latest slot within {schedule.grace_minutes} min"
    accounting.record_skipped(schedule, slot, now=now, reason=reason, level=Level.WARN)
    return None


def _policy(schedule: JobSchedule, run: datetime | None) -> str:
    if run is None:
        return f"later than its grace of {schedule.grace_minutes} min, and none is caught up"
    return f"only the latest slot, {run:%Y-%m-%d %H:%M} UTC, is run"


def _wait(schedule: JobSchedule, slot: datetime) -> None:
    """The slot stays due; those before it are accounted for."""
    if schedule.next_due_at != slot:
        _move_on(schedule, slot)


def _move_on(schedule: JobSchedule, slot: datetime | None) -> None:
    JobSchedule.objects.filter(pk=schedule.pk).update(next_due_at=slot)


def _request_once(schedule: JobSchedule, slot: datetime, now: datetime) -> JobRun | None:
    try:
        with transaction.atomic():
            return request_run(job=registry.find(schedule.job), slot=slot, started_by=accounting.SCHEDULER, now=now)
    except IntegrityError:
        logger.info("%s already has its run for %s", schedule.job, slot)
        return None


@transaction.atomic
def _switch_off(pk: int, problem: str, now: datetime) -> None:
    schedules = JobSchedule.objects.filter(pk=pk)
    for job in schedules.values_list("job", flat=True):
        message = f"schedule of {job} switched off: {problem}"
        journal.record(step=STEP, message=message, level=Level.ERROR, scope=SCOPE)
        title = f"The schedule of {job} cannot be used and was switched off"
        key = unusable_key(job)
        journal.open_incident(key=key, title=title, severity=Severity.CRITICAL, detail=problem, scope=SCOPE, now=now)
    schedules.update(enabled=False, next_due_at=None)


def unusable_key(job: str) -> str:
    """Of the incident that the next edit of the schedule resolves."""
    return f"schedule:{job}"
