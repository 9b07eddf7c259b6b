"""Many WebSocket clients in one process, cheap enough that the server is what is measured.

Reads orders from stdin, writes results to stdout, one JSON line each:
    {"connect": [host, port, path, headers, clients]}     {"stall": true}     {"report": true}
Says {"seen": n} when every reading client has event n.
"""

from __future__ import annotations

import json
import re
import resource
import select
import socket
import struct
import sys
import time
from typing import Any

MARK = re.compile(rb"mark:(\d+):(\d+\.\d+)")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Clients:
    def __init__(self) -> None:
        self.poller = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.rest: dict[int, bytes] = {}
        self.counts: dict[int, int] = {}
        self.latencies: list[float] = []
        self.known: dict[bytes, list[tuple[int, float]]] = {}
        self.single: dict[bytes, bytes] = {}

    def connect(self, host: str, port: int, path: str, headers: list[dict[str, str]], count: int) -> None:
        """`headers`: one for each user; the clients take turns with them."""
        for number in range(count):
            connection, rest = handshake(host, port, path, headers[number % len(headers)])
            connection.setblocking(False)
            self.sockets[connection.fileno()] = connection
            self.rest[connection.fileno()] = rest
            self.poller.register(connection.fileno(), select.EPOLLIN)

    def stall_one(self) -> None:
        number = next(iter(self.sockets))
        self.sockets[number].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.poller.unregister(number)
        self.stalled = self.sockets.pop(number)

    def receive(self, number: int) -> None:
        try:
            data = self.sockets[number].recv(16384)
        except BlockingIOError:
            return
        if not data:
            raise SystemExit("the server closed a client that reads")
        now = time.time()
        if not self.rest[number] and (payload := self.single.get(data)) is not None:
            self.note(payload, now)
            return
        self.split(number, self.rest[number] + data, now)

    def split(self, number: int, data: bytes, now: float) -> None:
        position = 0
        while (frame := next_frame(data, position)) is not None:
            if position == 0 and frame[1] == len(data):
                self.single[data] = frame[0]
            payload, position = frame
            self.note(payload, now)
        self.rest[number] = data[position:]

    def note(self, payload: bytes, now: float) -> None:
        marks = self.known.get(payload)
        if marks is None:
            marks = self.known[payload] = [(int(n), float(at)) for n, at in MARK.findall(payload)]
        for number, at in marks:
            self.latencies.append(now - at)
            count = self.counts[number] = self.counts.get(number, 0) + 1
            if count == len(self.sockets):
                say({"seen": number})


def handshake(host: str, port: int, path: str, headers: dict[str, str]) -> tuple[socket.socket, bytes]:
    connection = socket.create_connection((host, port))
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    assert b" 101 " in answer.split(b"\r\n", 1)[0], answer
    return connection, answer.split(b"\r\n\r\n", 1)[1]


def next_frame(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The payload of the next whole (unmasked, unfragmented) frame and where it ends."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1] & 0x7F, at + 2
    if length == 126:
        if len(data) < at + 4:
            return None
        length, start = struct.unpack_from("!H", data, at + 2)[0], at + 4
    elif length == 127:
        if len(data) < at + 10:
            return None
        length, start = struct.unpack_from("!Q", data, at + 2)[0], at + 10
    end = start + length
    return (data[start:end], end) if len(data) >= end else None


def say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def obey(clients: Clients, order: dict[str, Any]) -> None:
    if "connect" in order:
        clients.connect(*order["connect"])
    if "stall" in order:
        clients.stall_one()
    if "forget" in order:
        clients.latencies.clear()
        clients.counts.clear()
    if "report" in order:
        say({"latencies": sorted(clients.latencies), "deliveries": sum(clients.counts.values())})
    else:
        say({"done": True})


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    clients = Clients()
    clients.poller.register(sys.stdin.fileno(), select.EPOLLIN)
    while True:
        for number, _ in clients.poller.poll():
            if number != sys.stdin.fileno():
                clients.receive(number)
                continue
            line = sys.stdin.buffer.raw.readline()  # type: ignore[attr-defined]
            if not line:
                return
            obey(clients, json.loads(line))


if __name__ == "__main__":
    main()
