"""The whole platform as an operator runs it: `manage.py up` in a folder of its own, on ports of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import psycopg

from tests.database import give_migrated_cluster
from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent
T = TypeVar("T")
PROGRAMS = {
    "postgres": "/postgres ",
    "simulator": "apps.broker.simulator",
    "gateway": "manage.py gateway",
    "worker": "manage.py worker",
    "sentinel": "manage.py sentinel",
    "web": "manage.py web",
}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()


class Platform:
    """`is_new`: with an empty folder, as at the very first start; else its database has been migrated."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None, is_new: bool = False) -> None:
        self.folder = folder
        self._is_new = is_new
        self.web_port, self.broker_port, self.control_port = free_ports(3)
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        inherited = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL"}}
        self.environment = {
            **inherited,
            "DATABASE_URL": "",
            "TRADEOPS_VAR": str(folder),
            "WEB_PORT": str(self.web_port),
            "IBKR_PORT": str(self.broker_port),
            "SIMULATOR_CONTROL_PORT": str(self.control_port),
            "IBKR_RESTART_STARTS_AT": "00:00",
            "IBKR_RESTART_ENDS_AT": "00:00",
            "IBKR_REGION": "NONE",
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }

    def start(self) -> Self:
        if not self._is_new and not (self.folder / "postgres").exists():
            give_migrated_cluster(self.folder / "postgres")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._collect, args=[self.process], daemon=True).start()
        try:
            self.wait_until_healthy()
        except AssertionError:
            # Nobody else would: what did not start is not left running.
            self.stop()
            raise
        return self

    def wait_until_healthy(self, seconds: float = 300) -> None:
        wait_for(self._healthy_or_dead, seconds=seconds, what=f"/health OK\n{self.output[-6000:]}")

    def _healthy_or_dead(self) -> bool:
        assert self.process is not None and self.process.poll() is None, f"`up` ended:\n{self.output}"
        return self.get("/health") == (200, "OK")

    def stop(self) -> float:
        """Ask for a clean stop; the seconds it took."""
        assert self.process is not None
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.monotonic() - started

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def password(self) -> str:
        found = re.search(r"with the password\s+(\S+)", self.output)
        assert found, self.output
        return found.group(1)

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, name: str) -> psutil.Process | None:
        """The program's process itself: the oldest match among the supervisor's direct children."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children():
            try:
                if PROGRAMS[name] in " ".join(child.cmdline()) + " ":
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def kill(self, name: str) -> None:
        process = self.find(name)
        assert process is not None, f"{name} is not running"
        process.kill()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Status and body; (0, reason) when nothing answers."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def get_json(self, path: str, token: str) -> tuple[int, Any]:
        status, body = self.get(path, {"Authorization": f"Bearer {token}"})
        return status, json.loads(body) if body else None

    def manage(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def control(self, command: str) -> dict[str, Any]:
        """One line to the simulator's control port."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=10) as connection:
            connection.sendall(command.encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
        assert answer["ok"], answer
        return answer

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        address = json.loads((self.folder / "postgres" / "address.json").read_text())
        dsn = f"postgresql://tradeops:{address['password']}@127.0.0.1:{address['port']}/tradeops"
        with psycopg.connect(dsn, connect_timeout=3) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def session_state(self) -> str:
        rows = self.query("SELECT state FROM broker_gatewaysession")
        return rows[0][0] if rows else ""

    def wait_until_ready(self, seconds: float = 60) -> None:
        wait_for(lambda: self.session_state() == "ready", seconds=seconds, what=f"session ready\n{self.output[-3000:]}")

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line.rstrip("\n"))
