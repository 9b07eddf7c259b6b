"""The real worker: `manage.py worker` with django-q2's real processes on a real database."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg
import pytest
from django.db import connection
from psycopg import sql

from apps.jobs.choices import RunState
from apps.jobs.domain.liveness import PATIENCE_SECONDS
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.journal.models import Event
from tests.jobs.conftest import Workers, ask_for, wait_for_state
from tests.waiting import wait_for
from tradeops.lib.listen import conninfo


@contextmanager
def database_away() -> Iterator[None]:
    """As in a restart of the server: every connection is cut, new ones are refused."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(conninfo(), dbname="postgres", autocommit=True) as other:
        other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        try:
            cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
            mine = connection.connection.info.backend_pid
            row = other.execute(cut, [name, mine]).fetchone()
            assert row is not None and row[0] >= 4
            yield
        finally:
            other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


def test_same_job_never_overlaps(workers: Workers) -> None:
    workers.start()
    first, second = ask_for("sample_slow"), ask_for("sample_slow")
    wait_for(lambda: JobRun.objects.filter(state=RunState.RUNNING).exists())
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED)
    assert len([what for _, _, what, _ in workers.trace() if what == "begin"]) == 1
    workers.let_slow_jobs_end()
    wait_for_state(first, RunState.SUCCEEDED)
    wait_for_state(second, RunState.SUCCEEDED, seconds=10)
    assert [what for _, _, what, _ in workers.trace() if what != "run"] == ["begin", "end", "begin", "end"]


def test_progress_and_log_show_while_the_job_runs(workers: Workers) -> None:
    workers.start()
    run = ask_for("sample_slow")
    shown = wait_for(lambda: JobRun.objects.filter(pk=run.pk, progress_done__gt=0, log__contains="begun").first())
    assert shown.progress_text == "waiting"
    workers.let_slow_jobs_end()
    wait_for_state(run, RunState.SUCCEEDED)


def test_killed_worker_process_gets_exactly_one_further_attempt(workers: Workers) -> None:
    workers.start()
    run = ask_for("sample_slow")
    _, _, _, pid = wait_for(workers.trace)[0]
    psutil.Process(pid).kill()
    wait_for(lambda: len(workers.trace()) >= 2, what="second attempt")
    workers.let_slow_jobs_end()
    wait_for_state(run, RunState.SUCCEEDED)
    assert [(attempt, what) for _, attempt, what, _ in workers.trace()] == [(1, "begin"), (2, "begin"), (2, "end")]
    assert run.attempt == 2


def test_lease_of_a_killed_worker_runs_out_and_another_worker_takes_over(workers: Workers) -> None:
    """Nobody on the dead worker's side is left to notice: only the lease tells."""
    first = workers.start()
    run = ask_for("sample_slow")
    wait_for(workers.trace)
    second = workers.start()
    first.kill()
    first.wait()
    wait_for(lambda: len(workers.trace()) >= 2, seconds=40, what="second attempt")
    workers.let_slow_jobs_end()
    wait_for_state(run, RunState.SUCCEEDED)
    assert [(attempt, what) for _, attempt, what, _ in workers.trace()] == [(1, "begin"), (2, "begin"), (2, "end")]
    assert run.worker == WorkerHeartbeat.objects.get(pid=second.pid).name


def test_job_that_kills_its_worker_is_never_tried_more_than_three_times(workers: Workers) -> None:
    workers.start()
    run = wait_for_state(ask_for("sample_suicide"), RunState.FAILED, seconds=90)
    assert run.attempt == 3
    assert [attempt for _, attempt, _, _ in workers.trace()] == [1, 2, 3]
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED, seconds=60)
    assert len(workers.trace()) == 4


def test_two_workers_run_each_run_exactly_once(workers: Workers) -> None:
    workers.start()
    workers.start()
    names = ("sample_quick", "sample_quick_2", "sample_quick_3")
    runs = [ask_for(name) for _ in range(12) for name in names]
    for run in runs:
        wait_for_state(run, RunState.SUCCEEDED, seconds=60)
    assert sorted(run for run, _, _, _ in workers.trace()) == sorted(run.pk for run in runs)
    assert {attempt for _, attempt, _, _ in workers.trace()} == {1}


