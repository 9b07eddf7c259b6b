"""One process of the platform: started, watched, its lines prefixed, stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, in which folder. `command` is called before every start."""

    name: str
    folder: Path
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM


class Child:
    """A running `Program`, restarted with back-off by whoever calls `keep_alive`."""

    def __init__(self, program: Program, write_line: Callable[[str, str], None]) -> None:
        self.program = program
        self.process: subprocess.Popen[str] | None = None
        self._write_line = write_line
        self._started_at = 0.0
        self._start_again_at = 0.0
        self._pause = FIRST_PAUSE

    def start(self) -> None:
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - own programs, no shell
            list(self.program.command()),
            cwd=self.program.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        threading.Thread(target=self._relay, args=[self.process], daemon=True).start()

    def keep_alive(self) -> None:
        """Start the process again when it has ended, after a pause that doubles while it keeps ending soon."""
        if self.running:
            return
        now = time.monotonic()
        if self.process is not None:
            self._announce_end(now)
        if now >= self._start_again_at:
            self.start()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.running:
            self.process.send_signal(self.program.stop_signal)

    def wait(self, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then kill the whole process group."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._write_line(self.program.name, "did not stop in time: killed")
        self.kill_group()
        self.process.wait()

    def kill_group(self) -> None:
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _announce_end(self, now: float) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if now - self._started_at > STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"exit code {process.returncode}"
        self._write_line(self.program.name, f"ended ({how}): starting again in {self._pause:g} s")
        self._start_again_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _relay(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        for line in process.stdout:
            self._write_line(self.program.name, line.rstrip("\n"))


def _die_with_parent() -> None:
    """Linux: when the supervisor is killed, its children are asked to stop instead of living on unwatched."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
