"""`manage.py web` as an operator meets it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from apps.journal import services as journal
from tests.console.test_websocket import close_code
from tests.console.web_process import ROOT, WebProcess, read_events, socket_events
from tests.waiting import wait_for
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)


def run_web(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "web", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": conninfo(), **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.mission(33)
def test_taken_port_is_named_with_the_remedy() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = run_web("--port", str(port))
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "--port or WEB_PORT" in result.stderr
    assert "Traceback" not in result.stderr


def test_port_comes_from_the_settings() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert f"127.0.0.1:{port}" in run_web(WEB_PORT=str(port)).stderr


def test_sigterm_ends_it_cleanly_and_says_goodbye_to_its_clients(token: str) -> None:
    with WebProcess(conninfo()) as web, web.socket(token) as client:
        client.recv(timeout=10)
        web.process.send_signal(signal.SIGTERM)
        assert close_code(client) == 4001
        assert web.process.wait(10) == 0


def test_static_files_are_served_without_collecting_them() -> None:
    with WebProcess(conninfo()) as web:
        for path in ("/static/console/desk/main.js", "/static/vendor/uplot/uPlot.esm.js", "/static/admin/css/base.css"):
            answer = web.get(path)
            assert answer.status == 200, path
            assert answer.headers["content-type"].startswith(("text/javascript", "text/css")), path


def test_large_answer_to_a_slow_reader_arrives_whole() -> None:
    """Backpressure must slow an answer down, never cut it."""
    with WebProcess(conninfo()) as web:
        whole = len(web.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js").body.encode())
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", web.port))
        raw.sendall(
            b"GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js HTTP/1.1\r\n"
            b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        received = b""
        while chunk := raw.recv(4096):
            received += chunk
        raw.close()
    assert whole > 1_000_000
    assert len(received.partition(b"\r\n\r\n")[2]) == whole


@pytest.mark.parametrize("ws", [[], ["--ws", "apps.console.uvicorn_sockets:SharedFrames"]])
def test_any_asgi_server_serves_the_same(token: str, ws: list[str]) -> None:
    """uvicorn, the second server that the documents name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "tradeops.asgi:application",
            "--port",
            str(port),
            "--log-level",
            "error",
            *ws,
        ],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": conninfo()},
    )
    try:
        web = WebProcess(conninfo())
        web.port = port
        wait_for(lambda: accepts(port), seconds=40)
        assert web.get("/ping").json["ping"] == "pong"
        assert web.get("/api/health", token=token).json["db_ok"] is True
        with web.socket(token) as client:
            journal.record(step="Test", message="over uvicorn")
            events = socket_events(client, until=lambda events: bool(events) and events[-1]["step"] == "Test")
        assert events[-1]["message"] == "over uvicorn"
        with web.stream("/api/events/stream", token) as stream:
            assert read_events(stream, len(events))[-1]["message"] == "over uvicorn"
    finally:
        process.terminate()
        process.wait(15)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
