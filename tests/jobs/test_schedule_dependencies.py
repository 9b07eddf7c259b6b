"""A job that depends on another waits for its success, within the grace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from apps.jobs import registry, services
from apps.jobs.choices import UNFINISHED, RunState
from apps.jobs.domain.dependencies import find_cycle
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule
from apps.journal.models import Event, Incident
from tradeops.lib.listen import conninfo

FIRST_DUE = datetime(2026, 1, 18, 20, 0, tzinfo=UTC)
DUE = datetime(2026, 1, 18, 21, 0, tzinfo=UTC)
MINUTE, HOUR, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=7)


@pytest.fixture
def schedules(db: None, sample_jobs: None) -> None:
    make_schedules()


def make_schedules() -> None:
    JobSchedule.objects.update(enabled=False)
    JobSchedule.objects.create(job="sample_quick", cron="0 20 * * 0", next_due_at=FIRST_DUE)
    JobSchedule.objects.create(
        job="sample_slow", cron="0 21 * * 0", next_due_at=DUE, depends_on="sample_quick", grace_minutes=120
    )


def dispatch(now: datetime) -> list[tuple[str, datetime | None]]:
    return [(run.job, run.slot) for run in services.dispatch_due(now=now)]


def end(job: str, state: RunState, now: datetime) -> None:
    JobRun.objects.filter(job=job, state__in=UNFINISHED).update(state=state, started_at=now, ended_at=now)


def slow_row() -> JobRun:
    return JobRun.objects.get(job="sample_slow", slot=DUE)


def test_runs_at_its_time_when_the_other_has_succeeded(schedules: None) -> None:
    assert dispatch(FIRST_DUE) == [("sample_quick", FIRST_DUE)]
    end("sample_quick", RunState.SUCCEEDED, FIRST_DUE + MINUTE)
    assert dispatch(DUE) == [("sample_slow", DUE)]


def test_runs_as_soon_as_the_other_succeeds(schedules: None) -> None:
    dispatch(FIRST_DUE)
    assert dispatch(DUE + 30 * MINUTE) == []
    end("sample_quick", RunState.SUCCEEDED, DUE + 31 * MINUTE)
    assert dispatch(DUE + 31 * MINUTE) == [("sample_slow", DUE)]


def test_success_of_an_earlier_week_does_not_count(schedules: None) -> None:
    JobRun.objects.create(
        job="sample_quick",
        slot=FIRST_DUE - WEEK,
        state=RunState.SUCCEEDED,
        max_attempts=3,
        started_by="schedule",
        started_at=FIRST_DUE - WEEK,
        ended_at=DUE,
    )
    dispatch(FIRST_DUE)
    end("sample_quick", RunState.FAILED, FIRST_DUE + MINUTE)
    assert dispatch(DUE) == []


def test_waits_within_its_grace_after_a_failure_and_is_then_skipped_with_the_reason(schedules: None) -> None:
    dispatch(FIRST_DUE)
    end("sample_quick", RunState.FAILED, FIRST_DUE + 5 * MINUTE)
    assert dispatch(DUE + 120 * MINUTE) == []
    assert not JobRun.objects.filter(job="sample_slow").exists()
    assert dispatch(DUE + 121 * MINUTE) == []
    assert slow_row().state == RunState.SKIPPED
    assert slow_row().error == "sample_quick has not succeeded for its latest slot within 120 min"
    assert Event.objects.filter(message__startswith="job skipped: sample_slow", level="WARN").count() == 1
    assert Incident.objects.filter(key="job:sample_slow", resolved_at=None).exists()
    assert JobSchedule.objects.get(job="sample_slow").next_due_at == DUE + WEEK


def test_run_by_hand_within_the_grace_is_enough(schedules: None) -> None:
    dispatch(FIRST_DUE)
    end("sample_quick", RunState.FAILED, FIRST_DUE + 5 * MINUTE)
    services.request_run(job=registry.find("sample_quick"), started_by="ann", now=DUE + 20 * MINUTE)
    assert dispatch(DUE + 20 * MINUTE) == []
    end("sample_quick", RunState.SUCCEEDED, DUE + 21 * MINUTE)
    assert dispatch(DUE + 22 * MINUTE) == [("sample_slow", DUE)]


def test_both_are_caught_up_in_order_after_an_outage(schedules: None) -> None:
    """Long after the grace: what the other still has to do is waited for."""
    later = DUE + timedelta(days=2)
    assert dispatch(later) == [("sample_quick", FIRST_DUE)]
    assert dispatch(later + MINUTE) == []
    end("sample_quick", RunState.SUCCEEDED, later + 2 * MINUTE)
    assert dispatch(later + 2 * MINUTE) == [("sample_slow", DUE)]


def test_other_without_times_of_its_own_must_have_run_since_the_slot_before(schedules: None) -> None:
    JobSchedule.objects.filter(job="sample_quick").update(cron="", next_due_at=None)
    services.request_run(job=registry.find("sample_quick"), started_by="ann", now=DUE - 8 * 24 * HOUR)
    end("sample_quick", RunState.SUCCEEDED, DUE - timedelta(days=8))
    assert dispatch(DUE) == []
    services.request_run(job=registry.find("sample_quick"), started_by="ann", now=DUE - HOUR)
    end("sample_quick", RunState.SUCCEEDED, DUE - HOUR)
    assert dispatch(DUE) == [("sample_slow", DUE)]


def test_dependency_on_nothing_and_circles_are_refused(schedules: None) -> None:
    slow = JobSchedule.objects.get(job="sample_slow")
    for wrong, complaint in (("nonsense", "There is no job 'nonsense'"), ("sample_slow", "wait for each other")):
        slow.depends_on = wrong
        with pytest.raises(InvalidSchedule, match=complaint):
            services.update_schedule(schedule=slow, now=DUE, actor="ann")
    quick = JobSchedule.objects.get(job="sample_quick")
    quick.depends_on = "sample_slow"
    with pytest.raises(InvalidSchedule, match="sample_quick -> sample_slow -> sample_quick"):
        services.update_schedule(schedule=quick, now=DUE, actor="ann")


def test_circle_is_found_only_where_the_job_is_part_of_it() -> None:
    assert find_cycle("a", {"a": "b", "b": "c", "c": "a"}) == ["a", "b", "c", "a"]
    assert find_cycle("a", {"a": "a"}) == ["a", "a"]
    assert find_cycle("a", {"a": "b", "b": "c"}) == []
    assert find_cycle("x", {"x": "a", "a": "b", "b": "a"}) == []


def heard(connection: psycopg.Connection) -> int:
    return len(list(connection.notifies(timeout=0.3, stop_after=1)))


@pytest.mark.django_db(transaction=True)
def test_database_wakes_the_dispatcher_for_what_it_waits_for_and_for_nothing_else(sample_jobs: None) -> None:
    make_schedules()
    with psycopg.connect(conninfo(), autocommit=True) as listener:
        listener.execute("LISTEN jobs_schedule")
        services.dispatch_due(now=FIRST_DUE)
        list(listener.notifies(timeout=0.1))
        services.request_run(job=registry.find("sample_failing"), started_by="ann", now=DUE)
        end("sample_failing", RunState.FAILED, DUE)
        assert heard(listener) == 0
        end("sample_quick", RunState.SUCCEEDED, DUE)
        assert heard(listener) == 1
        services.pause_jobs(actor="ann", reason="quiet", now=DUE)
        assert heard(listener) == 1
        services.resume_jobs(actor="ann", now=DUE)
        assert heard(listener) == 1
        quick = JobSchedule.objects.get(job="sample_quick")
        quick.cron = "0 19 * * 0"
        services.update_schedule(schedule=quick, now=DUE, actor="ann")
        assert heard(listener) == 1
