"""What the web process says while its database is away, hangs, and is back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.console.web_process import WebProcess
from tests.own_database import OwnDatabase
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnDatabase]:
    database = OwnDatabase(tmp_path_factory.mktemp("outage") / "postgres")
    try:
        yield database
    finally:
        database.stop()


@pytest.fixture(scope="module")
def token(database: OwnDatabase) -> str:
    return database.manage("api_token", "create", "watcher").strip()


@pytest.fixture
def web(database: OwnDatabase) -> Iterator[WebProcess]:
    with WebProcess(database.url) as process:
        yield process
        if database.process.poll() is not None:
            database.start_again()


@pytest.mark.mission(89)
def test_health_is_ok_while_the_database_is_there(web: WebProcess, token: str) -> None:
    answer = web.get("/api/health", token=token)
    assert answer.status == 200
    health = answer.json
    assert set(health) == {"status", "db_ok", "db_error", "db_path", "problems"}
    assert (health["status"], health["db_ok"], health["db_error"]) == ("ok", True, None)


@pytest.mark.mission(90, 102, 103)
def test_dead_database_is_degraded_fast_and_without_credentials(
    web: WebProcess, database: OwnDatabase, token: str
) -> None:
    assert web.get("/api/health", token=token).json["db_ok"]
    database.stop()
    for _ in range(3):
        started = time.monotonic()
        answer = web.get("/api/health", token=token)
        assert time.monotonic() - started < 4
        assert answer.status == 200
        assert (answer.json["status"], answer.json["db_ok"]) == ("degraded", False)
        assert answer.json["db_error"]
        assert database.address.password not in answer.body
        assert "tradeops:" not in answer.body
    database.start_again()
    wait_for(lambda: web.get("/api/health", token=token).json["db_ok"], seconds=10)


@pytest.mark.mission(103)
def test_nothing_hangs_and_nothing_is_500_while_the_database_is_dead(
    web: WebProcess, database: OwnDatabase, token: str
) -> None:
    assert web.get("/api/events", token=token).status == 200
    database.stop()
    wait_for(lambda: web.get("/health").body == "database unavailable", seconds=8)
    for path in ("/api/events", "/api/live/positions", "/status", "/api/events/stream"):
        started = time.monotonic()
        answer = web.get(path, token=token)
        assert answer.status == 503, (path, answer.body)
        assert set(answer.json) == {"detail"}
        assert time.monotonic() - started < 1, path
    page = web.get("/desk/", cookie="whatever")
    assert page.status == 503
    assert "The database is not reachable" in page.body
    assert web.get("/health").status == 503
    assert web.get("/ping").status == 200
    database.start_again()
    wait_for(lambda: web.get("/api/events", token=token).status == 200, seconds=10)


def test_unknown_token_gets_no_answer_while_the_database_is_dead(web: WebProcess, database: OwnDatabase) -> None:
    database.stop()
    wait_for(lambda: web.get("/health").body == "database unavailable", seconds=8)
    answer = web.get("/api/health", token="tops_never_seen")
    assert (answer.status, answer.json) == (503, {"detail": "database not reachable"})
    assert web.get("/api/health").status == 401


def test_hanging_database_is_degraded_fast(web: WebProcess, database: OwnDatabase, token: str) -> None:
    """Not refused, not answered: the process is stopped while its port stays open."""
    assert web.get("/api/health", token=token).json["db_ok"]
    database.pause(signal.SIGSTOP)
    try:
        wait_for(lambda: web.get("/health").body == "database unavailable", seconds=8)
        started = time.monotonic()
        answer = web.get("/api/health", token=token)
        assert time.monotonic() - started < 4
        assert (answer.status, answer.json["db_ok"]) == (200, False)
    finally:
        database.pause(signal.SIGCONT)
    wait_for(lambda: web.get("/api/health", token=token).json["db_ok"], seconds=10)


def test_open_stream_goes_on_after_an_outage_without_a_gap(web: WebProcess, database: OwnDatabase, token: str) -> None:
    from tests.console.web_process import read_events

    with web.stream("/api/events/stream?poll_seconds=0.5", token) as stream:
        first = read_events(stream, 1)[0]
        database.stop()
        wait_for(lambda: web.get("/health").body == "database unavailable", seconds=8)
        database.start_again()
        database.manage("api_token", "create", f"second-{time.time_ns()}")
        event = read_events(stream, 1, seconds=20)[0]
    assert event["id"] > first["id"]
    assert event["step"] == "Token"
