"""One PostgreSQL, a database for each queue, each queue's worker and the process that drives it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from tradeops.processes.postgres import Address, EmbeddedPostgres

ROOT = Path(__file__).parent.parent.parent
READY = "ready"
STOP_SECONDS = 20


def end(worker: subprocess.Popen[Any]) -> None:
    """django-q2's stop may hang: then all that it left behind is killed."""
    left = psutil.Process(worker.pid).children(recursive=True) if worker.poll() is None else []
    try:
        worker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


class Contender:
    """A queue with its worker running."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self._environment = {**os.environ, **environment}
        self._driver = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks._jobs.{name}"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._driver.stdout is not None
        assert self._driver.stdout.readline().strip() == READY

    @contextmanager
    def working(self) -> Iterator[None]:
        """While the block runs, its worker does."""
        with (Path(self._environment["TRADEOPS_VAR"]) / f"{self.name}.log").open("ab") as log:
            worker = subprocess.Popen(WORKERS[self.name], cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            worker.send_signal(signal.SIGTERM)
            end(worker)

    def do(self, name: str, argument: Any) -> Any:
        self.begin(name, argument)
        return self.answer()

    def begin(self, name: str, argument: Any) -> None:
        assert self._driver.stdin is not None
        self._driver.stdin.write(json.dumps([name, argument]) + "\n")
        self._driver.stdin.flush()

    def answer(self) -> Any:
        assert self._driver.stdout is not None
        return json.loads(self._driver.stdout.readline())

    def close(self) -> None:
        assert self._driver.stdin is not None
        self._driver.stdin.close()
        end(self._driver)


SETTINGS = {"product": "benchmarks._jobs.product_settings", "usual": "benchmarks._jobs.usual_settings"}
PROCRASTINATE = [sys.executable, "-m", "procrastinate", "--app", "benchmarks._jobs.procrastinated.app"]
PREPARE = {
    "product": [sys.executable, "manage.py", "migrate", "--verbosity=0"],
    "usual": [sys.executable, "-m", "django", "migrate", "--verbosity=0"],
    "procrastinated": [*PROCRASTINATE, "schema", "--apply"],
}
WORKERS = {
    "product": [sys.executable, "manage.py", "worker"],
    "usual": [sys.executable, "-m", "django", "qcluster"],
    "procrastinated": [*PROCRASTINATE, "--log-level", "warning", "worker"],
}


def environment_of(name: str, dsn: str, folder: Path) -> dict[str, str]:
    """The same level of logging for all: warnings."""
    return {
        "BENCH_DSN": dsn,
        "DATABASE_URL": dsn,
        "DJANGO_SETTINGS_MODULE": SETTINGS.get(name, ""),
        "TRADEOPS_VAR": str(folder),
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def contenders(*names: str) -> Iterator[list[Contender]]:
    """The named queues on one PostgreSQL of its own, with durable commits."""
    folder = Path(tempfile.mkdtemp(prefix="tradeops-bench-"))
    process, address = EmbeddedPostgres(folder / "postgres").start()
    try:
        with ExitStack() as stack:
            yield [prepare(name, address, folder, stack) for name in names]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)
        shutil.rmtree(folder, ignore_errors=True)


def prepare(name: str, address: Address, folder: Path, stack: ExitStack) -> Contender:
    with psycopg.connect(address.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    environment = environment_of(name, address.dsn(name), folder)
    subprocess.run(
        PREPARE[name], cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True, timeout=300
    )
    contender = Contender(name, environment)
    stack.callback(contender.close)
    return contender
