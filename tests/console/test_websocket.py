"""The desk's socket, with real clients against a real web process."""

from __future__ import annotations

import json
import socket as sockets
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import connection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from apps.broker.models import GatewaySession
from apps.console import tokens
from apps.journal import selectors
from apps.journal import services as journal
from tests.console.web_process import WebProcess, socket_events
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)
MakeUser = Callable[..., User]
SignIn = Callable[[User], str]


def record(message: str) -> None:
    journal.record(step="Test", message=message)


def close_code(socket: ClientConnection, *, seconds: float = 10) -> int | None:
    """What the server says when it ends the conversation; messages before that are read over."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            socket.recv(timeout=max(0.01, deadline - time.monotonic()))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def sections(socket: ClientConnection, *wanted: str) -> dict[str, Any]:
    """The newest data of each wanted section, once all have come."""
    found: dict[str, Any] = {}
    while not set(wanted) <= set(found):
        message = json.loads(socket.recv(timeout=10))
        if message["type"] == "section":
            found[message["section"]] = message["data"]
    return found


def test_newcomer_gets_the_latest_events_and_every_section(web: WebProcess, token: str) -> None:
    for index in range(120):
        record(f"event {index}")
    with web.socket(token) as socket:
        events = socket_events(socket, until=lambda events: len(events) >= 100)
        assert [event["message"] for event in events] == [f"event {index}" for index in range(20, 120)]
        found = sections(socket, "session", "account", "equity", "positions", "orders", "jobs")
    assert found["session"]["state"] == "unknown"
    assert found["session"]["reason"] == "gateway not running"


def test_event_reaches_the_desk(web: WebProcess, token: str) -> None:
    with web.socket(token, query=f"?after_id={selectors.last_number()}") as socket:
        record("news")
        event = socket_events(socket, until=lambda events: bool(events))[0]
    assert (event["step"], event["message"], event["level"]) == ("Test", "news", "INFO")


def test_mirror_change_reaches_the_desk_as_its_section(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        assert sections(socket, "session", "jobs")["session"]["state"] == "unknown"
        GatewaySession.objects.create(id=1, state="ready", heartbeat_at=clock.now())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('broker_mirror', 'session')")
        started = time.monotonic()
        assert sections(socket, "session")["session"]["state"] == "ready"
        assert time.monotonic() - started < 2


def test_desk_is_pushed_at_most_four_times_a_second(web: WebProcess, token: str) -> None:
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=clock.now())
    with web.socket(token) as socket:
        sections(socket, "session", "jobs")
        started, seen = time.monotonic(), 0
        for _ in range(200):
            GatewaySession.objects.update(heartbeat_at=clock.now())
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify('broker_mirror', 'session')")
        elapsed = time.monotonic() - started
        GatewaySession.objects.update(state="refused", heartbeat_at=clock.now())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('broker_mirror', 'session')")
        while sections(socket, "session")["session"]["state"] != "refused":
            seen += 1
    assert seen <= 4 * (elapsed + 1) + 1


def test_reconnecting_client_gets_exactly_what_it_missed(web: WebProcess, token: str) -> None:
    """Twenty connections one after the other, while somebody writes: together they have every event once."""
    first = selectors.last_number()
    last, seen = first, []
    done = threading.Event()

    def write() -> None:
        for index in range(900):
            record(f"event {index}")
        done.set()
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    while len(seen) < 900:
        with web.socket(token, query=f"?after_id={last}") as socket:
            wanted = min(45, 900 - len(seen))
            part = socket_events(socket, until=lambda events, wanted=wanted: len(events) >= wanted)
        seen += part
        last = seen[-1]["id"]
    writer.join()
    assert [event["message"] for event in seen] == [f"event {index}" for index in range(900)]
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})


def test_client_from_another_life_of_the_database_is_told_to_begin_again(web: WebProcess, token: str) -> None:
    record("the newest")
    with web.socket(token, query="?after_id=999999999") as socket:
        assert json.loads(socket.recv(timeout=5)) == {"type": "reset"}
        assert socket_events(socket, until=lambda events: bool(events))[-1]["message"] == "the newest"


def test_burst_reaches_every_client_without_loss_though_one_stalls(web: WebProcess, token: str) -> None:
    """1,000 events to 50 clients; one of them stops reading."""
    after = selectors.last_number()
    clients = [web.socket(token, query=f"?after_id={after}") for _ in range(50)]
    stalled = frozen_client(web, token)
    results: list[list[int]] = []

    def collect(socket: ClientConnection) -> None:
        with socket:
            events = socket_events(socket, until=lambda events: len(events) >= 1000)
        results.append([event["id"] for event in events])

    threads = [threading.Thread(target=collect, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for index in range(1000):
        record(f"burst {index}")
    for thread in threads:
        thread.join(60)
    stalled.close()
    expected = [event.number for event in selectors.events_after(number=after, limit=1000)]
    assert len(results) == 50
    assert all(result == expected for result in results)


def frozen_client(web: WebProcess, token: str, *, buffer: int = 4096) -> sockets.socket:
    """A client that shakes hands and never reads again."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, buffer)
    raw.connect(("127.0.0.1", web.port))
    raw.sendall(
        (
            f"GET /ws/desk/ HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
    )
    assert raw.recv(64).startswith(b"HTTP/1.1 101")
    return raw


def resident_megabytes(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def test_client_that_does_not_read_is_dropped_and_costs_no_memory(web: WebProcess, token: str) -> None:
    raw = frozen_client(web, token)
    with web.socket(token) as reader:
        before = resident_megabytes(web.process.pid)
        long = "x" * 1900
        for index in range(6000):
            record(f"{index} {long}")
        socket_events(reader, until=lambda events: events[-1]["message"].startswith("5999 ") if events else False)
        grown = resident_megabytes(web.process.pid) - before
    raw.settimeout(15)
    received = drain(raw)
    raw.close()
    assert received < 12_000_000, "the stalled client was served everything: it was never dropped"
    assert grown < 40


def drain(raw: sockets.socket) -> int:
    """How much had been sent before the server hung up."""
    total = 0
    try:
        while chunk := raw.recv(65536):
            total += len(chunk)
    except ConnectionError:
        pass
    return total


def test_strangers_are_closed_without_a_word(web: WebProcess) -> None:
    for credentials in ({}, {"token": "tops_wrong"}, {"cookie": "wrong"}):
        origin = None if "token" in credentials else web.origin
        with web.socket(**credentials, origin=origin) as socket, pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_user_without_a_role_is_closed_as_not_allowed(web: WebProcess, make_user: MakeUser, sign_in: SignIn) -> None:
    with web.socket(cookie=sign_in(make_user(role="")), origin=web.origin) as socket:
        assert close_code(socket) == 4403


def test_unknown_socket_path_is_refused(web: WebProcess, token: str) -> None:
    with pytest.raises(InvalidStatus):
        web.socket(token, path="/ws/elsewhere/")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:{port}", True),
        ("https://127.0.0.1:{port}", False),
        ("http://127.0.0.1", False),
        ("http://127.0.0.1:1", False),
        ("http://localhost:{port}", False),
        ("http://evil.example", False),
        ("http://127.0.0.1:{port}.evil.example", False),
        ("null", False),
        (None, False),
    ],
)
def test_cookie_opens_the_socket_only_from_this_very_origin(
    web: WebProcess, cookie: str, origin: str | None, allowed: bool
) -> None:
    full = origin.format(port=web.port) if origin else None
    if allowed:
        with web.socket(cookie=cookie, origin=full) as socket:
            assert "session" in sections(socket, "session")
    else:
        with pytest.raises(InvalidStatus) as refused:
            web.socket(cookie=cookie, origin=full)
        assert refused.value.response.status_code in (400, 403)


