"""kill -9 of random processes of the queue while runs storm through it; then all is counted."""

from __future__ import annotations

import contextlib
import random
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field

import psutil
from django_q.models import OrmQ

from apps.jobs.choices import UNFINISHED, RunState
from apps.jobs.models import JobRun
from tests.jobs.conftest import Workers, ask_for
from tests.jobs.sample_app.names import BRIEF
from tests.waiting import wait_for

ROLES = ("worker", "worker", "pusher", "monitor", "sentinel", "master")
RUNS_AT_ONCE = 24
RECOVERY_SECONDS = 30.0


@dataclass
class Storm:
    """`recoveries` are the seconds from a kill to the end of a run asked for after it, by the role of the killed."""

    workers: Workers
    seed: int
    runs: list[int] = field(default_factory=list)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def blow(self, kills: int) -> None:
        chance = random.Random(self.seed)
        for _ in range(kills):
            self._ask(RUNS_AT_ONCE - unfinished())
            time.sleep(chance.random() * 0.15)
            role = chance.choice(ROLES)
            self._kill(role, chance)
            killed_at = time.monotonic()
            probe = ask_for("quick")
            self.runs.append(probe.pk)
            wait_for(lambda: has_ended(probe), seconds=RECOVERY_SECONDS, what=f"a run after the kill of a {role}")  # noqa: B023
            self.recoveries[role].append(time.monotonic() - killed_at)
        wait_for(lambda: unfinished() == 0, seconds=60, what="end of all runs")

    def _ask(self, count: int) -> None:
        self.runs += [ask_for(BRIEF[(len(self.runs) + number) % len(BRIEF)]).pk for number in range(count)]

    def _kill(self, role: str, chance: random.Random) -> None:
        victims = wait_for(lambda: self._processes(role), seconds=RECOVERY_SECONDS, what=f"a {role}")
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(victims).kill()

    def _processes(self, role: str) -> list[psutil.Process]:
        found = []
        for process in sorted(self.workers.queue_processes(), key=lambda process: process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == f"job-{role}":
                    found.append(process)
        return found

    def check(self) -> None:
        """Nothing lost, nothing worked twice under one attempt, no run beyond its attempts, nothing left over."""
        traced = [(run, attempt) for run, attempt, _, _ in self.workers.trace()]
        assert len(traced) == len(set(traced)), f"seed {self.seed}: an attempt was made twice"
        for run in JobRun.objects.filter(pk__in=self.runs):
            told = f"seed {self.seed}: {run} after attempt {run.attempt}: {run.error}"
            assert run.state == RunState.SUCCEEDED or run.attempt == run.max_attempts, told
            assert run.state != RunState.SUCCEEDED or (run.pk, run.attempt) in traced, told
        assert JobRun.objects.filter(pk__in=self.runs).count() == len(self.runs)
        assert {run for run, _ in traced} <= set(self.runs)
        assert not OrmQ.objects.filter(key="default").exists()

    def table(self) -> str:
        again = JobRun.objects.filter(pk__in=self.runs, attempt__gt=1).count()
        failed = JobRun.objects.filter(pk__in=self.runs).exclude(state=RunState.SUCCEEDED).count()
        lines = [f"seed {self.seed}: {len(self.runs)} runs, {again} tried again, {failed} failed after three kills"]
        for role, seconds in sorted(self.recoveries.items()):
            middle, worst = statistics.median(seconds), max(seconds)
            lines.append(f"  {role:<9}{len(seconds):5} kills   p50 {middle:6.2f}   max {worst:6.2f} s to a run's end")
        return "\n".join(lines)


def unfinished() -> int:
    return JobRun.objects.filter(state__in=UNFINISHED).count()


def has_ended(run: JobRun) -> bool:
    run.refresh_from_db()
    return run.state not in UNFINISHED
