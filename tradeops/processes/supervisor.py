"""`manage.py up`: the whole platform in one terminal."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from apps.broker.config import BrokerConfig
from tradeops.lib.errors import TradeOpsError
from tradeops.processes.child import Child, Program
from tradeops.processes.postgres import Address, EmbeddedPostgres, port_is_free
from tradeops.processes.terminal import Terminal

# Together less than the 10 s that a clean stop may take.
PROGRAMS_STOP_SECONDS = 5.0
SIMULATOR_STOP_SECONDS = 1.0
POSTGRES_STOP_SECONDS = 3.0
WATCH_SECONDS = 0.1
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class UpError(TradeOpsError):
    """The platform cannot come up; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` shall run. `postgres` is None where DATABASE_URL names another server."""

    base_dir: Path
    var_dir: Path
    postgres: EmbeddedPostgres | None
    broker: BrokerConfig
    with_simulator: bool
    control_port: int
    web_host: str
    web_port: int


class Supervisor:
    def __init__(self, plan: Plan, terminal: Terminal) -> None:
        self.plan = plan
        self.terminal = terminal
        self._stopping = False
        self._children: list[Child] = []
        self._postgres: Child | None = None

    def run(self) -> None:
        """Run until SIGINT or SIGTERM, then stop everything.

        Raises UpError when another `up` runs in the same folder, a port is taken, or the settings forbid it.
        """
        with only_one(self.plan.var_dir):
            self._refuse_impossible_plans()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._on_signal)
            try:
                self._bring_up()
                while not self._stopping:
                    self._watch()
            finally:
                self._stop()

    def _bring_up(self) -> None:
        if self.plan.postgres is not None:
            self._start_postgres(self.plan.postgres)
        self._say("bringing the database up to date")
        self._run_to_end("migrate", [*self._manage("migrate"), "--no-input", "--verbosity", "0"])
        self._run_to_end("tradeops", self._manage("create_operator", "--first"))
        self._children = [Child(program, self.terminal.write_line) for program in self._programs()]
        for child in self._children:
            child.start()
        self._say(f"TradeOps is coming up at http://{self.plan.web_host}:{self.plan.web_port}/ (Ctrl-C stops it)")

    def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        self._say("starting the embedded PostgreSQL")
        address = postgres.prepare()
        program = Program(
            "postgres", self.plan.base_dir, lambda: restart_command(postgres, address), stop_signal=signal.SIGINT
        )
        self._postgres = Child(program, self.terminal.write_line)
        self._postgres.start()
        postgres.wait_until_ready(address, self._keep_postgres_alive)

    def _keep_postgres_alive(self) -> bool:
        if self._postgres is not None and not self._stopping:
            self._postgres.keep_alive()
        return not self._stopping

    def _watch(self) -> None:
        self._keep_postgres_alive()
        for child in self._children:
            child.keep_alive()
        time.sleep(WATCH_SECONDS)

    def _programs(self) -> Iterator[Program]:
        plan = self.plan
        simulated = {"IBKR_SIMULATED": "true" if plan.with_simulator else "false"}
        if plan.with_simulator:
            yield Program("simulator", plan.base_dir, lambda: simulator_command(plan))
        yield Program("gateway", plan.base_dir, lambda: self._manage("gateway"), simulated)
        yield Program("worker", plan.base_dir, lambda: self._manage("worker"), simulated)
        yield Program("sentinel", plan.base_dir, lambda: self._manage("sentinel"), simulated)
        web = self._manage("web", "--host", plan.web_host, "--port", str(plan.web_port))
        yield Program("web", plan.base_dir, lambda: web, {**simulated, "DATABASE_POOL_SIZE": "8"})

    def _manage(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.plan.base_dir / "manage.py"), *arguments]

    def _run_to_end(self, name: str, command: Sequence[str]) -> None:
        if self._stopping:
            return
        result = subprocess.run(list(command), capture_output=True, text=True, check=False)  # noqa: S603 - own programs
        for line in (result.stdout + result.stderr).splitlines():
            if line.strip():
                self.terminal.write_line(name, line)
        if result.returncode != 0:
            raise UpError(f"`{' '.join(command[1:])}` failed: the lines above say why.")

    def _refuse_impossible_plans(self) -> None:
        plan = self.plan
        self._refuse_taken_port(plan.web_port, "Choose another with --port.")
        if not plan.with_simulator:
            return
        if not plan.broker.paper_trading:
            raise UpError("PAPER_TRADING=false and the simulator do not go together: start with --no-simulator.")
        if plan.broker.host not in LOOPBACK:
            raise UpError(f"IBKR_HOST={plan.broker.host} is another machine: start with --no-simulator.")
        hint = "If TWS or IB Gateway runs there, start with --no-simulator; else set IBKR_PORT to a free port."
        self._refuse_taken_port(plan.broker.port, hint)
        self._refuse_taken_port(plan.control_port, "Set SIMULATOR_CONTROL_PORT to a free port.")

    def _refuse_taken_port(self, port: int, remedy: str) -> None:
        if not port_is_free(port):
            raise UpError(f"Port {port} is in use by another program. {remedy}")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _stop(self) -> None:
        self._stopping = True
        self._say("stopping")
        family = psutil.Process().children(recursive=True)
        # Everybody who uses the broker or the database ends before it does: nobody shall see them vanish.
        simulators = [child for child in self._children if child.program.name == "simulator"]
        stop_together([child for child in self._children if child not in simulators], PROGRAMS_STOP_SECONDS)
        stop_together(simulators, SIMULATOR_STOP_SECONDS)
        if self._postgres is not None:
            stop_together([self._postgres], POSTGRES_STOP_SECONDS)
        kill_survivors(family)
        self._say("stopped")

    def _say(self, line: str) -> None:
        self.terminal.write_line("tradeops", line)


def simulator_command(plan: Plan) -> list[str]:
    ports = ["--port", str(plan.broker.port), "--control-port", str(plan.control_port)]
    state = ["--state", str(plan.var_dir / "simulator.json")]
    return [sys.executable, "-m", "apps.broker.simulator", *ports, *state]


def restart_command(postgres: EmbeddedPostgres, address: Address) -> list[str]:
    postgres.stop_leftover()
    return postgres.command(address)


def stop_together(children: Sequence[Child], seconds: float) -> None:
    """Ask all at once, wait for each, kill what is left after `seconds`."""
    deadline = time.monotonic() + seconds
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait(deadline)


def kill_survivors(family: list[psutil.Process]) -> None:
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=2)


@contextmanager
def only_one(var_dir: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel releases it however this process ends."""
    var_dir.mkdir(parents=True, exist_ok=True)
    with (var_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise UpError(f"TradeOps is already up in this folder (pid {holder}). Stop that one first.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
