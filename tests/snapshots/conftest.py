"""A real simulated broker and a real gateway on the test's database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from apps.broker.simulator.testing import SimulatorProcess
from tests import commands
from tests.broker.gateway.running import running

ROOT = Path(__file__).parent.parent.parent


class Desk:
    """Simulator, gateway, commands, and processes of the platform with the environment of both."""

    def __init__(self, simulator: SimulatorProcess, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder
        parts = connection.settings_dict
        dsn = f"postgresql://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
        self.environment = {
            **os.environ,
            "DATABASE_URL": dsn,
            "IBKR_PORT": str(simulator.port),
            "IBKR_SIMULATED": "true",
            # Whatever the hour: within a planned restart jobs wait instead of failing.
            "IBKR_REGION": "NONE",
            "IBKR_RESTART_STARTS_AT": "00:00",
            "IBKR_RESTART_ENDS_AT": "00:00",
        }
        self._stack = ExitStack()

    def start(self, command: str) -> None:
        with (self.folder / f"{command}.log").open("wb") as log:
            arguments = [sys.executable, "manage.py", command]
            process = subprocess.Popen(arguments, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self._stack.callback(end, process)

    def start_gateway(self) -> None:
        """In a thread; `start("gateway")` makes a process of its own."""
        self._stack.enter_context(running(self.simulator))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return commands.manage(*arguments)

    def stop(self) -> None:
        self._stack.close()


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def desk(simulator: SimulatorProcess, tmp_path: Path, transactional_db: None) -> Iterator[Desk]:
    desk = Desk(simulator, tmp_path)
    try:
        desk.start_gateway()
        yield desk
    finally:
        desk.stop()
