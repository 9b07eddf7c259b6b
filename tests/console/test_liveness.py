"""/health and /ping: for everybody, from memory, and never a 500."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.broker.models import GatewaySession
from apps.console.health.findings import sentences_of_critical
from apps.console.selectors.health import find_findings
from apps.jobs.models import WorkerHeartbeat
from apps.journal.choices import ProcessKind
from apps.journal.models import ProcessHeartbeat
from tests.console.web_process import WebProcess
from tests.waiting import wait_for
from tradeops.lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def alive() -> None:
    now = timezone.now()
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=now)
    WorkerHeartbeat.objects.create(
        name="worker", host="here", pid=1, workers=2, started_at=now, heartbeat_at=now, canary_at=now
    )
    for kind in ProcessKind:
        ProcessHeartbeat.objects.create(name=kind, kind=kind, host="here", pid=1, started_at=now, heartbeat_at=now)


@pytest.mark.mission(6)
def test_health_says_exactly_ok(alive: None) -> None:
    answer = Client().get("/health")
    assert (answer.status_code, answer.content) == (200, b"OK")


def test_silent_gateway_is_503(alive: None) -> None:
    GatewaySession.objects.update(heartbeat_at=clock.now() - timedelta(seconds=16))
    answer = Client().get("/health")
    assert (answer.status_code, answer.content) == (503, b"the gateway's heartbeat is stale")


@pytest.mark.parametrize("state", ["disconnected", "broker-lost", "refused"])
def test_broker_away_for_more_than_five_minutes_is_503(alive: None, state: str) -> None:
    since = clock.now() - timedelta(minutes=6)
    GatewaySession.objects.update(state=state, state_since=since)
    answer = Client().get("/health")
    assert answer.status_code == 503
    assert answer.content.decode() == f"no broker session since {since:%Y-%m-%d %H:%M} UTC"


@pytest.mark.parametrize(("state", "minutes"), [("disconnected", 4), ("planned-restart", 20)])
def test_expected_absence_of_the_broker_is_no_illness(alive: None, state: str, minutes: int) -> None:
    GatewaySession.objects.update(state=state, state_since=clock.now() - timedelta(minutes=minutes))
    assert Client().get("/health").status_code == 200


def test_dead_worker_is_503(alive: None) -> None:
    WorkerHeartbeat.objects.update(heartbeat_at=clock.now() - timedelta(seconds=60))
    assert b"heartbeat is stale" in Client().get("/health").content


def test_fresh_installation_is_unhealthy_and_says_why_line_by_line() -> None:
    ProcessHeartbeat.objects.all().delete()
    problems = sentences_of_critical(find_findings(now=clock.now()))
    assert problems[:3] == ("the gateway's heartbeat is stale", "no worker is running", "no web process is running")
    assert "no sentinel is running" in problems[3]
    assert Client().get("/health").content.decode().splitlines() == list(problems)


@pytest.mark.mission(115)
def test_ping_says_pong_with_the_time() -> None:
    answer = Client().get("/ping").json()
    assert answer["ping"] == "pong"
    assert answer["timestamp"].endswith("+00:00")


@pytest.mark.mission(6)
@pytest.mark.django_db(transaction=True)
def test_web_process_turns_healthy_and_unhealthy_with_the_platform(web: WebProcess, alive: None) -> None:
    wait_for(lambda: web.get("/health").body == "OK")
    assert web.get("/health").status == 200
    WorkerHeartbeat.objects.all().delete()
    wait_for(lambda: web.get("/health").status == 503)
    assert web.get("/health").body == "no worker is running"


@pytest.mark.django_db(transaction=True)
def test_web_process_answers_ping_and_head(web: WebProcess) -> None:
    assert web.get("/ping").json["ping"] == "pong"
    head = web.get("/ping", method="HEAD")
    assert (head.status, head.body) == (200, "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_liveness_cannot_be_written_to(web: WebProcess, method: str) -> None:
    assert web.get("/health", method=method).status in (403, 405)
