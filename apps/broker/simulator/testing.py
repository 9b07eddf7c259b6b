"""A simulated gateway as a real process, for tests of this and other parts of the project."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .control.client import ControlError, control

__all__ = ["ControlError", "SimulatorProcess"]

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
STOP_SECONDS = 10.0


class SimulatorProcess:
    """Starts on free ports unless told otherwise. The market moves only on `tick N` unless `tick_interval` is set.

    >>> with SimulatorProcess("--seed", "7") as simulator:
    ...     simulator.control("tick 5")
    """

    def __init__(self, *options: str, tick_interval: float = 0) -> None:
        command = [sys.executable, "-m", "apps.broker.simulator", "--print-ports"]
        command += ["--tick-interval", str(tick_interval), *options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        self.port, self.control_port = self._ports()

    def control(self, line: str) -> dict[str, Any]:
        return control(self.control_port, line)

    def wait_until(self, line: str, key: str, value: object, seconds: float = 5.0) -> dict[str, Any]:
        """Asks until the answer has the value. TimeoutError tells the last answer."""
        deadline = time.monotonic() + seconds
        while (answer := self.control(line)).get(key) != value:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{line}: {key} did not become {value!r}: {answer}")
            time.sleep(0.01)
        return answer

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        """Ends the process and returns its exit code."""
        if self.is_alive:
            self._process.terminate()
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ports(self) -> tuple[int, int]:
        output = self._process.stdout
        if output is None or not select.select([output], [], [], START_SECONDS)[0]:
            self.stop()
            raise TimeoutError(f"the simulator did not start within {START_SECONDS:g} s")
        line = output.readline()
        if not line:
            raise RuntimeError(f"the simulator ended with code {self.stop()} before it was ready; its error is above")
        ports = json.loads(line)
        return ports["port"], ports["control_port"]
