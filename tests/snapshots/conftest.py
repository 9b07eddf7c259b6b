"""A real simulated broker and the real gateway process on the test's database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection

from apps.broker.choices import SessionState
from apps.broker.models import GatewaySession
from apps.broker.simulator.testing import SimulatorProcess
from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent
T = TypeVar("T")


class Desk:
    """Simulator, gateway, and `manage.py` with the environment of both."""

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
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{command}.log").open("wb") as log:
            arguments = [sys.executable, "manage.py", command]
            process = subprocess.Popen(arguments, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start_gateway(self) -> None:
        self.start("gateway")
        wait_for(self._is_ready, seconds=180, what="gateway ready")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=150, check=False
        )

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _is_ready(self) -> bool:
        assert self.processes[0].poll() is None, (self.folder / "gateway.log").read_text()
        return GatewaySession.objects.filter(state=SessionState.READY).exists()


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def desk(simulator: SimulatorProcess, tmp_path: Path, transactional_db: None) -> Iterator[Desk]:
    desk = Desk(simulator, tmp_path)
    desk.start_gateway()
    yield desk
    desk.stop()
