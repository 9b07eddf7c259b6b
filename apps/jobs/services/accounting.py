"""The row of a slot that was not run: what was meant, and why it did not happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from apps.jobs import registry
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun, JobSchedule, JobsPause, WorkerHeartbeat
from apps.jobs.services.outcomes import incident_key
from apps.jobs.services.runs import SCOPE, STEP
from apps.journal import services as journal
from apps.journal.choices import Level, Severity

SCHEDULER = "schedule"
MOST_RUNS_READ = 100


def record_missed(schedule: JobSchedule, slots: Sequence[datetime], *, now: datetime, policy: str) -> None:
    """`policy` says why the slots are not caught up. The health rules tell people of a latest slot that was missed."""
    if not slots:
        return
    then = Circumstances.around(schedule.job, slots[0], slots[-1])
    reasons = {slot: f"{then.why_not_in_time(slot, now)}; {policy}" for slot in slots}
    _record(schedule, RunState.MISSED, reasons, now)
    latest, count = slots[-1], "a slot" if len(slots) == 1 else f"{len(slots)} slots"
    message = f"job missed: {schedule.job}: {count}, the latest {latest:%Y-%m-%d %H:%M} UTC: {reasons[latest]}"
    _journal(schedule, message, Level.WARN, {"slots": len(slots), "latest": latest.isoformat()})


def record_skipped(schedule: JobSchedule, slot: datetime, *, now: datetime, reason: str, level: Level) -> None:
    _record(schedule, RunState.SKIPPED, {slot: reason}, now)
    message = f"job skipped: {schedule.job}: the slot of {slot:%Y-%m-%d %H:%M} UTC: {reason}"
    _journal(schedule, message, level, {"slot": slot.isoformat()})
    if level != Level.INFO:
        # The job's next success resolves it.
        title = f"Job {schedule.job} was skipped"
        key = incident_key(schedule.job)
        journal.open_incident(key=key, title=title, severity=Severity.WARNING, detail=message, scope=SCOPE, now=now)


def _record(schedule: JobSchedule, state: RunState, reasons: dict[datetime, str], now: datetime) -> None:
    """A slot that has its row already keeps it."""
    attempts = registry.find(schedule.job).attempts
    rows = [
        JobRun(
            job=schedule.job,
            slot=slot,
            state=state,
            error=reason,
            max_attempts=attempts,
            started_by=SCHEDULER,
            created_at=now,
            ended_at=now,
        )
        for slot, reason in reasons.items()
    ]
    JobRun.objects.bulk_create(rows, ignore_conflicts=True)


def _journal(schedule: JobSchedule, message: str, level: Level, data: dict[str, object]) -> None:
    details = {"job": schedule.job, **data}
    journal.record(step=STEP, message=message, level=level, scope=SCOPE, data=details, actor=SCHEDULER)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was going on while the slots were due, read once for all of them."""

    pause: JobsPause | None
    workers: list[WorkerHeartbeat]
    runs: list[JobRun]

    @classmethod
    def around(cls, job: str, first: datetime, last: datetime) -> Circumstances:
        still_going = Q(ended_at=None) | Q(ended_at__gt=first)
        return cls(
            JobsPause.objects.first(),
            list(WorkerHeartbeat.objects.filter(started_at__lte=last, heartbeat_at__gte=first)),
            list(JobRun.objects.filter(still_going, job=job, created_at__lt=last)[:MOST_RUNS_READ]),
        )

    def why_not_in_time(self, slot: datetime, now: datetime) -> str:
        if self.pause is not None and self.pause.covers(slot):
            return f"all schedules were paused by {self.pause.paused_by}: {self.pause.reason}"
        if not any(worker.started_at <= slot <= worker.heartbeat_at for worker in self.workers):
            return "no worker was running at that time"
        for run in self.runs:
            if run.created_at < slot and (run.ended_at is None or run.ended_at > slot):
                return f"run {run.pk} of the job had not ended"
        return f"it could only be handed out {in_words(now - slot)} late"


def in_words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
