"""/api/history/events and /status."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.broker.models import GatewaySession
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.journal import services as journal
from apps.journal.choices import ProcessKind
from apps.journal.models import Event, ProcessHeartbeat
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)


def get(token: str, path: str) -> object:
    return Client().get(path, HTTP_AUTHORIZATION=f"Bearer {token}")


@pytest.mark.mission(96)
def test_events_come_newest_first_and_are_read_as_far_as_they_are_shown(token: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor) "
            "SELECT now(), 'INFO', 'test', '', 'Test', 'event ' || n, '{}', '' FROM generate_series(1, 2000) n"
        )
        cursor.execute("ANALYZE journal_event")
    with CaptureQueriesContext(connection) as asked:
        rows = get(token, "/api/history/events?limit=10").json()
    (query,) = [row["sql"] for row in asked if 'FROM "journal_event"' in row["sql"] and "LIMIT 10" in row["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan" in plan and "Sort" not in plan, plan
    numbers = [row["id"] for row in rows]
    assert len(rows) == 10
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == Event.objects.order_by("-number").values_list("number", flat=True)[0]
    assert set(rows[0]) == {"id", "timestamp", "level", "symbol", "step", "message"}


def test_limit_defaults_to_200(token: str) -> None:
    for index in range(230):
        journal.record(step="Test", message=str(index))
    assert len(get(token, "/api/events").json()) == 200
    assert len(get(token, "/api/events?limit=2000").json()) == 231  # and the token's own


@pytest.mark.parametrize("limit", ["0", "2001", "-1", "x", "1e3", "", "９", "99999999999999999999999"])
def test_bad_limit_is_400_and_named(token: str, limit: str) -> None:
    answer = get(token, f"/api/history/events?limit={limit}")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("limit must be a whole number from 1 to 2000")


def test_slow_database_is_503_after_three_seconds(token: str) -> None:
    """Somebody holds the table: the read ends in time and says so."""
    import psycopg

    from tradeops.lib.listen import conninfo

    with psycopg.connect(conninfo()) as holder:
        holder.execute("LOCK TABLE journal_event IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        answer = get(token, "/api/history/events")
        assert 2.5 < time.monotonic() - started < 5
        holder.rollback()
    assert answer.status_code == 503
    assert "timeout" in answer.json()["detail"]


@pytest.mark.mission(7)
def test_status_has_every_job_the_scheduler_and_the_session(token: str) -> None:
    now = timezone.now()
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=now, synchronised_at=now)
    WorkerHeartbeat.objects.create(
        name="worker", host="here", pid=1, workers=2, started_at=now, heartbeat_at=now, canary_at=now
    )
    for kind in ProcessKind:
        ProcessHeartbeat.objects.create(name=kind, kind=kind, host="here", pid=1, started_at=now, heartbeat_at=now)
    done = now - timedelta(minutes=5)
    JobRun.objects.create(job="job_cleanup", state="succeeded", max_attempts=3, attempt=1, started_by="schedule",
                          created_at=done, started_at=done, ended_at=done)  # fmt: skip
    JobRun.objects.create(job="job_cleanup", state="failed", max_attempts=3, attempt=3, started_by="schedule",
                          created_at=now, started_at=now, ended_at=now)  # fmt: skip
    status = get(token, "/status").json()
    assert (status["health_status"], status["healthy"], status["problems"]) == ("healthy", True, [])
    assert status["scheduler_started"] == now.isoformat()
    assert status["last_heartbeat"] == now.isoformat()
    assert status["session"]["state"] == "ready"
    assert status["jobs"]["job_cleanup"] == {
        "last_start": now.isoformat(),
        "last_end": now.isoformat(),
        "status": "failed",
        "message": "Failed",
        "last_success": done.isoformat(),
    }


@pytest.mark.mission(127)
@pytest.mark.parametrize(
    ("state", "link_up", "connected"),
    [("ready", True, True), ("broker-lost", True, False), ("disconnected", False, False)],
)
def test_status_tells_running_and_connected_apart(token: str, state: str, link_up: bool, connected: bool) -> None:
    now = timezone.now()
    GatewaySession.objects.create(id=1, state=state, heartbeat_at=now, trading_link_up=link_up)
    WorkerHeartbeat.objects.create(
        name="worker", host="here", pid=1, workers=2, started_at=now, heartbeat_at=now, canary_at=now
    )
    status = get(token, "/status").json()
    assert status["bot"] == {"running": True, "last_heartbeat": now.isoformat()}
    assert status["api"] == {"connected": connected}


@pytest.mark.mission(127)
def test_silent_gateway_is_neither_running_nor_connected(token: str) -> None:
    GatewaySession.objects.create(
        id=1, state="ready", heartbeat_at=clock.now() - timedelta(minutes=1), trading_link_up=True
    )
    status = get(token, "/status").json()
    assert (status["bot"]["running"], status["api"]["connected"]) == (False, False)


@pytest.mark.mission(7)
def test_status_of_a_dead_platform_says_what_is_wrong(token: str) -> None:
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=clock.now() - timedelta(minutes=1))
    status = get(token, "/status").json()
    assert status["health_status"] == "unhealthy"
    assert status["session"] == {
        "state": "unknown",
        "reason": "gateway not running",
        "as_of": status["session"]["as_of"],
    }
    found = {finding["key"]: finding for finding in status["findings"]}
    assert {"gateway", "worker", "web", "sentinel"} <= set(found)
    assert [found[key]["sentence"] for key in ("gateway", "worker")] == status["problems"][:2]
    assert all(finding["remedy"] for finding in status["findings"])


def test_unknown_address_in_the_api_is_404_json(token: str) -> None:
    answer = get(token, "/api/no/such/thing")
    assert answer.status_code == 404
    assert set(answer.json()) == {"detail"}
