"""Random kill -9 of idle queue processes: django-q2's own pool dies of about half of them. Under load: `storm`."""

from __future__ import annotations

import os
import random
import time

import psutil
import pytest

from apps.jobs.choices import RunState
from tests.jobs.conftest import Workers, ask_for, wait_for_state

SEED = int(os.environ.get("KILL_SEED", "20261120"))
ROUNDS = 5
LIMIT_SECONDS = 30


@pytest.mark.timeout(600)
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
