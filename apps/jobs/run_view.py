"""One run as people see it: the same texts for the page and for what the page fetches while the run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.jobs.choices import UNFINISHED, WAITING, RunState
from apps.jobs.domain.punctuality import PUNCTUAL, Slot, lateness
from apps.jobs.domain.wording import span
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule
from apps.jobs.services.actions import why_not_retry

TONES = {
    RunState.QUEUED: "calm",
    RunState.RUNNING: "calm",
    RunState.WAITING_RETRY: "warn",
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "bad",
    RunState.ERRORED: "bad",
    RunState.MISSED: "bad",
    RunState.CANCELLED: "quiet",
    RunState.SKIPPED: "quiet",
}


@dataclass(frozen=True, slots=True)
class Moment:
    key: str
    label: str
    utc: str
    local: str


@dataclass(frozen=True, slots=True)
class RunView:
    """`fields` are texts by name, `flags` say which parts are shown. `zone` is empty where it is UTC."""

    tone: str
    fields: dict[str, str]
    flags: dict[str, bool]
    done: int | None
    total: int | None
    moments: list[Moment]
    result: list[tuple[str, str]]
    zone: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def view_of(run: JobRun, *, schedule: JobSchedule | None, now: datetime) -> RunView:
    zone = zone_of(schedule)
    is_unfinished = run.state in UNFINISHED
    return RunView(
        tone=TONES[RunState(run.state)],
        fields={
            "state": run.get_state_display(),
            "headline": headline(run, now),
            "attempts": f"{run.attempt} of {run.max_attempts}",
            "timing": timing_text(run, now),
            "progress": progress_text(run),
            "stopping": f"{run.cancel_requested_by} asked it to stop" if run.cancel_requested_at else "",
            "error": run.error,
            "traceback": run.traceback,
            "log": run.log,
            "worker": f"{run.worker}, process {run.worker_pid}" if run.worker else "",
        },
        flags={
            "unfinished": is_unfinished,
            "running": run.state == RunState.RUNNING,
            "stopping": run.cancel_requested_at is not None and is_unfinished,
            "progress": run.state == RunState.RUNNING and bool(run.progress_total),
            "error": bool(run.error),
            "traceback": bool(run.traceback),
            "result": isinstance(run.result, Mapping),
            "log": bool(run.log),
            "can_cancel": is_unfinished and run.cancel_requested_at is None,
            "can_retry": not why_not_retry(run),
        },
        done=run.progress_done,
        total=run.progress_total,
        moments=moments(run, zone),
        result=result_rows(run.result),
        zone="" if zone.key == "UTC" else zone.key,
    )


def zone_of(schedule: JobSchedule | None) -> ZoneInfo:
    try:
        return schedule.plan.display_zone if schedule else ZoneInfo("UTC")
    except InvalidSchedule:
        return ZoneInfo("UTC")


def headline(run: JobRun, now: datetime) -> str:
    """What goes on, or what came of it."""
    if run.state in WAITING and run.next_attempt_at and run.next_attempt_at > now:
        return f"Next attempt in {span(run.next_attempt_at - now)}"
    if run.state in WAITING:
        return f"In the queue for {span(now - (run.next_attempt_at or run.created_at))}"
    if run.state == RunState.RUNNING:
        return f"Running for {span(now - run.attempt_started_at)}" if run.attempt_started_at else "Running"
    if run.ended_at and run.attempt_started_at:
        return f"Took {span(run.ended_at - run.attempt_started_at)}"
    return "Did not run"


def timing_text(run: JobRun, now: datetime) -> str:
    """How punctual the run began."""
    if run.slot is None:
        return f"For the slot of {run.stands_for:%a %Y-%m-%d %H:%M} UTC" if run.stands_for else "Run by hand"
    if run.started_at is None:
        if run.state not in UNFINISHED:
            return "Its slot was not run"
        return f"Due for {span(now - run.slot)}" if run.slot < now else "Not due yet"
    late = lateness(Slot(run.slot, timedelta(0), run.started_at), now)
    return f"{span(late)} late" if late > PUNCTUAL else f"On time: began {span(late)} after its slot"


def progress_text(run: JobRun) -> str:
    counted = f"{run.progress_done} of {run.progress_total}" if run.progress_total else ""
    return ", ".join(part for part in (counted, run.progress_text) if part)


def moments(run: JobRun, zone: ZoneInfo) -> list[Moment]:
    times = (
        ("slot", "Slot", run.slot or run.stands_for),
        ("created", "Asked for", run.created_at),
        ("started", "First attempt began", run.started_at),
        ("attempt", "Latest attempt began", run.attempt_started_at if run.attempt > 1 else None),
        ("next", "Next attempt", run.next_attempt_at if run.state in WAITING else None),
        ("stop", "Asked to stop", run.cancel_requested_at),
        ("ended", "Ended", run.ended_at),
    )
    return [Moment(key, label, clock_text(at, UTC), clock_text(at, zone)) for key, label, at in times]


def clock_text(at: datetime | None, zone: Any) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}" if at else ""


def result_rows(result: Any) -> list[tuple[str, str]]:
    if not isinstance(result, Mapping):
        return []
    return [
        (str(key), value if isinstance(value, str) else json.dumps(value, indent=1)) for key, value in result.items()
    ]
