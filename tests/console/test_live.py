"""The live endpoints: the broker's answer of this moment, or 503 and why. Never a row, never an empty disguise."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.broker.models import Account, GatewaySession, Instrument, Position, Request
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.running import RunningGateway, running
from tests.console.web_process import Answer, WebProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
LIVE = ["/api/live/account-summary", "/api/live/positions", "/api/live/open-orders"]
ALIASES = ["/api/account-summary/latest", "/api/positions/latest", "/api/open-orders/latest"]

SUMMARY_FIELDS = ["tag", "value", "currency"]
POSITION_FIELDS = [
    "symbol", "exchange", "currency", "position", "avg_cost", "market_price", "market_value", "unrealised_pnl",
    "realised_pnl",
]  # fmt: skip
ORDER_FIELDS = [
    "order_id", "symbol", "exchange", "currency", "action", "order_type", "total_qty", "filled", "remaining", "status",
    "lmt_price", "aux_price",
]  # fmt: skip


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def gateway(simulator: SimulatorProcess, transactional_db: None) -> Iterator[RunningGateway]:
    with running(simulator) as gateway:
        yield gateway


def assert_unavailable(answer: Answer, detail: str) -> None:
    assert answer.status == 503
    assert set(answer.json) == {"detail"}
    assert answer.json["detail"].startswith(detail)
    assert len(answer.json["detail"]) <= 200


def holding() -> None:
    """A position in the tables, as an earlier session left it."""
    now = timezone.now()
    account = Account.objects.create(code="DU1", mode="paper", base_currency="USD", as_of=now)
    spy = Instrument.objects.create(con_id=1, symbol="SPY", sec_type="STK", currency="USD", as_of=now)
    Position.objects.create(account=account, instrument=spy, quantity=Decimal(5), average_cost=Decimal(1), as_of=now)


@pytest.mark.mission(91, 92, 93, 94)
@pytest.mark.parametrize("path", LIVE + ALIASES)
def test_without_a_gateway_it_is_503_though_there_are_rows(web: WebProcess, token: str, path: str) -> None:
    holding()
    assert_unavailable(web.get(path, token=token), "service not ready")


@pytest.mark.mission(94)
@pytest.mark.parametrize("state", ["disconnected", "broker-lost", "planned-restart", "refused"])
def test_without_a_session_it_is_503_not_connected(web: WebProcess, token: str, state: str) -> None:
    holding()
    GatewaySession.objects.create(id=1, state=state, heartbeat_at=timezone.now(), synchronised_at=timezone.now())
    assert_unavailable(web.get("/api/live/positions", token=token), "not connected")


@pytest.mark.mission(94)
def test_gateway_that_does_not_answer_is_503_within_nine_seconds(web: WebProcess, token: str) -> None:
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=timezone.now(), synchronised_at=timezone.now())
    started = time.monotonic()
    assert_unavailable(web.get("/api/live/positions", token=token), "positions unavailable: ")
    assert 7 < time.monotonic() - started < 9.5


def test_concurrent_questions_are_asked_once(web: WebProcess, token: str) -> None:
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=timezone.now(), synchronised_at=timezone.now())
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(web.get("/api/live/open-orders", token=token))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [503] * 8
    assert Request.objects.count() == 1


@pytest.mark.mission(91, 92, 93)
def test_answers_have_the_fields_that_clients_know(
    web: WebProcess, token: str, gateway: Any, simulator: SimulatorProcess
) -> None:
    summary = web.get(LIVE[0], token=token).json
    assert all(list(row) == SUMMARY_FIELDS for row in summary)
    assert {"NetLiquidation", "TotalCashValue"} <= {row["tag"] for row in summary}
    assert all(isinstance(row["value"], float) for row in summary)
    positions = web.get(LIVE[1], token=token).json
    assert positions
    assert all(list(row) == POSITION_FIELDS for row in positions)
    assert all(isinstance(row["position"], float) for row in positions)
    orders = web.get(LIVE[2], token=token)
    assert orders.status == 200
    assert all(list(row) == ORDER_FIELDS for row in orders.json)
    for path, alias in zip(LIVE, ALIASES, strict=True):
        assert web.get(alias, token=token).status == 200, (path, alias)


@pytest.mark.mission(94, 97)
def test_lost_broker_turns_live_into_503_and_leaves_history(
    web: WebProcess, token: str, gateway: Any, simulator: SimulatorProcess
) -> None:
    assert web.get(LIVE[1], token=token).status == 200
    simulator.stop()
    wait_for(lambda: web.get(LIVE[1], token=token).status == 503, seconds=30)
    assert_unavailable(web.get(LIVE[1], token=token), "not connected")
    history = web.get("/api/history/events?limit=10", token=token)
    assert history.status == 200
    assert history.json
