"""Real server processes: the product on daphne and on uvicorn, the usual way on daphne."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tradeops.processes.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Database:
    url: str
    environment: dict[str, str]
    tokens: list[str]

    def publish(self, first: int, count: int) -> None:
        """Events as any process records them, each in a transaction of its own."""
        statement = (
            "INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor) "
            "VALUES (now(), 'INFO', '', '', 'Benchmark', %s, '{}', '')"
        )
        with psycopg.connect(self.url, autocommit=True) as connection:
            for number in range(first, first + count):
                connection.execute(statement, [f"mark:{number}:{time.time():.6f}"])

    def last_number(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT coalesce(max(number), 0) FROM journal_event").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def database() -> Iterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="tradeops-bench-"))
    process, address = EmbeddedPostgres(folder / "postgres").start()
    environment = {**os.environ, "DATABASE_URL": address.dsn(), "TRADEOPS_VAR": str(folder), "LOG_LEVEL": "ERROR"}
    try:
        manage(environment, "migrate", "--verbosity", "0")
        # One user may have a hundred sockets.
        tokens = [manage(environment, "api_token", "create", f"benchmark-{number}").strip() for number in range(10)]
        yield Database(address.dsn(), environment, tokens)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def product_on_daphne(database: Database) -> Iterator[int]:
    command = [sys.executable, "manage.py", "web", "--port", "0"]
    with running(command, database.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        match = re.search(r":(\d+)/", process.stdout.readline())
        assert match
        yield int(match.group(1))


@contextmanager
def product_on_uvicorn(database: Database) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tradeops.asgi:application", "--port", str(port)]
    command += ["--ws", "apps.console.uvicorn_sockets:SharedFrames", "--log-level", "error"]
    with running(command, database.environment):
        wait_for_port(port)
        yield port


@contextmanager
def usual_on_daphne() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "daphne", "-p", str(port), "-v", "0", "benchmarks._web.usual:application"]
    with running(command, dict(os.environ)):
        wait_for_port(port)
        yield port


@contextmanager
def running(
    command: list[str], environment: dict[str, str], stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"no server came up on port {port}")