def test_foreign_host_header_is_refused(web: WebProcess, token: str) -> None:
    raw = sockets.create_connection(("127.0.0.1", web.port))
    raw.sendall(
        b"GET /ws/desk/ HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
    )
    assert raw.recv(64).startswith(b"HTTP/1.1 403")
    raw.close()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def log_out(user: User) -> None:
    Session.objects.all().delete()


def change_password(user: User) -> None:
    user.set_password("another long pass phrase")
    user.save()


def take_the_role_away(user: User) -> None:
    user.groups.remove(Group.objects.get(name="viewer"))


@pytest.mark.parametrize(
    ("event", "code"),
    [(deactivate, 4401), (log_out, 4401), (change_password, 4401), (take_the_role_away, 4403)],
)
def test_lost_right_closes_the_socket_within_five_seconds(
    web: WebProcess, make_user: MakeUser, sign_in: SignIn, event: Callable[[User], None], code: int
) -> None:
    user = make_user()
    with web.socket(cookie=sign_in(user), origin=web.origin) as socket:
        sections(socket, "session")
        event(user)
        started = time.monotonic()
        assert close_code(socket, seconds=6) == code
        assert time.monotonic() - started < 5.5


def test_revoked_token_closes_the_socket_within_five_seconds(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        sections(socket, "session")
        tokens.revoke_token(name="robot", actor="test")
        started = time.monotonic()
        assert close_code(socket, seconds=6) == 4401
        assert time.monotonic() - started < 5.5


def test_ping_is_answered(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        socket.send("ping")
        while json.loads(socket.recv(timeout=5)) != {"type": "pong"}:
            pass


def test_twenty_messages_are_fine_and_a_flood_is_not(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        for _ in range(20):
            socket.send("ping")
        sections(socket, "session")
        for _ in range(60):
            socket.send("ping")
        assert close_code(socket) == 4429


def test_frame_above_64_kilobytes_closes(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        socket.send("x" * (64 * 1024 + 1))
        assert close_code(socket) == 1009


def test_binary_frame_closes(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        socket.send(b"\x00\x01")
        assert close_code(socket) == 4003
