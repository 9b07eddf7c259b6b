"""What can be broken: the simulated broker, the gateway as the real command, its database and the wire to it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import psycopg

from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.chaos.wire import Wire
from tests.broker.gateway.processes import gateway_process
from tests.own_database import OwnDatabase

SUBMITTING = "SELECT 1 FROM broker_order WHERE id = ANY(%s) AND state = 'submitting'"


class BrokenPlatform:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.database = OwnDatabase(self.folder / "postgres", durable=True)
            self._stack.callback(self.database.stop)
            self._forget_the_disk()
            self.wire = Wire(self.database.address.port)
            self._stack.callback(self.wire.close)
            self.simulator = self._stack.enter_context(SimulatorProcess(tick_interval=0.25))
            self._log = self._stack.enter_context((self.folder / "gateway.log").open("w"))
            self._stack.enter_context(self.database.in_use())
            self._gateway = self._stack.enter_context(ExitStack())
            self.start_gateway()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_gateway(self) -> None:
        address = self.database.address
        through_wire = f"postgresql://tradeops:{address.password}@127.0.0.1:{self.wire.port}/tradeops"
        command = gateway_process(self.simulator.port, database=through_wire, output=self._log)
        self._process: subprocess.Popen[str] = self._gateway.enter_context(command)

    def keep_gateway(self) -> None:
        """As `manage.py up` does, which starts again what ended."""
        if self._process.poll() is not None:
            self.kill_gateway()
            self.start_gateway()

    def kill_gateway(self) -> None:
        """kill -9, without a word."""
        self._gateway.close()

    def _forget_the_disk(self) -> None:
        """The server crashes here, never the machine: what it has written the operating system keeps."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    @property
    def gateway_log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def strike_at_commit_of(self, ids: Sequence[UUID], *, kill: bool) -> Callable[[], bool]:
        """In the moment in which one of these orders is committed as being sent the gateway's connection is cut, before
        it hears of the commit; with `kill` the gateway dies first. Returns what tells whether it has happened."""
        process, struck = self._process, threading.Event()

        def strike() -> bool:
            with psycopg.connect(self.database.url, connect_timeout=3) as connection:
                claimed = connection.execute(SUBMITTING, [list(ids)]).fetchone()
            if claimed is None:
                return False
            if kill:
                process.kill()
                process.wait(10)
            struck.set()
            return True

        self.wire.cut_once(strike)
        return struck.is_set
