"""Schedules become runs: each slot once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django_q.models import OrmQ

from apps.jobs import registry, services
from apps.jobs.choices import RunState
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule
from apps.journal.models import Event

DUE = datetime(2026, 1, 15, 16, 35, tzinfo=UTC)


@pytest.fixture
def schedule(db: None, sample_jobs: None) -> JobSchedule:
    JobSchedule.objects.update(enabled=False)
    return JobSchedule.objects.create(job="sample_quick", cron="35 16 * * *", next_due_at=DUE)


def test_due_schedule_becomes_one_queued_run(schedule: JobSchedule) -> None:
    [run] = services.dispatch_due(now=DUE + timedelta(seconds=1))
    assert (run.job, run.slot, run.state, run.max_attempts) == ("sample_quick", DUE, RunState.QUEUED, 3)
    assert OrmQ.objects.filter(pk=run.queue_entry).exists()
    schedule.refresh_from_db()
    assert schedule.next_due_at == DUE + timedelta(days=1)
    assert services.dispatch_due(now=DUE + timedelta(seconds=2)) == []


def test_schedule_is_not_due_early(schedule: JobSchedule) -> None:
    assert services.dispatch_due(now=DUE - timedelta(seconds=1)) == []


def test_missed_slots_collapse_into_the_latest(schedule: JobSchedule) -> None:
    [run] = services.dispatch_due(now=DUE + timedelta(days=5, hours=3))
    assert run.slot == DUE + timedelta(days=5)
    schedule.refresh_from_db()
    assert schedule.next_due_at == DUE + timedelta(days=6)


def test_minutely_schedule_after_a_year_off_is_dispatched_at_once(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(cron="* * * * *")
    [run] = services.dispatch_due(now=DUE + timedelta(days=365, seconds=30))
    assert run.slot == DUE + timedelta(days=365)


def test_slot_that_has_its_run_is_not_run_again(schedule: JobSchedule) -> None:
    services.dispatch_due(now=DUE)
    JobSchedule.objects.update(next_due_at=DUE)
    assert services.dispatch_due(now=DUE + timedelta(seconds=5)) == []
    assert JobRun.objects.count() == 1


def test_database_refuses_a_second_run_of_a_slot(schedule: JobSchedule) -> None:
    services.dispatch_due(now=DUE)
    with pytest.raises(IntegrityError, match="jobs_one_run_per_slot"):
        services.request_run(job=registry.find("sample_quick"), slot=DUE, started_by="test", now=DUE)


def test_disabled_schedule_is_not_dispatched(schedule: JobSchedule) -> None:
    schedule.enabled = False
    services.update_schedule(schedule=schedule, now=DUE - timedelta(hours=1), actor="test")
    assert schedule.next_due_at is None
    assert services.dispatch_due(now=DUE) == []


def test_unusable_schedule_is_switched_off_and_stops_no_other(schedule: JobSchedule) -> None:
    JobSchedule.objects.create(job="sample_slow", cron="rubbish", next_due_at=DUE - timedelta(days=1))
    JobSchedule.objects.create(job="sample_slow_2", cron="0 1 * * *", time_zone="Mars", next_due_at=DUE)
    [run] = services.dispatch_due(now=DUE)
    assert run.job == "sample_quick"
    assert set(JobSchedule.objects.filter(enabled=True).values_list("job", flat=True)) >= {"sample_quick"}
    assert not JobSchedule.objects.filter(job__startswith="sample_slow", enabled=True).exists()
    assert Event.objects.filter(step="Job", level="ERROR", message__contains="switched off").count() == 2


def test_schedule_of_an_unknown_job_is_left_alone(schedule: JobSchedule) -> None:
    JobSchedule.objects.create(job="of_another_version", cron="0 1 * * *", next_due_at=DUE)
    assert [run.job for run in services.dispatch_due(now=DUE)] == ["sample_quick"]


def test_edited_schedule_is_due_from_now_on(schedule: JobSchedule) -> None:
    schedule.cron, schedule.time_zone = "0 16 * * *", "America/New_York"
    services.update_schedule(schedule=schedule, now=DUE, actor="ann")
    schedule.refresh_from_db()
    assert schedule.next_due_at == datetime(2026, 1, 15, 21, 0, tzinfo=UTC)
    assert Event.objects.get(step="Job").actor == "ann"


def test_bad_edit_saves_nothing(schedule: JobSchedule) -> None:
    schedule.cron = "61 * * * *"
    with pytest.raises(InvalidSchedule):
        services.update_schedule(schedule=schedule, now=DUE, actor="ann")
    schedule.refresh_from_db()
    assert schedule.cron == "35 16 * * *"


def test_migrate_gives_every_job_its_schedule_and_keeps_edits(db: None) -> None:
    JobSchedule.objects.filter(job="job_cleanup").update(cron="1 1 * * *", enabled=False)
    call_command("migrate", verbosity=0)
    assert set(JobSchedule.objects.values_list("job", flat=True)) >= {job.name for job in registry.all_jobs()}
    kept = JobSchedule.objects.get(job="job_cleanup")
    assert (kept.cron, kept.enabled) == ("1 1 * * *", False)


@pytest.mark.django_db(transaction=True)
def test_concurrent_dispatchers_create_one_run(sample_jobs: None) -> None:
    JobSchedule.objects.update(enabled=False)
    JobSchedule.objects.create(job="sample_quick", cron="35 16 * * *", next_due_at=DUE)
    together, runs = Barrier(4), []

    def dispatch() -> None:
        together.wait()
        for turn in range(10):
            runs.extend(services.dispatch_due(now=DUE + timedelta(seconds=turn)))
        connection.close()

    threads = [Thread(target=dispatch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1
    assert JobRun.objects.count() == 1
