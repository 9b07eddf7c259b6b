"""A real HTTP server that answers well, badly, slowly or not at all, by the path it is asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.ended = threading.Event()
        self.drips = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    @property
    def notices(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.received]

    @property
    def subjects(self) -> list[str]:
        return [notice["subject"] for notice in self.notices]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append((self.path, dict(self.headers), body))
        getattr(self, "answer_" + self.path.split("?")[0].strip("/").split("/")[0])()

    def answer_ok(self) -> None:
        self.answer(200)

    def answer_error(self) -> None:
        self.answer(500)

    def answer_created(self) -> None:
        self.answer(201)

    def answer_redirect(self) -> None:
        self.answer(302, Location=self.server.url("ok"))

    def answer_hang(self) -> None:
        self.server.ended.wait(30)

    def answer_close(self) -> None:
        self.close_connection = True

    def answer_drip(self) -> None:
        """One byte of an endless header at a time."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.ended.wait(0.05):
            self.wfile.write(b"x")
            self.server.drips += 1

    def answer_flood(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(400):
            self.wfile.write(b"x" * 65_536)

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join(5)
