"""A real `manage.py web` on the test database, and plain clients for it."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 120.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebProcess:
    def __init__(self, database: str, *, settings: dict[str, str] | None = None) -> None:
        self.environment = {**os.environ, "DATABASE_URL": database, **(settings or {})}

    def __enter__(self) -> WebProcess:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "web", "--port", "0"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        if not readable:
            self.__exit__()
            raise AssertionError(f"the web process did not start within {START_SECONDS:g} s")
        match = re.search(r"http://127\.0\.0\.1:(\d+)/", self.process.stdout.readline())
        assert match
        self.port = int(match.group(1))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(
        self, path: str, token: str = "", cookie: str = "", method: str = "GET", timeout: float = 15, **headers: str
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, headers={**credentials(token, cookie), **headers})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode())
        finally:
            connection.close()

    @contextmanager
    def stream(self, path: str, token: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """An answer whose body is still to come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request("GET", path, headers={**credentials(token, ""), **headers})
            yield connection.getresponse()
        finally:
            connection.close()

    def socket(
        self, token: str = "", cookie: str = "", origin: str | None = None, query: str = "", path: str = "/ws/desk/"
    ) -> ClientConnection:
        return connect(
            f"ws://127.0.0.1:{self.port}{path}{query}",
            origin=origin,  # type: ignore[arg-type]
            additional_headers=credentials(token, cookie),
            compression=None,
            open_timeout=15,
            max_queue=None,
            ping_interval=None,
        )


def credentials(token: str, cookie: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return headers | ({"Cookie": f"sessionid={cookie}"} if cookie else {})


def read_events(response: http.client.HTTPResponse, count: int, *, seconds: float = 10) -> list[dict[str, Any]]:
    """The next `count` events of a stream, each with its `id:` line checked against its data."""
    deadline = time.monotonic() + seconds
    events: list[dict[str, Any]] = []
    number = ""
    while len(events) < count:
        assert time.monotonic() < deadline, f"only {len(events)} of {count} events came"
        line = response.readline().decode().rstrip("\n")
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        if line.startswith("data: "):
            events.append(json.loads(line.removeprefix("data: ")))
            assert number == str(events[-1]["id"])
    return events


def socket_events(socket: ClientConnection, *, until: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The events that a socket receives, in order, until the condition holds."""
    events: list[dict[str, Any]] = []
    while not until(events):
        message = json.loads(socket.recv(timeout=10))
        if message["type"] == "events":
            events += message["events"]
    return events
