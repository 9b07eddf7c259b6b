"""The event stream, over a real connection to a real web process."""

from __future__ import annotations

import socket as sockets
import threading
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.console import tokens
from apps.journal import selectors
from apps.journal import services as journal
from apps.journal.choices import Level
from tests.console.test_websocket import drain, resident_megabytes
from tests.console.web_process import WebProcess, read_events
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = "/api/events/stream"


def record(message: str, **more: str) -> int:
    journal.record(step="Test", message=message, **more)  # type: ignore[arg-type]
    return selectors.last_number()


@pytest.mark.mission(95, 194)
def test_marker_arrives_within_six_seconds_with_all_fields(web: WebProcess, token: str) -> None:
    after = selectors.last_number()
    with web.stream(f"{STREAM}?after_id={after}", token) as stream:
        started = time.monotonic()
        number = record("marker", symbol="SPY", level=Level.WARN)
        event = read_events(stream, 1, seconds=6)[0]
    assert time.monotonic() - started < 6
    assert set(event) == {"id", "timestamp", "level", "symbol", "step", "message"}
    assert isinstance(event["timestamp"], str)
    assert event | {"timestamp": ""} == {
        "id": number, "timestamp": "", "level": "WARN", "symbol": "SPY", "step": "Test", "message": "marker",
    }  # fmt: skip


@pytest.mark.mission(95)
def test_stream_starts_above_after_id(web: WebProcess, token: str) -> None:
    numbers = [record(f"event {index}") for index in range(5)]
    with web.stream(f"{STREAM}?after_id={numbers[2]}", token) as stream:
        assert [event["id"] for event in read_events(stream, 2)] == numbers[3:]


def test_last_event_id_wins_over_the_address(web: WebProcess, token: str) -> None:
    numbers = [record(f"event {index}") for index in range(5)]
    with web.stream(f"{STREAM}?after_id=0", token, **{"Last-Event-ID": str(numbers[3])}) as stream:
        assert read_events(stream, 1)[0]["id"] == numbers[4]


def test_headers_forbid_buffering_and_first_line_sets_the_retry(web: WebProcess, token: str) -> None:
    with web.stream(f"{STREAM}?after_id={selectors.last_number()}", token) as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-cache"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.readline() == b"retry: 1000\n"


@pytest.mark.mission(95)
def test_idle_stream_sends_keep_alive_comments(web: WebProcess, token: str) -> None:
    with web.stream(f"{STREAM}?after_id={selectors.last_number()}&poll_seconds=0.2", token) as stream:
        started = time.monotonic()
        lines = [stream.readline() for _ in range(8)]
    assert lines.count(b": keep-alive\n") == 3
    assert time.monotonic() - started < 4


def test_long_history_comes_whole_and_in_order_into_the_live_events(web: WebProcess, token: str) -> None:
    """Events are written while the stream catches up: no gap and no repetition at the seam."""
    first = record("first")
    for index in range(1300):
        journal.record(step="Test", message=f"old {index}")
    stop = threading.Event()
    written: list[str] = []

    def keep_writing() -> None:
        while not stop.is_set():
            written.append(f"new {len(written)}")
            journal.record(step="Test", message=written[-1])
        connection.close()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        with web.stream(f"{STREAM}?after_id={first}", token) as stream:
            events = read_events(stream, 1700, seconds=30)
    finally:
        stop.set()
        writer.join()
    numbers = [event["id"] for event in events]
    assert numbers == sorted(set(numbers))
    expected = [event.message for event in selectors.events_after(number=first, limit=1700)]
    assert [event["message"] for event in events] == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("after_id=-1", "after_id"),
        ("after_id=x", "after_id"),
        ("after_id=1.5", "after_id"),
        ("after_id=99999999999999999999", "after_id"),
        ("poll_seconds=0.1", "poll_seconds"),
        ("poll_seconds=11", "poll_seconds"),
        ("poll_seconds=nan", "poll_seconds"),
        ("poll_seconds=", "poll_seconds"),
    ],
)
def test_bad_parameter_is_400_and_named(web: WebProcess, token: str, query: str, name: str) -> None:
    answer = web.get(f"{STREAM}?{query}", token=token)
    assert answer.status == 400
    assert answer.json["detail"].startswith(name)


