"""All jobs at one look: a handful of queries, however many jobs and runs there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.jobs import latest, registry
from apps.jobs.choices import NOT_RUN, UNFINISHED, UNSUCCESSFUL, RunState
from apps.jobs.domain import condition, plans, sparkline, wording
from apps.jobs.domain.condition import Condition, JobFacts, RunFacts
from apps.jobs.domain.sparkline import Sparkline
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule, JobsPause

RATED = 30
# Some of the latest rows are slots that were not run: look a little further back for 30 runs.
LOOKED_AT = 60
COUNTED = (RunState.SUCCEEDED, *UNSUCCESSFUL)


@dataclass(frozen=True, slots=True)
class NextSlot:
    at: datetime
    utc: str
    local: str
    away: str
    is_utc: bool
    is_skipped: bool
    skipped_by: str


@dataclass(frozen=True, slots=True)
class JobCard:
    """`run`: the one that goes on, otherwise the newest that ran. `unrun`: a newer slot that was missed or skipped."""

    name: str
    title: str
    is_known: bool
    schedule_text: str
    schedule_id: int | None
    is_enabled: bool
    condition: Condition
    run: JobRun | None
    unrun: JobRun | None
    result_text: str
    next_slot: NextSlot | None
    problem: str
    succeeded: int
    rated: int
    curve: Sparkline | None

    @property
    def rate_text(self) -> str:
        return f"{100 * self.succeeded / self.rated:.0f} %" if self.rated else "-"


def current_pause() -> JobsPause | None:
    return JobsPause.objects.filter(resumed_at=None).first()


def job_cards(*, now: datetime, pause: JobsPause | None) -> list[JobCard]:
    """Declared jobs and schedules whose job is gone; those in trouble first, then by name."""
    schedules = {schedule.job: schedule for schedule in JobSchedule.objects.all()}
    names = sorted({*schedules, *(job.name for job in registry.all_jobs())})
    runs = latest.runs_of(names, LOOKED_AT)
    cards = [_card(name, schedules.get(name), runs[name], pause is not None, now) for name in names]
    return sorted(cards, key=lambda card: (TROUBLE.get(card.condition.tone, 9), card.name))


TROUBLE = {"bad": 0, "warn": 1}


def _card(name: str, schedule: JobSchedule | None, runs: list[JobRun], is_paused: bool, now: datetime) -> JobCard:
    job = registry.find(name) if registry.is_known(name) else None
    current = current_run(runs)
    ran = next((run for run in runs if run.state not in NOT_RUN), None)
    shown = current if current is not None and current.state in UNFINISHED else ran
    rated = [run for run in runs if run.state in COUNTED][:RATED]
    slot, problem = _next_slot(schedule, now)
    return JobCard(
        name=name,
        title=job.title if job else "Not in this version",
        is_known=job is not None,
        schedule_text=str(schedule.plan) if schedule else "no schedule",
        schedule_id=schedule.pk if schedule else None,
        is_enabled=bool(schedule and schedule.enabled),
        condition=condition.condition_of(facts_of(schedule, current, is_paused=is_paused), now),
        run=shown,
        unrun=current if current is not None and current.state in NOT_RUN else None,
        result_text=result_text(shown),
        next_slot=slot,
        problem=problem,
        succeeded=sum(run.state == RunState.SUCCEEDED for run in rated),
        rated=len(rated),
        curve=sparkline.draw([timed for run in reversed(rated) if (timed := _timed(run)) is not None]),
    )


def current_run(runs: Sequence[JobRun]) -> JobRun | None:
    """The run that goes on, otherwise one that waits, otherwise the newest row."""
    running = (run for run in runs if run.state == RunState.RUNNING)
    waiting = (run for run in runs if run.state in UNFINISHED)
    return next(running, None) or next(waiting, None) or (runs[0] if runs else None)


def facts_of(schedule: JobSchedule | None, run: JobRun | None, *, is_paused: bool) -> JobFacts:
    return JobFacts(
        is_planned=schedule is not None and not schedule.plan.is_empty,
        is_enabled=schedule is not None and schedule.enabled,
        is_paused=is_paused,
        due_at=schedule.next_due_at if schedule else None,
        grace=timedelta(minutes=schedule.grace_minutes) if schedule else timedelta(0),
        run=RunFacts(run.state, run.slot, run.started_at, run.ended_at) if run else None,
    )


def _next_slot(schedule: JobSchedule | None, now: datetime) -> tuple[NextSlot | None, str]:
    """The next slot, and what is wrong with the schedule."""
    if schedule is None:
        return None, ""
    try:
        plans.check(schedule.plan)
    except InvalidSchedule as error:
        return None, str(error)
    at = schedule.next_due_at
    if at is None or not schedule.enabled:
        return None, ""
    local = wording.in_zone(at, schedule.plan.display_zone)
    is_skipped, is_utc = schedule.skip_slot == at, schedule.plan.display_zone.key == "UTC"
    return NextSlot(at, wording.in_utc(at), local, wording.until(at, now), is_utc, is_skipped, schedule.skipped_by), ""


def _timed(run: JobRun) -> tuple[float, bool] | None:
    if run.attempt_started_at is None or run.ended_at is None:
        return None
    return max(0.0, (run.ended_at - run.attempt_started_at).total_seconds()), run.state == RunState.SUCCEEDED


def result_text(run: JobRun | None) -> str:
    """The first facts of a result in one line."""
    if run is None or not isinstance(run.result, Mapping):
        return ""
    plain = [(key, value) for key, value in run.result.items() if isinstance(value, str | int | float) and value != ""]
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in plain[:3])


def tally(cards: Sequence[JobCard]) -> list[tuple[Condition, int]]:
    """How many jobs are in which condition, in the order of the page."""
    counts: dict[Condition, int] = {}
    for card in cards:
        counts[card.condition] = counts.get(card.condition, 0) + 1
    return list(counts.items())
