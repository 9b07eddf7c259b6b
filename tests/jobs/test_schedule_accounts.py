"""Every slot is accounted for: run once, or a row that says why not."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from threading import Event as Signal

import pytest
from django.db import connection, transaction

from apps.jobs import services
from apps.jobs.choices import UNFINISHED, RunState
from apps.jobs.domain.plans import Plan, following
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule, JobsPause, WorkerHeartbeat
from apps.jobs.services.dispatching import dispatch_one
from apps.journal.models import Event, Incident
from tests.waiting import wait_for

DUE = datetime(2026, 1, 15, 16, 35, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def schedule(db: None, sample_jobs: None) -> JobSchedule:
    JobSchedule.objects.update(enabled=False)
    return plan("sample_quick")


def plan(job: str, **fields: object) -> JobSchedule:
    return JobSchedule.objects.create(**{"job": job, "cron": "35 16 * * *", "next_due_at": DUE, **fields})


def dispatch(now: datetime) -> list[datetime | None]:
    return [run.slot for run in services.dispatch_due(now=now)]


def end(now: datetime, state: RunState = RunState.SUCCEEDED, job: str = "") -> None:
    runs = JobRun.objects.filter(state__in=UNFINISHED, **({"job": job} if job else {}))
    runs.update(state=state, started_at=now, ended_at=now, next_attempt_at=None)


def rows(job: str = "sample_quick") -> list[tuple[datetime | None, str]]:
    return list(JobRun.objects.filter(job=job).order_by("slot").values_list("slot", "state"))


def reason(slot: datetime) -> str:
    return JobRun.objects.get(slot=slot).error


def next_due(schedule: JobSchedule) -> datetime | None:
    schedule.refresh_from_db()
    return schedule.next_due_at


@pytest.mark.mission(58)
def test_outage_is_caught_up_once_and_the_older_slots_are_recorded_as_missed(schedule: JobSchedule) -> None:
    died_before = {"started_at": DUE - DAY, "heartbeat_at": DUE - SECOND}
    WorkerHeartbeat.objects.create(name="w", host="h", pid=1, workers=1, **died_before)
    assert dispatch(DUE + 3 * DAY + HOUR) == [DUE + 3 * DAY]
    missed = [(DUE + turn * DAY, RunState.MISSED) for turn in range(3)]
    assert rows() == [*missed, (DUE + 3 * DAY, RunState.QUEUED)]
    assert reason(DUE).startswith("no worker was running at that time; only the latest slot, 2026-01-18 16:35 UTC")
    assert next_due(schedule) == DUE + 4 * DAY
    assert dispatch(DUE + 3 * DAY + 2 * HOUR) == []


def test_beyond_the_grace_skip_runs_none(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(catch_up="skip", grace_minutes=30)
    assert dispatch(DUE + 2 * DAY + 31 * MINUTE) == []
    assert {state for _, state in rows()} == {RunState.MISSED} and len(rows()) == 3
    assert "later than its grace of 30 min, and none is caught up" in reason(DUE + 2 * DAY)
    assert next_due(schedule) == DUE + 3 * DAY


def test_within_the_grace_skip_runs_late(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(catch_up="skip", grace_minutes=30)
    assert dispatch(DUE + 30 * MINUTE) == [DUE]


def test_all_runs_every_slot_in_order_one_after_the_other(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(catch_up="all")
    now = DUE + 3 * DAY + HOUR
    for turn in range(4):
        assert dispatch(now) == [DUE + turn * DAY]
        assert dispatch(now + SECOND) == []
        end(now)
    assert dispatch(now + MINUTE) == []
    assert next_due(schedule) == DUE + 4 * DAY


def test_slot_waits_while_a_run_of_the_job_has_not_ended(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(cron="*/5 * * * *")
    assert dispatch(DUE) == [DUE]
    assert dispatch(DUE + 5 * MINUTE) == [] and dispatch(DUE + 10 * MINUTE) == []
    WorkerHeartbeat.objects.create(name="w", host="h", pid=1, workers=1, started_at=DUE - DAY, heartbeat_at=DUE + DAY)
    end(DUE + 11 * MINUTE)
    assert dispatch(DUE + 11 * MINUTE) == [DUE + 10 * MINUTE]
    run = JobRun.objects.get(slot=DUE)
    assert reason(DUE + 5 * MINUTE).startswith(f"run {run.pk} of the job had not ended; only the latest slot")


def test_missed_slots_are_told_in_the_journal(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(catch_up="skip")
    dispatch(DUE + DAY + 2 * HOUR)
    [event] = Event.objects.filter(message__startswith="job missed: sample_quick: 2 slots")
    assert (event.level, event.data["slots"]) == ("WARN", 2)


def test_very_many_missed_slots_keep_a_bounded_number_of_rows(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(cron="* * * * *")
    now = DUE + 30 * DAY
    assert dispatch(now) == [now]
    assert len(rows()) == 1001
    assert "stands for all slots before 2026-02-13 23:56 UTC" in reason(DUE)


@pytest.mark.parametrize("policy", ["skip", "once", "all"])
def test_a_quarter_of_outages_and_jumping_clocks_loses_and_repeats_nothing(schedule: JobSchedule, policy: str) -> None:
    """The clock jumps by an hour either way, workers die for days, runs take their time: each slot has one row."""
    chance = random.Random(policy)
    JobSchedule.objects.update(catch_up=policy, cron="35 6,16 * * *", time_zone="America/New_York", next_due_at=None)
    schedule.refresh_from_db()
    services.update_schedule(schedule=schedule, now=DUE, actor="test")
    now, handed_out = DUE, []
    while now < DUE + 90 * DAY:
        handed_out += dispatch(now)
        handed_out += dispatch(now + chance.choice([-HOUR, HOUR]))
        if chance.random() < 0.7:
            end(now)
        now += chance.choice([HOUR, 3 * HOUR, 5 * DAY]) * chance.random()
    end(now)
    while (found := dispatch(now)) or end(now):
        handed_out += found
        end(now)
    due = next_due(schedule)
    expected = following(Plan("35 6,16 * * *", "America/New_York"), DUE, 2 * 97)
    assert [slot for slot, _ in rows()] == [slot for slot in expected if due is None or slot < due]
    ran = [slot for slot, state in rows() if state == RunState.SUCCEEDED]
    assert handed_out == ran and len(ran) > 5
    assert len(ran) == len(rows()) if policy == "all" else len(ran) < len(rows())


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_clock_that_jumps_runs_each_slot_once(schedule: JobSchedule, jump: timedelta) -> None:
    for now in (DUE - 30 * MINUTE, DUE - 30 * MINUTE + jump, DUE, DUE + jump, DUE + 2 * MINUTE, DUE + HOUR):
        dispatch(now)
        end(now)
    assert rows() == [(DUE, RunState.SUCCEEDED)]
    assert next_due(schedule) == DUE + DAY


def test_skipped_slot_is_not_run_and_the_next_is(schedule: JobSchedule) -> None:
    assert services.skip_next(schedule=schedule, actor="ann", now=DUE - HOUR) == DUE
    assert dispatch(DUE) == []
    assert rows() == [(DUE, RunState.SKIPPED)] and reason(DUE) == "skipped by ann"
    assert not Incident.objects.exists()
    assert next_due(schedule) == DUE + DAY and schedule.skip_slot is None
    assert dispatch(DUE + DAY) == [DUE + DAY]


def test_unskipped_slot_runs(schedule: JobSchedule) -> None:
    services.skip_next(schedule=schedule, actor="ann", now=DUE - HOUR)
    assert services.unskip(schedule=schedule, actor="ann", now=DUE - HOUR)
    assert not services.unskip(schedule=schedule, actor="ann", now=DUE - HOUR)
    assert dispatch(DUE) == [DUE]


def test_nothing_to_skip_is_said(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(next_due_at=None)
    with pytest.raises(InvalidSchedule, match="no next run to skip"):
        services.skip_next(schedule=schedule, actor="ann", now=DUE)


def test_pause_holds_everything_and_the_policy_decides_afterwards(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(catch_up="skip")
    assert services.pause_jobs(actor="ann", reason="moving house", now=DUE - HOUR)
    assert not services.pause_jobs(actor="bob", reason="again", now=DUE - HOUR)
    assert dispatch(DUE + DAY + 2 * HOUR) == [] and rows() == []
    # A dispatcher that looked just before the pause finds it when it holds the row.
    assert dispatch_one(schedule.pk, DUE) is None and rows() == []
    assert services.next_wake_up(now=DUE) is None
    assert services.resume_jobs(actor="ann", now=DUE + DAY + 2 * HOUR)
    assert not services.resume_jobs(actor="ann", now=DUE + DAY + 2 * HOUR)
    assert dispatch(DUE + DAY + 2 * HOUR) == []
    assert reason(DUE).startswith("all schedules were paused by ann: moving house; later than its grace")
    assert not Incident.objects.exists()


def test_short_pause_makes_a_slot_late_and_loses_nothing(schedule: JobSchedule) -> None:
    services.pause_jobs(actor="ann", reason="looking", now=DUE - MINUTE)
    services.resume_jobs(actor="ann", now=DUE + MINUTE)
    assert dispatch(DUE + MINUTE) == [DUE]


def test_malformed_rows_stop_nothing_else_and_open_an_incident_each(schedule: JobSchedule) -> None:
    plan("sample_slow", cron="rubbish", next_due_at=DUE - DAY)
    plan("sample_slow_2", time_zone="Mars", next_due_at=DUE - DAY)
    plan("sample_failing", calendar="XXXX", next_due_at=DUE - DAY)
    plan("sample_buggy", cron="0 0 30 2 *", next_due_at=DUE - DAY)
    assert dispatch(DUE) == [DUE]
    assert list(JobSchedule.objects.filter(enabled=True).values_list("job", flat=True)) == ["sample_quick"]
    assert set(Incident.objects.values_list("key", "severity")) == {
        (f"schedule:sample_{name}", "critical") for name in ("slow", "slow_2", "failing", "buggy")
    }


def test_mended_schedule_resolves_its_incident(schedule: JobSchedule) -> None:
    broken = plan("sample_slow", cron="rubbish")
    dispatch(DUE)
    broken.refresh_from_db()
    broken.cron, broken.enabled = "0 1 * * *", True
    services.update_schedule(schedule=broken, now=DUE, actor="ann")
    assert Incident.objects.get(key="schedule:sample_slow").resolved_at is not None


def test_edited_times_settle_what_was_due_under_the_old_ones(schedule: JobSchedule) -> None:
    dispatch(DUE)
    JobSchedule.objects.update(next_due_at=DUE + DAY)
    schedule.refresh_from_db()
    schedule.cron = "0 20 * * *"
    now = DUE + DAY + 5 * MINUTE
    services.update_schedule(schedule=schedule, now=now, actor="ann")
    assert rows() == [(DUE, RunState.QUEUED), (DUE + DAY, RunState.MISSED)]
    assert "its schedule was changed before it could run" in reason(DUE + DAY)
    assert next_due(schedule) == datetime(2026, 1, 16, 20, tzinfo=UTC)


def test_due_time_that_the_cron_does_not_know_is_still_a_slot(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(next_due_at=DUE - 5 * MINUTE)
    assert dispatch(DUE - MINUTE) == [DUE - 5 * MINUTE]
    assert next_due(schedule) == DUE


def test_row_that_lost_its_next_time_gets_it_back(schedule: JobSchedule) -> None:
    JobSchedule.objects.update(next_due_at=None)
    services.ensure_schedules(now=DUE - HOUR)
    assert next_due(schedule) == DUE


def test_wake_up_is_the_next_due_time_of_all(schedule: JobSchedule) -> None:
    plan("sample_slow", next_due_at=DUE + MINUTE)
    plan("of_another_version", next_due_at=DUE - HOUR)
    plan("sample_buggy", next_due_at=DUE - HOUR, enabled=False)
    assert services.next_wake_up(now=DUE - HOUR) == DUE
    services.dispatch_due(now=DUE)
    assert services.next_wake_up(now=DUE) == DUE + MINUTE


def test_waiting_slot_is_looked_at_again(schedule: JobSchedule) -> None:
    JobRun.objects.create(job="sample_quick", state=RunState.RUNNING, attempt=1, max_attempts=3, started_by="ann")
    assert dispatch(DUE) == []
    assert services.next_wake_up(now=DUE) == DUE + 5 * SECOND


@pytest.mark.django_db(transaction=True)
def test_several_dispatchers_hand_each_slot_out_once(sample_jobs: None) -> None:
    JobSchedule.objects.update(enabled=False)
    for job, policy in (("sample_quick", "all"), ("sample_slow", "once"), ("sample_failing", "skip")):
        plan(job, catch_up=policy)
    together, found = Barrier(4), []

    def work() -> None:
        together.wait()
        for turn in range(12):
            now = DUE + 4 * DAY + turn * SECOND
            found.extend((run.job, run.slot) for run in services.dispatch_due(now=now))
            end(now)
        connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slots = [DUE + turn * DAY for turn in range(5)]
    assert [slot for job, slot in sorted(found) if job == "sample_quick"] == slots
    assert sorted(job for job, _ in found if job != "sample_quick") == ["sample_failing", "sample_slow"]
    for job in ("sample_quick", "sample_slow", "sample_failing"):
        assert [slot for slot, _ in rows(job)] == slots


@pytest.mark.django_db(transaction=True)
def test_pause_waits_for_who_is_handing_out(sample_jobs: None) -> None:
    """Otherwise a run could appear after the pause was confirmed."""
    plan("sample_quick")
    holding, release = Signal(), Signal()

    def hand_out() -> None:
        with transaction.atomic():
            JobSchedule.objects.select_for_update().get(job="sample_quick")
            holding.set()
            release.wait(30)
        connection.close()

    def pause() -> None:
        services.pause_jobs(actor="ann", reason="stop", now=DUE)
        connection.close()

    threads = [Thread(target=hand_out), Thread(target=pause)]
    threads[0].start()
    assert holding.wait(30)
    threads[1].start()
    try:
        wait_for(is_somebody_waiting_for_a_lock, what="the pause waits")
        assert not JobsPause.objects.exists()
    finally:
        release.set()
        for thread in threads:
            thread.join()
    assert JobsPause.objects.get().reason == "stop"


def is_somebody_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])