def test_foreign_origin_is_refused(web: WebProcess, token: str) -> None:
    assert web.get(STREAM, token=token, Origin="https://evil.example").status == 403
    assert web.get(STREAM, token=token, **{"Sec-Fetch-Site": "cross-site"}).status == 403


def test_strangers_are_refused(web: WebProcess) -> None:
    assert web.get(STREAM).status == 401
    assert web.get(STREAM, token="tops_nonsense").status == 401
    assert web.get(STREAM, cookie="nonsense").status == 401


def test_session_opens_the_stream(web: WebProcess, cookie: str) -> None:
    number = record("for people")
    with web.stream(f"{STREAM}?after_id={number - 1}", "", Cookie=f"sessionid={cookie}") as stream:
        assert read_events(stream, 1)[0]["id"] == number


def test_writing_to_the_stream_is_405_in_json(web: WebProcess, token: str) -> None:
    answer = web.get(STREAM, token=token, method="DELETE")
    assert answer.status in (403, 405)
    assert set(answer.json) == {"detail"}


def test_revoked_token_ends_the_stream_within_five_seconds(web: WebProcess, token: str) -> None:
    with web.stream(f"{STREAM}?after_id={selectors.last_number()}&poll_seconds=0.2", token) as stream:
        stream.readline()
        tokens.revoke_token(name="robot", actor="test")
        started = time.monotonic()
        while stream.readline():
            assert time.monotonic() - started < 5.5
    assert web.get(STREAM, token=token).status == 401


def test_deactivated_user_loses_the_stream_within_five_seconds(
    web: WebProcess, make_user: Callable[..., User], sign_in: Callable[[User], str]
) -> None:
    user = make_user()
    cookie = sign_in(user)
    with web.stream(f"{STREAM}?poll_seconds=0.2", "", Cookie=f"sessionid={cookie}") as stream:
        stream.readline()
        User.objects.filter(pk=user.pk).update(is_active=False)
        started = time.monotonic()
        while stream.readline():
            assert time.monotonic() - started < 5.5


def test_event_arrives_soon(web: WebProcess, token: str) -> None:
    """NOTIFY, not polling: an event is there long before the poll interval of 10 s."""
    with web.stream(f"{STREAM}?after_id={selectors.last_number()}&poll_seconds=10", token) as stream:
        stream.readline()
        started = time.monotonic()
        record("soon")
        read_events(stream, 1, seconds=5)
        assert time.monotonic() - started < 2


def test_health_stays_quick_while_streams_are_open(web: WebProcess, token: str) -> None:
    with web.stream(STREAM, token), web.stream(STREAM, token):
        wait_for(lambda: web.get("/health").status in (200, 503), seconds=2)


def test_reader_that_stops_is_cut_off_and_costs_no_memory(web: WebProcess, token: str) -> None:
    after = selectors.last_number()
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", web.port))
    raw.sendall(
        f"GET {STREAM}?after_id={after} HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    assert raw.recv(64).startswith(b"HTTP/1.1 200")
    before = resident_megabytes(web.process.pid)
    writer = threading.Thread(target=write_long_events, args=[6000])
    with web.stream(f"{STREAM}?after_id={after}", token) as reader:
        writer.start()
        assert read_events(reader, 6000, seconds=60)[-1]["message"].startswith("5999 ")
        writer.join()
        grown = resident_megabytes(web.process.pid) - before
    raw.settimeout(15)
    received = drain(raw)
    raw.close()
    assert received < 11_000_000, "the stalled client was served everything: it was never cut off"
    assert grown < 40


def write_long_events(count: int) -> None:
    for index in range(count):
        journal.record(step="Test", message=f"{index} {'x' * 1900}")
    connection.close()
