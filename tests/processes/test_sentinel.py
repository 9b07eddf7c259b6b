"""`manage.py sentinel` as it runs: real processes, a PostgreSQL of its own, a webhook that listens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import pytest

from tests.database import give_migrated_cluster
from tests.platform import ROOT
from tests.processes.webhook import Webhook
from tests.waiting import wait_for
from tradeops.processes.postgres import EmbeddedPostgres

pytestmark = [pytest.mark.timeout(180)]

T = TypeVar("T")

# A worker is believed for 15 s after its last word; then one look and one delivery.
WORKER_TOLD_SECONDS = 25
DATABASE_TOLD_SECONDS = 15
STOP_SECONDS = 5

ALIVE = """
    INSERT INTO broker_gatewaysession (id, state, reason, state_since, heartbeat_at, epoch, mode, host, port,
        trading_link_up, data_link_up, lines_in_use, queue_depth, decode_errors)
    VALUES (1, 'ready', '', now(), now() + interval '1 day', 1, 'paper', '', 0, true, true, 0, 0, 0);
    INSERT INTO journal_processheartbeat (name, kind, host, pid, is_active, started_at, heartbeat_at)
    VALUES ('web', 'web', 'there', 1, true, now(), now() + interval '1 day');
    INSERT INTO jobs_workerheartbeat (name, host, pid, workers, busy, started_at, heartbeat_at, canary_at, canaries,
        replacements)
    VALUES ('elsewhere', 'there', 1, 2, 0, now(), now() + interval '1 day', now() + interval '1 day', 1, 0);
