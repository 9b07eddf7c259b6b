"""The desk's socket tells of stops, orders and guards at once, and takes orders from nobody."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from apps.broker import services as broker
from apps.broker.choices import OrderState, Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun, Order, TradingState
from tests.broker.ledger.builders import make_order
from tests.console.web_process import WebProcess

pytestmark = pytest.mark.django_db(transaction=True)
ATTEMPTS = ("halt", "resume", "close_all", "approve", "cancel", '{"type":"halt","scope":"everything"}', "[1]")


def section_until(socket: ClientConnection, name: str, accept: Any) -> float:
    """Seconds until a section that is accepted came."""
    started = time.monotonic()
    while time.monotonic() - started < 10:
        message = json.loads(socket.recv(timeout=10))
        if message["type"] == "section" and message["section"] == name and accept(message["data"]):
            return time.monotonic() - started
    raise AssertionError(f"no such section {name}")


def test_stop_and_order_are_seen_at_once_and_a_viewer_moves_nothing(web: WebProcess, token: str) -> None:
    with web.socket(token) as socket:
        section_until(socket, "emergencies", lambda data: data["rows"] == [])
        section_until(socket, "guards", lambda data: "limits" in data)
        order = make_order()
        section_until(socket, "ledger", lambda data: [row["id"] for row in data["rows"]] == [str(order.pk)])
        broker.set_trading_state(
            scope=Scope.EVERYTHING,
            permission=TradingPermission.HALTED,
            source=StopSource.MANUAL,
            reason="smoke",
            actor="ann",
        )
        assert section_until(socket, "trading", lambda data: data["permission"] == "halted") < 3
        for text in ATTEMPTS:
            socket.send(text)
        socket.send("ping")
        while json.loads(socket.recv(timeout=10))["type"] != "pong":
            pass
    assert not EmergencyRun.objects.exists()
    assert TradingState.objects.get().permission == TradingPermission.HALTED
    assert Order.objects.get().state == OrderState.PROPOSED
