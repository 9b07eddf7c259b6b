from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from django.db import connection

from apps.jobs import registry, services
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.jobs.queue import PERFORM, Entry
from apps.jobs.supervision.channels import Bell
from apps.jobs.supervision.pusher import Pusher
from apps.jobs.supervision.seats import Seats
from tests import commands, emptying
from tests.waiting import wait_for
from tradeops.lib import clock

ROOT = Path(__file__).parent.parent.parent
T = TypeVar("T")


@pytest.fixture
def sample_jobs() -> Iterator[None]:
    """The sample jobs, known to this process while the test runs."""
    yield from known_sample_jobs()


def known_sample_jobs() -> Iterator[None]:
    module = sys.modules.get("tests.jobs.sample_app.tasks")
    before = {job.name for job in registry.all_jobs()}
    importlib.reload(module) if module else importlib.import_module("tests.jobs.sample_app.tasks")
    yield
    for job in registry.all_jobs():
        if job.name not in before:
            registry.unregister(job.name)


class Workers:
    """Real `manage.py worker` processes on the test's database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace_file = folder / "trace"
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        parts = connection.settings_dict
        dsn = f"postgresql://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
        return {
            **os.environ,
            "DATABASE_URL": dsn,
            "DJANGO_SETTINGS_MODULE": "tests.jobs.worker_settings",
            "SAMPLE_TRACE": str(self.trace_file),
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *, proven: bool = True) -> subprocess.Popen[bytes]:
        with (self.folder / f"worker-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        if proven:
            wait_for(lambda: self._proven(process), what="first canary")
        return process

    def _proven(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.output
        return self.heartbeat(process, canaries__gt=0) is not None

    def heartbeat(self, process: subprocess.Popen[bytes], **conditions: Any) -> WorkerHeartbeat | None:
        return WorkerHeartbeat.objects.filter(pid=process.pid, **conditions).first()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return commands.manage(*arguments)

    @property
    def output(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))

    def trace(self) -> list[tuple[int, int, str, int]]:
        """(run, attempt, what, pid) of everything that the sample jobs did."""
        if not self.trace_file.exists():
            return []
        lines = [line.split() for line in self.trace_file.read_text().splitlines()]
        return [(int(run), int(attempt), what, int(pid)) for run, attempt, what, pid in lines]

    def trace_of(self, *runs: JobRun) -> list[tuple[int, str]]:
        """(attempt, what) of these runs."""
        wanted = {run.pk for run in runs}
        return [(attempt, what) for run, attempt, what, _ in self.trace() if run in wanted]

    def set_clock_ahead(self, seconds: float) -> None:
        """Of the workers alone, at once; replaced as a whole, for they read it all the time."""
        new = self.trace_file.with_name("ahead.new")
        new.write_text(str(seconds))
        new.replace(self.trace_file.with_name(self.trace_file.name + ".ahead"))

    def let_slow_jobs_end(self) -> None:
        self.trace_file.with_name(self.trace_file.name + ".finish").touch()

    def hold_slow_jobs(self) -> None:
        self.trace_file.with_name(self.trace_file.name + ".finish").unlink()

    def queue_processes(self) -> list[psutil.Process]:
        """django-q2's processes of all workers of this test, whoever their parent is by now."""
        names = set(WorkerHeartbeat.objects.values_list("name", flat=True))
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            command = process.info["cmdline"] or []
            if "jobcluster" in command and names & set(command) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def pool(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """The sentinel's children: workers, monitor and pusher."""
        masters = psutil.Process(process.pid).children()
        return [child for master in masters for sentinel in master.children() for child in sentinel.children()]

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for leftover in self.queue_processes():
            leftover.kill()


@pytest.fixture
def workers(tmp_path: Path, transactional_db: None, sample_jobs: None) -> Iterator[Workers]:
    running = Workers(tmp_path)
    yield running
    running.stop()


class Desk:
    """The pusher with free worker processes, of which there are none in truth: what it would give to whom."""

    def __init__(self, processes: int = 1, runs_at_once: int = 8) -> None:
        self.seats = Seats(processes, Bell())
        for seat in self.seats.all:
            seat.runs_at_once = runs_at_once
        self.pusher = Pusher(self.seats)

    def take(self) -> list[Entry]:
        return [entry for share in self.shares().values() for entry in share]

    def shares(self) -> dict[int, list[Entry]]:
        """By process; every process is free again."""
        for seat in self.seats.all:
            seat.offer()
        runs = [task for task in self.pusher.next_tasks() if task["func"] == PERFORM]
        return {task["seat"]: [Entry(*fields) for fields in task["args"][0]] for task in runs}

    def close(self) -> None:
        self.pusher.disconnect()
        self.seats.dispose()


@pytest.fixture
def desk() -> Iterator[Desk]:
    one = Desk()
    yield one
    one.close()


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Workers]:
    """One worker for all tests of a module that leave it as it was. Each looks at its own runs only."""
    with django_db_blocker.unblock():
        with contextmanager(known_sample_jobs)():
            running = Workers(tmp_path_factory.mktemp("worker"))
            running.start()
            yield running
            running.let_slow_jobs_end()
            running.stop()
        # Only now: every job that is known is given its schedule again.
        emptying.empty()
        connection.close()


def ask_for(name: str) -> JobRun:
    return services.request_run(job=registry.find(name), started_by="test", now=clock.now())


def is_near(lock: datetime | None, moment: datetime | None) -> bool:
    """The queue's times are of the database's clock: they differ from ours by the way there."""
    if lock is None or moment is None:
        return lock is moment
    return abs(lock - moment) < timedelta(seconds=1)


def wait_for_state(run: JobRun, *states: str, seconds: float = 40) -> JobRun:
    def reached() -> JobRun | None:
        run.refresh_from_db()
        return run if run.state in states else None

    return wait_for(reached, seconds=seconds, what=f"{run.job} in {states}, is {run.state}")
