"""Real workers hand out what is due at its moment: woken by edits, by a resume, and by the job another waits for."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from apps.jobs import services
from apps.jobs.choices import RunState
from apps.jobs.lease import LEASE_SECONDS
from apps.jobs.models import JobRun, JobSchedule
from tests.jobs.conftest import Workers, ask_for, wait_for_state
from tests.waiting import wait_for
from tradeops.lib import clock

# The machine may be busy.
PROMPT = timedelta(seconds=3)
YEARLY = "0 0 1 1 *"


def plan(job: str, due: datetime, **fields: object) -> JobSchedule:
    return JobSchedule.objects.update_or_create(job=job, defaults={"cron": YEARLY, "next_due_at": due, **fields})[0]


def succeeded(job: str, slot: datetime) -> JobRun:
    found = JobRun.objects.filter(job=job, slot=slot, state=RunState.SUCCEEDED)
    return wait_for(found.first, what=f"{job} for its slot")


def started(run: JobRun) -> datetime:
    assert run.started_at is not None
    return run.started_at


@pytest.mark.timeout(400)
def test_due_runs_start_at_their_moment_and_dependants_when_the_other_has_succeeded(workers: Workers) -> None:
    JobSchedule.objects.update(enabled=False)
    workers.start()
    workers.start()
    due = clock.now() + timedelta(seconds=2)
    plan("sample_quick_2", due, depends_on="sample_quick")
    plan("sample_quick", due)
    first, second = succeeded("sample_quick", due), succeeded("sample_quick_2", due)
    assert timedelta(0) <= started(first) - due < PROMPT
    assert first.ended_at is not None and timedelta(0) <= started(second) - first.ended_at < PROMPT

    services.pause_jobs(actor="ann", reason="looking", now=clock.now())
    due = clock.now()
    plan("sample_quick", due)
    assert services.dispatch_due(now=clock.now()) == []
    resumed_at = clock.now()
    services.resume_jobs(actor="ann", now=resumed_at)
    third = succeeded("sample_quick", due)
    assert timedelta(0) <= started(third) - resumed_at < PROMPT
    assert JobRun.objects.filter(job__startswith="sample").count() == 3
    assert sorted(what for _, _, what, _ in workers.trace()) == ["run"] * 3


@pytest.mark.timeout(400)
def test_clock_of_a_worker_that_jumps_by_an_hour_each_way_repeats_nothing_and_stops_nothing(workers: Workers) -> None:
    """A run goes on through both jumps; what is due on the worker's clock runs once; what is asked for runs at once."""
    JobSchedule.objects.update(enabled=False)
    workers.start()
    slow = ask_for("sample_slow")
    wait_for(workers.trace)
    due = clock.now() + timedelta(minutes=30)
    plan("sample_quick_3", due, grace_minutes=120)
    for number, seconds in enumerate((3600, -3600)):
        workers.set_clock_ahead(seconds)
        asked = [ask_for("sample_quick"), ask_for("sample_quick_2")]
        for run in asked:
            wait_for_state(run, RunState.SUCCEEDED, seconds=60)
        assert [run.attempt for run in asked] == [1, 1], number
        # Longer than a lease lasts, by whichever clock it were judged.
        begun = time.monotonic()
        wait_for(lambda begun=begun: time.monotonic() - begun > LEASE_SECONDS + 2, seconds=60)  # type: ignore[misc]
        wait_for(lambda: JobRun.objects.filter(job="sample_quick_3", slot=due, state=RunState.SUCCEEDED).exists())
        assert JobRun.objects.filter(job="sample_quick_3").count() == 1, number
    workers.let_slow_jobs_end()
    wait_for_state(slow, RunState.SUCCEEDED)
    assert (slow.attempt, workers.trace_of(slow)) == (1, [(1, "begin"), (1, "end")])
    assert len(workers.trace()) == 2 + 2 * 2 + 1
