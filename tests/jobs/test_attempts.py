"""Attempts are claimed once, fenced by their lease, and bounded."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from django.db import connection
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from apps.jobs import queue, registry, selectors, services
from apps.jobs.choices import RunState
from apps.jobs.context import LOG_LINES, JobContext
from apps.jobs.exceptions import InvalidJob, LeaseLost, UnknownJob
from apps.jobs.lease import LeaseKeeper
from apps.jobs.models import JobRun
from apps.jobs.registry import Job
from apps.journal.models import Event
from tests.jobs import attempts
from tests.jobs.conftest import Desk, ask_for, is_near
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.listen import conninfo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sample_jobs")]


def claim(run: JobRun, attempt: int = 1, worker: str = "one") -> JobRun | None:
    return attempts.claim(run_id=run.pk, attempt=attempt, job=registry.find(run.job), worker=worker, pid=1)


def job(name: str = "sample_quick") -> Job:
    return registry.find(name)


def test_run_is_claimed_once_and_the_attempt_is_committed_before_the_work() -> None:
    run = ask_for("quick")
    claimed = claim(run)
    assert claimed is not None
    with psycopg.connect(conninfo()) as other:
        row = other.execute("SELECT state, attempt, lease_until > now() FROM jobs_jobrun").fetchone()
    assert row == ("running", 1, True)
    assert claim(run) is None


def test_redelivered_entry_of_an_earlier_attempt_does_nothing() -> None:
    run = ask_for("quick")
    first = claim(run)
    assert first is not None
    attempts.fail(run=first, job=job(), error="no", now=clock.now())
    assert claim(run, attempt=1) is None
    assert claim(run, attempt=2) is not None


def test_many_processes_claim_a_run_once() -> None:
    run = ask_for("quick")
    together, claims = Barrier(6), []

    def compete() -> None:
        together.wait()
        claims.append(claim(run))
        connection.close()

    threads = [Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([claimed for claimed in claims if claimed]) == 1


def test_second_run_of_a_running_job_waits_in_the_queue() -> None:
    first, second = ask_for("quick"), ask_for("quick")
    running = claim(first)
    assert running is not None
    assert claim(second) is None
    second.refresh_from_db()
    assert (second.state, second.attempt) == (RunState.QUEUED, 0)
    lock = queue.find_lock(second.queue_entry)
    assert lock is not None and lock > clock.now()
    attempts.succeed(run=running, result={}, report=JobContext(running, clock.now()).report(), now=clock.now())
    assert claim(second) is not None


def test_late_result_of_a_lost_attempt_is_not_written() -> None:
    run = ask_for("quick")
    late = claim(run)
    assert late is not None
    assert services.lose(run=late, job=job(), error="frozen", now=clock.now())
    assert claim(run, attempt=2) is not None
    report = JobContext(late, clock.now()).report()
    assert not attempts.succeed(run=late, result={"late": True}, report=report, now=clock.now())
    assert not attempts.fail(run=late, job=job(), error="late", now=clock.now())
    run.refresh_from_db()
    assert (run.state, run.attempt, run.result) == (RunState.RUNNING, 2, None)


def test_asked_for_run_is_known_as_it_was_written_with_its_place_in_the_queue() -> None:
    run = ask_for("quick")
    written = JobRun.objects.get(pk=run.pk)
    assert {field.attname: getattr(run, field.attname) for field in JobRun._meta.concrete_fields} == {
        field.attname: getattr(written, field.attname) for field in JobRun._meta.concrete_fields
    }
    entry = OrmQ.objects.get(pk=run.queue_entry)
    assert (entry.key, entry.payload) == ("default", f"run {run.pk} attempt 1 of sample_quick")
    assert is_near(entry.lock, run.created_at)


def test_claim_knows_the_run_as_it_was_written() -> None:
    claimed = claim(ask_for("quick"))
    assert claimed is not None
    written = JobRun.objects.get(pk=claimed.pk)
    for field in JobRun._meta.concrete_fields:
        assert getattr(claimed, field.attname) == getattr(written, field.attname), field.attname


@pytest.mark.parametrize("told", [True, False])
def test_start_of_a_lost_attempt_is_told_once(told: bool) -> None:
    run = claim(ask_for("quick"))
    assert run is not None
    if told:
        services.part(endings=[], run=run, began_at=clock.now(), rest=[], now=clock.now())
    assert services.lose(run=run, job=job(), error="gone", now=clock.now())
    messages = Event.objects.filter(data__run=run.pk).order_by("number").values_list("message", flat=True)
    assert [message.split(":")[0] for message in messages] == ["job start", "job failed"]


def test_lost_attempt_is_ended_by_one_finder_only() -> None:
    run = ask_for("quick")
    lost = claim(run)
    assert lost is not None
    assert services.lose(run=lost, job=job(), error="gone", now=clock.now())
    assert not services.lose(run=lost, job=job(), error="gone", now=clock.now())
    run.refresh_from_db()
    assert (run.state, run.attempt) == (RunState.WAITING_RETRY, 1)


def test_expired_lease_is_found_and_a_fresh_one_left_alone() -> None:
    expired, fresh = ask_for("quick"), ask_for("sample_slow")
    assert claim(expired) and claim(fresh)
    JobRun.objects.filter(pk=expired.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    assert services.end_lost_runs(now=clock.now()) == 1
    assert services.end_lost_runs(now=clock.now()) == 0
    expired.refresh_from_db()
    fresh.refresh_from_db()
    assert (expired.state, fresh.state) == (RunState.WAITING_RETRY, RunState.RUNNING)


@pytest.mark.mission(22)
def test_attempts_are_queued_for_later_and_end_after_the_third() -> None:
    run = ask_for("quick")
    declared = Job(**{**{name: getattr(job(), name) for name in Job.__slots__}, "retry_delays": (0, 60, 120)})
    waits = []
    for attempt in (1, 2, 3):
        claimed = claim(run, attempt)
        assert claimed is not None
        now = clock.now()
        attempts.fail(run=claimed, job=declared, error="no", now=now)
        run.refresh_from_db()
        waits.append((run.next_attempt_at - now).total_seconds() if run.next_attempt_at else None)
        assert is_near(queue.find_lock(run.queue_entry), run.next_attempt_at)
    assert waits == [60, 120, None]
    assert (run.state, run.attempt) == (RunState.FAILED, 3)
    assert claim(run, attempt=4) is None


@pytest.mark.mission(9)
def test_failed_run_keeps_the_last_success() -> None:
    good = claim(ask_for("quick"))
    assert good is not None
    at = clock.now()
    attempts.succeed(run=good, result={}, report=JobContext(good, at).report(), now=at)
    bad = ask_for("quick")
    for attempt in (1, 2, 3):
        claimed = claim(bad, attempt)
        assert claimed is not None
        assert status("sample_quick").status == "running"
        attempts.fail(run=claimed, job=job(), error="no", now=clock.now())
    assert status("sample_quick").status == "failed"
    assert status("sample_quick").last_success_at == at
    assert {entry.status for entry in selectors.job_overview(now=clock.now())} == {"", "failed"}


def status(name: str) -> selectors.JobStatus:
    return next(entry for entry in selectors.job_overview(now=clock.now()) if entry.name == name)


@pytest.mark.parametrize("runs", [1, 3])
def test_overview_takes_five_queries(runs: int, django_assert_num_queries: Any) -> None:
    for name in ("sample_quick", "sample_slow", "sample_failing")[:runs]:
        ask_for(name)
    with django_assert_num_queries(5):
        selectors.job_overview(now=clock.now())


def test_waiting_run_can_be_cancelled_and_a_running_one_not() -> None:
    waiting, running = ask_for("quick"), ask_for("sample_slow")
    assert claim(running)
    assert services.cancel_run(run_id=waiting.pk, now=clock.now(), actor="ann")
    assert not services.cancel_run(run_id=running.pk, now=clock.now(), actor="ann")
    assert claim(waiting) is None


def test_run_whose_queue_entry_is_gone_is_queued_again() -> None:
    run = ask_for("quick")
    OrmQ.objects.all().delete()
    assert services.requeue_forgotten(now=clock.now()) == 0
    assert services.requeue_forgotten(now=clock.now() + timedelta(seconds=6)) == 1
    assert OrmQ.objects.count() == 1
    run.refresh_from_db()
    assert claim(run) is not None


def test_entry_that_died_in_a_workers_memory_is_released(desk: Desk) -> None:
    run = ask_for("quick")
    assert [entry.run for entry in desk.take()] == [run.pk]
    assert desk.take() == []
    assert services.requeue_forgotten(now=clock.now() + timedelta(seconds=2)) == 0
    assert services.requeue_forgotten(now=clock.now() + timedelta(seconds=6)) == 1
    OrmQ.objects.update(lock=clock.now())
    assert [entry.run for entry in desk.take()] == [run.pk]


def test_entry_that_only_waits_its_turn_is_not_touched() -> None:
    ask_for("quick")
    assert services.requeue_forgotten(now=clock.now() + timedelta(hours=1)) == 0
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("function", ["os.system", "apps.jobs.services.cancel_run", "subprocess.getoutput", "print"])
def test_queue_runs_nothing_but_its_own_functions(desk: Desk, function: str) -> None:
    async_task(function, "echo")
    assert OrmQ.objects.count() == 1
    assert desk.take() == []
    assert OrmQ.objects.count() == 0


@pytest.mark.parametrize(
    "payload",
    [
        "rubbish",
        SignedPackage.dumps({"func": print}),
        "run 1 attempt 1 of ",
        "run 1 attempt 1 of a b",
        "run \u0661 attempt 1 of quick",
        "run -1 attempt 1 of quick",
        "run 1 attempt 1 of quick\n",
    ],
)
def test_forged_or_broken_payload_is_removed_unread(desk: Desk, payload: str) -> None:
    OrmQ.objects.create(key="default", payload=payload, lock=clock.now())
    assert desk.take() == []
    assert OrmQ.objects.count() == 0


def test_queue_carries_ids_only() -> None:
    run = ask_for("quick")
    assert OrmQ.objects.get().payload == f"run {run.pk} attempt 1 of sample_quick"


def test_lease_is_renewed_with_progress_and_log_while_the_job_works() -> None:
    run = claim(ask_for("quick"))
    assert run is not None
    context = JobContext(run, clock.now())
    before = run.lease_until
    with LeaseKeeper(context):
        context.progress(3, 10, "third")
        context.log("a line\nwith a break")
        wait_for(lambda: JobRun.objects.filter(pk=run.pk, progress_done=3, lease_until__gt=before).exists(), seconds=5)
    run.refresh_from_db()
    assert (run.progress_total, run.progress_text) == (10, "third")
    assert run.log.endswith("a line with a break")


def test_job_that_lost_its_lease_is_told() -> None:
    run = claim(ask_for("quick"))
    assert run is not None
    context = JobContext(run, clock.now())
    with LeaseKeeper(context):
        services.lose(run=run, job=job(), error="frozen", now=clock.now())
        wait_for(context.lease_lost.is_set, seconds=5)
        with pytest.raises(LeaseLost, match="taken over"):
            context.progress(1, 2)


def test_log_is_bounded() -> None:
    context = JobContext(JobRun(log=""), clock.now())
    for line in range(2 * LOG_LINES):
        context.log(f"line {line} " + "x" * 10_000)
    lines = context.report().log.splitlines()
    assert len(lines) == LOG_LINES
    assert "line 399" in lines[-1]
    assert max(len(line) for line in lines) < 600


def test_unknown_job_lists_the_choices() -> None:
    with pytest.raises(UnknownJob, match="sample_quick / quick"):
        registry.find("nonsense")


def test_two_jobs_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidJob, match="Two jobs are called 'quick'"):
        registry.job(name="other", title="Other", aliases=("quick",))(lambda context: {})


def test_timeout_above_half_the_redelivery_time_is_refused() -> None:
    with pytest.raises(InvalidJob, match="above 300 s"):
        registry.job(name="other", title="Other", timeout=301)(lambda context: {})
