"""Random kill -9 of idle queue processes: django-q2's pool dies of about half of them, and jobs go on regardless."""

from __future__ import annotations

import contextlib
import os
import random
import time

import psutil
import pytest

from apps.jobs.choices import RunState
from tests.jobs.conftest import Workers, ask_for, wait_for_state

SEED = int(os.environ.get("KILL_SEED", "20261120"))
ROUNDS = 5
KILLS = int(os.environ.get("KILL_ROUNDS", "5"))
LIMIT_SECONDS = 30


@pytest.mark.timeout(300)
def test_jobs_complete_within_thirty_seconds_of_killing_idle_processes(workers: Workers) -> None:
    chance = random.Random(SEED)
    supervisor = workers.start()
    waits = []
    for turn in range(ROUNDS):
        # The first two of the sentinel's children are its workers, idle between rounds.
        victims = sorted(workers.pool(supervisor), key=lambda process: process.pid)[:2]
        for victim in chance.sample(victims, k=chance.choice([1, 2])):
            victim.kill()
        started = time.monotonic()
        run = wait_for_state(ask_for("quick"), RunState.SUCCEEDED, seconds=LIMIT_SECONDS)
        waits.append(time.monotonic() - started)
        assert run.attempt == 1, f"seed {SEED}, round {turn}"
        assert psutil.pid_exists(supervisor.pid)
    assert len({run for run, _, _, _ in workers.trace()}) == len(workers.trace()) == ROUNDS
    print("seconds from the kill to the result:", [round(wait, 1) for wait in waits])


@pytest.mark.timeout(400)
def test_no_run_is_lost_or_overdone_when_any_queue_process_is_killed(workers: Workers) -> None:
    """Master, sentinel, workers, monitor and pusher alike, while runs are in the queue."""
    chance = random.Random(SEED)
    workers.start()
    runs = []
    for turn in range(KILLS):
        runs += [ask_for(name) for name in ("sample_quick", "sample_quick_2", "sample_quick_3")]
        victim = chance.choice(sorted(workers.queue_processes(), key=lambda process: process.pid))
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
        for run in runs[-3:]:
            wait_for_state(run, RunState.SUCCEEDED, seconds=2 * LIMIT_SECONDS)
            assert run.attempt <= run.max_attempts, f"seed {SEED}, round {turn}"
    traced = [(run, attempt) for run, attempt, _, _ in workers.trace()]
    assert len(traced) == len(set(traced)), "an attempt was made twice"
    assert {run for run, _ in traced} == {run.pk for run in runs}
