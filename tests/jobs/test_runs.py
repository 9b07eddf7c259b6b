"""What one real worker does with runs: their outcomes, and how it claims and ends several together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from apps.jobs import queue, selectors
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun, JobSchedule
from apps.jobs.services.runs import enqueue
from apps.journal.models import Event
from tests.jobs.conftest import Workers, ask_for, wait_for_state
from tests.jobs.sample_app.names import BRIEF
from tests.waiting import wait_for
from tradeops.lib import clock


def messages(run: JobRun) -> list[str]:
    return list(Event.objects.filter(data__run=run.pk).order_by("number").values_list("message", flat=True))


@pytest.mark.django_db
def test_nothing_runs_unasked() -> None:
    assert not JobRun.objects.exists()


def test_job_runs_and_leaves_its_result_progress_and_log(one_worker: Workers) -> None:
    run = wait_for_state(ask_for("quick"), RunState.SUCCEEDED)
    assert run.result == {"attempt": 1}
    assert (run.progress_done, run.progress_total, run.progress_text) == (1, 1, "done")
    assert run.log.endswith("quick work")
    assert run.lease_owner == ""
    assert queue.find_lock(run.queue_entry) is None
    assert [message.split(" in ")[0] for message in messages(run)] == [
        "job start: sample_quick (attempt 1 of 3)",
        "job completed: sample_quick",
    ]


@pytest.mark.mission(22)
def test_expected_failure_is_tried_three_times_and_then_failed(one_worker: Workers) -> None:
    run = wait_for_state(ask_for("sample_failing"), RunState.FAILED)
    assert run.attempt == 3
    assert run.error == "the broker is away: start it"
    assert [attempt for attempt, _ in one_worker.trace_of(run)] == [1, 2, 3]
    assert sum(message.startswith("job failed: sample_failing") for message in messages(run)) == 3
    assert Event.objects.filter(step="Job", level="ERROR", data__run=run.pk).count() == 1
    assert queue.find_lock(run.queue_entry) is None


@pytest.mark.mission(22)
def test_success_on_the_second_attempt_is_success(one_worker: Workers) -> None:
    run = wait_for_state(ask_for("sample_second_time"), RunState.SUCCEEDED)
    assert run.result == {"attempt": 2}
    assert not Event.objects.filter(step="Job", level="ERROR", data__run=run.pk).exists()


def test_bug_is_errored_with_traceback(one_worker: Workers) -> None:
    run = wait_for_state(ask_for("sample_buggy"), RunState.ERRORED)
    assert run.error == "ZeroDivisionError: division by zero"
    assert "1 / 0" in run.traceback
    assert "about to divide" in run.log


def test_job_over_its_time_fails_and_the_worker_goes_on(one_worker: Workers) -> None:
    run = wait_for_state(ask_for("sample_endless"), RunState.FAILED)
    assert run.error == "did not finish within 1 s"
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED)


def test_run_of_an_unknown_job_ends_as_errored(one_worker: Workers) -> None:
    run = ask_for("quick")
    renamed = JobRun.objects.create(job="of_another_version", max_attempts=3, started_by="test")
    entry = queue.put_run(run_id=renamed.pk, attempt=1, job=renamed.job, not_before=clock.now())
    wait_for_state(renamed, RunState.ERRORED)
    assert renamed.error == "this version knows no job 'of_another_version'"
    wait_for_state(run, RunState.SUCCEEDED)
    wait_for(lambda: queue.find_lock(entry) is None)


@pytest.mark.mission(14)
def test_due_schedule_is_run_by_the_workers_own_clock(one_worker: Workers) -> None:
    due = clock.now() + timedelta(seconds=1)
    JobSchedule.objects.filter(job="sample_quick_3").update(cron="35 16 * * *", next_due_at=due)
    mine = JobRun.objects.filter(job="sample_quick_3", slot=due, state=RunState.SUCCEEDED)
    run = wait_for(mine.first, seconds=10)
    assert run.started_by == "schedule"
    assert run.started_at is not None
    assert 0 <= (run.started_at - due).total_seconds() < 5


@pytest.mark.mission(10)
def test_heartbeat_goes_on_while_a_run_waits_for_its_retry(one_worker: Workers) -> None:
    [worker] = one_worker.processes
    run = wait_for_state(ask_for("sample_second_time"), RunState.WAITING_RETRY)
    before = clock.now()
    wait_for(lambda: one_worker.heartbeat(worker, heartbeat_at__gt=before), seconds=5)
    assert selectors.worker_is_alive(now=clock.now())
    wait_for_state(run, RunState.SUCCEEDED)


def test_runs_taken_together_are_each_recorded_from_start_to_end(one_worker: Workers) -> None:
    with transaction.atomic():
        runs = [ask_for(name) for _ in range(3) for name in BRIEF]
    for run in runs:
        wait_for_state(run, RunState.SUCCEEDED)
        assert run.attempt == 1
        assert [message.split(" (")[0].split(" in ")[0] for message in messages(run)] == [
            f"job start: {run.job}",
            f"job completed: {run.job}",
        ]
        starts = Event.objects.get(data__run=run.pk, message__startswith="job start").at
        assert starts <= run.ended_at
    assert len(one_worker.trace_of(*runs)) == len(runs)
    of_one_job = sorted((run for run in runs if run.job == BRIEF[0]), key=lambda run: run.started_at)
    for earlier, later in zip(of_one_job, of_one_job[1:], strict=False):
        assert earlier.ended_at <= later.started_at


def test_long_run_does_not_hold_up_those_taken_with_it(one_worker: Workers) -> None:
    with transaction.atomic():
        slow = ask_for("sample_slow")
        others = [ask_for(name) for name in BRIEF]
    for run in others:
        wait_for_state(run, RunState.SUCCEEDED)
        assert run.attempt == 1
    slow.refresh_from_db()
    assert (slow.state, slow.attempt) == (RunState.RUNNING, 1)
    one_worker.let_slow_jobs_end()
    wait_for_state(slow, RunState.SUCCEEDED)
    one_worker.hold_slow_jobs()


def test_start_of_a_long_run_is_told_while_it_works(one_worker: Workers) -> None:
    run = ask_for("sample_slow")
    wait_for(lambda: messages(run), what="its start in the journal")
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    one_worker.let_slow_jobs_end()
    wait_for_state(run, RunState.SUCCEEDED)
    one_worker.hold_slow_jobs()
    assert [message.split(":")[0] for message in messages(run)] == ["job start", "job completed"]


def test_kill_amid_runs_taken_together_costs_an_attempt_only_to_those_begun(one_worker: Workers) -> None:
    with transaction.atomic():
        runs = [ask_for(name) for name in BRIEF[:6]]
        killer = ask_for("sample_suicide")
        runs += [ask_for(name) for name in BRIEF[6:]]
    wait_for_state(killer, RunState.FAILED)
    assert [attempt for attempt, _ in one_worker.trace_of(killer)] == [1, 2, 3]
    for run in runs:
        wait_for_state(run, RunState.SUCCEEDED)
        attempts = [attempt for attempt, _ in one_worker.trace_of(run)]
        # None is made twice; one that had not begun may count as begun when runs are taken in another order than asked.
        assert attempts == sorted(set(attempts)) and attempts[-1] == run.attempt


def test_run_begins_at_its_not_before_time_and_never_earlier(one_worker: Workers) -> None:
    run = JobRun.objects.create(job="sample_quick_2", max_attempts=3, started_by="test")
    not_before = clock.now() + timedelta(seconds=1.3)
    JobRun.objects.filter(pk=run.pk).update(next_attempt_at=not_before)
    enqueue(run, at=not_before)
    wait_for_state(run, RunState.SUCCEEDED)
    assert run.started_at is not None
    assert 0 <= (run.started_at - not_before).total_seconds() < 2


def test_entry_that_was_never_announced_is_found_within_seconds(one_worker: Workers) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger speaks
        run = ask_for("quick")
    wait_for_state(run, RunState.SUCCEEDED, seconds=10)
    assert (run.started_at - run.created_at).total_seconds() < 5