def test_long_jobs_on_all_processes_are_not_mistaken_for_a_wedge(workers: Workers) -> None:
    worker = workers.start()
    runs = [ask_for("sample_slow"), ask_for("sample_slow_2")]
    wait_for(lambda: WorkerHeartbeat.objects.filter(busy=2).exists())
    started = time.monotonic()
    wait_for(lambda: time.monotonic() - started > PATIENCE_SECONDS + 2, seconds=25)
    assert workers.heartbeat(worker, replacements=0, busy=2)
    workers.let_slow_jobs_end()
    for run in runs:
        wait_for_state(run, RunState.SUCCEEDED)
        assert run.attempt == 1


def test_frozen_queue_is_noticed_and_replaced_within_thirty_seconds(workers: Workers) -> None:
    worker = workers.start()
    for process in workers.pool(worker):
        process.suspend()
    started = time.monotonic()
    wait_for(lambda: workers.heartbeat(worker, replacements=1), seconds=30, what="replacement")
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED, seconds=30)
    assert time.monotonic() - started < 45
    warning = Event.objects.get(step="Worker", level="WARN")
    assert warning.message.startswith("job queue replaced: a free worker has not answered")


def test_killed_master_is_replaced(workers: Workers) -> None:
    worker = workers.start()
    before = {process.pid for process in workers.queue_processes()}
    [master] = psutil.Process(worker.pid).children()
    master.kill()
    wait_for(lambda: workers.heartbeat(worker, replacements=1))
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED)
    assert not before & {process.pid for process in workers.queue_processes()}


@pytest.mark.parametrize("name", ["sentinel", "first child", "last child"])
def test_any_killed_queue_process_is_survived(workers: Workers, name: str) -> None:
    worker = workers.start()
    [master] = psutil.Process(worker.pid).children()
    [sentinel] = master.children()
    children = sentinel.children()
    {"sentinel": sentinel, "first child": children[0], "last child": children[-1]}[name].kill()
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED, seconds=45)


@pytest.mark.alone
def test_stop_ends_within_eight_seconds_and_gives_running_work_back(workers: Workers) -> None:
    worker = workers.start()
    run = ask_for("sample_slow")
    wait_for(workers.trace)
    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert time.monotonic() - started < 8
    assert workers.queue_processes() == []
    run.refresh_from_db()
    assert (run.state, run.attempt) == (RunState.WAITING_RETRY, 1)
    assert run.error == "the worker was stopped before the job ended"
    assert WorkerHeartbeat.objects.get().stopped_at
    workers.let_slow_jobs_end()
    workers.start(proven=False)
    wait_for_state(run, RunState.SUCCEEDED)
    assert run.attempt == 2


def test_idle_worker_stops_at_once(workers: Workers) -> None:
    worker = workers.start()
    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert time.monotonic() - started < 8
    assert workers.queue_processes() == []


def test_killed_supervisor_leaves_no_orphans(workers: Workers) -> None:
    worker = workers.start()
    ask_for("sample_slow")
    wait_for(workers.trace)
    assert len(workers.queue_processes()) >= 6
    worker.kill()
    worker.wait()
    wait_for(lambda: workers.queue_processes() == [], seconds=5, what="end of the orphans")


def test_database_that_goes_away_and_comes_back_loses_and_repeats_nothing(workers: Workers) -> None:
    worker = workers.start()
    run = ask_for("sample_slow")
    wait_for(workers.trace)
    with database_away():
        time.sleep(1.5)  # what is away for less may not be noticed at all
    workers.let_slow_jobs_end()
    wait_for_state(run, RunState.SUCCEEDED)
    assert run.attempt == 1
    wait_for_state(ask_for("quick"), RunState.SUCCEEDED)
    assert worker.poll() is None
