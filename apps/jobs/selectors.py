"""Reading the jobs' state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.jobs import latest, overview, registry
from apps.jobs.choices import NOT_RUN, UNFINISHED, RunState
from apps.jobs.domain import calendars, plans
from apps.jobs.domain.condition import Condition, condition_of
from apps.jobs.domain.cron import find_zone
from apps.jobs.models import JobRun, JobSchedule, WorkerHeartbeat
from apps.jobs.registry import Job

# The database announces here whatever changes of a run, by its id.
RUNS_CHANNEL = "jobs_run"
# A worker writes every half second and proves itself every 5 s; replacing a wedged queue takes up to 30 s.
HEARTBEAT_FRESH = timedelta(seconds=15)
CANARY_FRESH = timedelta(seconds=45)
# A run may go on while younger ones wait behind it.
LATEST_ROWS = 5


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job as the desk shows it. `status` is running, success, failed, or empty before the first run.

    `condition` is how it stands by the clock; `unrun` is the slot, newer than `last_run`, that was missed or skipped.
    """

    name: str
    title: str
    cron: str
    time_zone: str
    enabled: bool
    next_due_at: datetime | None
    last_run: JobRun | None
    last_success_at: datetime | None
    condition: Condition
    unrun: JobRun | None
    schedule_text: str
    is_next_skipped: bool
    next_local_text: str

    @property
    def status(self) -> str:
        return "" if self.last_run is None else plain_status(self.last_run.state)

    @property
    def next_due_text(self) -> str:
        return f"{self.next_due_at:%Y-%m-%d %H:%M} UTC" if self.next_due_at else "-"


@dataclass(frozen=True, slots=True)
class WorkerState:
    """`is_alive`: a worker lives and its queue has proven that it works. `reason` says why not."""

    is_alive: bool
    reason: str
    heartbeat_at: datetime | None
    canary_at: datetime | None
    started_at: datetime | None
    workers: int
    busy: int


def plain_status(state: str) -> str:
    if state == RunState.SUCCEEDED:
        return "success"
    return "running" if state in UNFINISHED else "failed"


def job_overview(*, now: datetime) -> list[JobStatus]:
    """Every declared job; five queries, however many jobs and runs there are."""
    names = [job.name for job in registry.all_jobs()]
    schedules = {schedule.job: schedule for schedule in JobSchedule.objects.all()}
    rows, ran = latest.runs_of(names, LATEST_ROWS), latest.runs_of(names, 1, without=NOT_RUN)
    successes, is_paused = latest.successes_of(names), overview.current_pause() is not None
    return [
        _status(job, schedules.get(job.name), rows[job.name], ran[job.name], successes.get(job.name), is_paused, now)
        for job in registry.all_jobs()
    ]


def _status(
    job: Job,
    schedule: JobSchedule | None,
    rows: list[JobRun],
    ran: list[JobRun],
    last_success_at: datetime | None,
    is_paused: bool,
    now: datetime,
) -> JobStatus:
    current = overview.current_run(rows)
    is_unfinished = current is not None and current.state in UNFINISHED
    return JobStatus(
        name=job.name,
        title=job.title,
        cron=schedule.cron if schedule else job.cron,
        time_zone=schedule.time_zone if schedule else job.time_zone,
        enabled=schedule.enabled if schedule else True,
        next_due_at=schedule.next_due_at if schedule else None,
        last_run=current if is_unfinished else next(iter(ran), None),
        last_success_at=last_success_at,
        condition=condition_of(overview.facts_of(schedule, current, is_paused=is_paused), now),
        unrun=current if current is not None and current.state in NOT_RUN else None,
        schedule_text=str(schedule.plan if schedule else job.plan),
        is_next_skipped=schedule is not None
        and schedule.skip_slot is not None
        and schedule.skip_slot == schedule.next_due_at,
        next_local_text=_local_text(schedule),
    )


def _local_text(schedule: JobSchedule | None) -> str:
    """The next slot on the schedule's or the exchange's clock, with its day, which need not be that of UTC."""
    if schedule is None or schedule.next_due_at is None or plans.problems(schedule.plan):
        return "-"
    return f"{schedule.next_due_at.astimezone(schedule.plan.display_zone):%a %H:%M %Z}"


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A time at which a job is due, on three clocks: UTC, the schedule's own, and its exchange's if it has one."""

    at: datetime
    local: datetime
    exchange: datetime | None
    is_skipped: bool

    @property
    def utc_text(self) -> str:
        return f"{self.at:%a %Y-%m-%d %H:%M}"

    @property
    def local_text(self) -> str:
        return f"{self.local:%a %Y-%m-%d %H:%M %Z}"

    @property
    def exchange_text(self) -> str:
        return f"{self.exchange:%a %Y-%m-%d %H:%M %Z}" if self.exchange else ""


def next_slots(schedule: JobSchedule, count: int, now: datetime) -> list[PlannedSlot]:
    """The next `count` slots, of an unsaved schedule too, as if it were enabled. Raises InvalidSchedule."""
    zone = find_zone(schedule.time_zone)
    exchange = calendars.find_zone(schedule.calendar) if schedule.calendar else None
    return [
        PlannedSlot(at, at.astimezone(zone), at.astimezone(exchange) if exchange else None, at == schedule.skip_slot)
        for at in plans.following(schedule.plan, now, count)
    ]


def find_run(*, run_id: int) -> JobRun:
    return JobRun.objects.get(pk=run_id)


def unfinished_runs() -> QuerySet[JobRun]:
    return JobRun.objects.filter(state__in=UNFINISHED)


def count_busy(*, worker: str) -> int:
    """How many of its processes have runs in hand."""
    running = JobRun.objects.filter(worker=worker, state=RunState.RUNNING)
    return running.values("worker_pid").distinct().count()


def worker_is_alive(*, now: datetime) -> bool:
    return worker_state(now=now).is_alive


def worker_state(*, now: datetime) -> WorkerState:
    """The best of all workers: one that works is enough."""
    fresh = WorkerHeartbeat.objects.filter(stopped_at=None, heartbeat_at__gt=now - HEARTBEAT_FRESH)
    states = [_state_of(worker, now) for worker in fresh]
    if states:
        return max(states, key=lambda state: (state.is_alive, state.heartbeat_at))
    last = WorkerHeartbeat.objects.first()
    reason = "no worker is running" if last is None or last.stopped_at else "the worker's heartbeat is stale"
    return WorkerState(False, reason, last.heartbeat_at if last else None, None, None, 0, 0)


def _state_of(worker: WorkerHeartbeat, now: datetime) -> WorkerState:
    proven = worker.busy >= worker.workers or (worker.canary_at is not None and worker.canary_at > now - CANARY_FRESH)
    return WorkerState(
        is_alive=proven,
        reason="" if proven else "the worker's queue has not proven that it works",
        heartbeat_at=worker.heartbeat_at,
        canary_at=worker.canary_at,
        started_at=worker.started_at,
        workers=worker.workers,
        busy=worker.busy,
    )


def runs_between(*, start: datetime, end: datetime) -> QuerySet[JobRun]:
    """Runs asked for or due from `start` to just before `end`."""
    return JobRun.objects.filter(created_at__gte=start, created_at__lt=end)