"""


class Watched:
    """A database, a webhook and the processes of one test. Gateway, web and a worker elsewhere are alive for a day."""

    def __init__(self, folder: Path) -> None:
        give_migrated_cluster(folder / "postgres")
        self.cluster = EmbeddedPostgres(folder / "postgres", durable=False)
        self.postgres, self.address = self.cluster.start()
        self.webhook = Webhook()
        self.log = folder / "processes.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.address.dsn(),
            "TRADEOPS_VAR": str(folder),
            "SCHEDULER_WEBHOOK_URL": self.webhook.url,
            "SENTINEL_PING_URL": self.webhook.url + "ping",
            "NOTICES_ALLOW_PRIVATE": "true",
        }

    def manage(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start_sentinel(self) -> subprocess.Popen[bytes]:
        process = self.manage("sentinel", "--quiet", "0")
        self.wait_for(lambda: self.looks(process), what="the sentinel looks")
        return process

    def looks(self, process: subprocess.Popen[bytes], *, is_active: bool | None = None) -> bool:
        rows = self.query("SELECT is_active FROM journal_processheartbeat WHERE pid = %s", process.pid)
        return bool(rows) and is_active in (None, rows[0][0])

    def start_worker(self) -> subprocess.Popen[bytes]:
        process = self.manage("worker")
        proven = "SELECT 1 FROM jobs_workerheartbeat WHERE pid = %s AND canaries > 0"
        self.wait_for(lambda: self.query(proven, process.pid), what="the worker is proven")
        return process

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address.dsn(), connect_timeout=3, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def wait_for_notice(self, subject: str, *, seconds: float) -> dict[str, Any]:
        def arrived() -> dict[str, Any] | None:
            return next((notice for notice in self.webhook.notices if notice["subject"] == subject), None)

        return self.wait_for(arrived, seconds=seconds, what=subject)

    def wait_for(self, look: Callable[[], T], *, seconds: float = 40, what: str) -> T:
        try:
            return wait_for(look, seconds=seconds, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\nheard: {self.webhook.subjects}\n{self.tail}") from None

    @property
    def tail(self) -> str:
        return self.log.read_text()[-3000:]

    def stop_database(self) -> None:
        self.postgres.send_signal(signal.SIGQUIT)
        self.postgres.wait(15)

    def start_database(self) -> None:
        self.postgres, address = self.cluster.start()
        assert address == self.address

    def freeze_database(self, how: signal.Signals) -> None:
        root = psutil.Process(self.postgres.pid)
        for process in [*root.children(recursive=True), root]:
            process.send_signal(how)

    def end_processes(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.processes.clear()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    watched = Watched(tmp_path_factory.mktemp("sentinel"))
    with watched.webhook:
        try:
            yield watched
        finally:
            watched.end_processes()
            if watched.postgres.poll() is None:
                watched.stop_database()


@pytest.fixture
def watched(installed: Watched) -> Iterator[Watched]:
    installed.query("DELETE FROM broker_gatewaysession")
    installed.query("DELETE FROM journal_processheartbeat")
    installed.query("DELETE FROM jobs_workerheartbeat")
    installed.query("DELETE FROM journal_delivery")
    installed.query("DELETE FROM journal_incident")
    installed.query(ALIVE)
    installed.webhook.notices.clear()
    yield installed
    installed.end_processes()


@contextmanager
def taking(*, less_than: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < less_than


@pytest.mark.mission(10)
@pytest.mark.mission(131)
def test_killed_worker_and_overdue_job_are_told_of_once_and_their_return_too(watched: Watched) -> None:
    watched.start_sentinel()
    worker = watched.start_worker()
    watched.query("DELETE FROM jobs_workerheartbeat WHERE name = 'elsewhere'")
    with taking(less_than=WORKER_TOLD_SECONDS):
        worker.kill()
        watched.query("UPDATE jobs_jobschedule SET next_due_at = now() - interval '6 min' WHERE job = 'job_cleanup'")
        watched.wait_for_notice("Critical: the worker's heartbeat is stale", seconds=WORKER_TOLD_SECONDS)
    overdue = next(subject for subject in watched.webhook.subjects if "job_cleanup is overdue" in subject)
    watched.start_worker()
    watched.wait_for_notice("Resolved: the worker's heartbeat is stale", seconds=15)
    watched.wait_for_notice(overdue.replace("Warning", "Resolved"), seconds=15)
    assert len(watched.webhook.subjects) == len(set(watched.webhook.subjects)) == 4, watched.webhook.subjects


@pytest.mark.mission(131)
def test_gateway_that_falls_silent_is_a_critical_incident_until_it_is_heard_again(watched: Watched) -> None:
    watched.start_sentinel()
    silent = "UPDATE broker_gatewaysession SET heartbeat_at = now() - interval '1 minute'"
    watched.query(silent)
    watched.wait_for_notice("Critical: the gateway's heartbeat is stale", seconds=30)
    rows = watched.query("SELECT severity FROM journal_incident WHERE key = 'gateway' AND resolved_at IS NULL")
    assert rows == [("critical",)]
    watched.query("UPDATE broker_gatewaysession SET heartbeat_at = now() + interval '1 day'")
    watched.wait_for_notice("Resolved: the gateway's heartbeat is stale", seconds=30)


def test_dead_database_is_told_of_directly_once_and_written_down_afterwards(watched: Watched) -> None:
    """Also by a sentinel that has never seen it, to the webhook of its settings."""
    watched.start_sentinel()
    watched.stop_database()
    with Webhook() as elsewhere:
        newcomer = watched.manage("sentinel", SCHEDULER_WEBHOOK_URL=elsewhere.url)
        with taking(less_than=DATABASE_TOLD_SECONDS):
            notice = watched.wait_for_notice("Critical: database unavailable", seconds=DATABASE_TOLD_SECONDS)
        assert watched.address.password not in notice["body"]
        watched.wait_for(lambda: elsewhere.subjects == [notice["subject"]], what="the newcomer's notice")
        newcomer.kill()
    watched.start_database()
    watched.wait_for_notice("Resolved: database unavailable", seconds=15)
    rows = watched.query(
        "SELECT severity, resolved_at > opened_at, detail FROM journal_incident WHERE key = 'database'"
    )
    assert [row[:2] for row in rows] == [("critical", True)]
    assert "The database was away from" in rows[0][2]
    assert watched.webhook.subjects == ["Critical: database unavailable", "Resolved: database unavailable"]


@pytest.mark.alone
def test_hanging_database_is_told_of_and_does_not_keep_the_sentinel_from_stopping(watched: Watched) -> None:
    sentinel = watched.start_sentinel()
    watched.freeze_database(signal.SIGSTOP)
    try:
        watched.wait_for_notice("Critical: database unavailable", seconds=DATABASE_TOLD_SECONDS)
        with taking(less_than=STOP_SECONDS):
            sentinel.terminate()
            assert sentinel.wait(10) == 0, watched.tail
    finally:
        watched.freeze_database(signal.SIGCONT)


def test_of_two_sentinels_one_tells_and_the_other_takes_its_place(watched: Watched) -> None:
    first = watched.start_sentinel()
    second = watched.start_sentinel()
    watched.wait_for(lambda: watched.looks(second, is_active=False), what="standby")
    watched.query("UPDATE broker_gatewaysession SET heartbeat_at = now() - interval '1 min'")
    notice = watched.wait_for_notice("Critical: the gateway's heartbeat is stale", seconds=15)
    assert set(notice) == {"subject", "body", "timestamp"}
    assert notice["timestamp"].endswith("+00:00")
    assert "manage.py up" in notice["body"]
    first.kill()
    watched.wait_for(lambda: watched.looks(second, is_active=True), seconds=10, what="the standby is active")
    watched.query("UPDATE broker_gatewaysession SET heartbeat_at = now() + interval '1 day'")
    watched.wait_for_notice("Resolved: the gateway's heartbeat is stale", seconds=15)
    assert watched.webhook.subjects == [
        "Critical: the gateway's heartbeat is stale",
        "Resolved: the gateway's heartbeat is stale",
    ]


def test_clean_stop_takes_less_than_five_seconds_and_leaves_no_trace_of_death(watched: Watched) -> None:
    sentinel = watched.start_sentinel()
    watched.wait_for(lambda: watched.webhook.pings, what="somebody outside was told that it lives")
    with taking(less_than=STOP_SECONDS):
        sentinel.terminate()
        assert sentinel.wait(10) == 0, watched.tail
    assert watched.query("SELECT name FROM journal_processheartbeat WHERE kind = 'sentinel'") == []
