"""A stop does not wait behind slow pages for a connection to the database."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apps.broker.choices import TradingPermission
from apps.broker.models import EmergencyRun, TradingState
from apps.console import reserved
from tests.console.web_process import WebProcess
from tests.waiting import wait_for
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = "/api/snapshots/positions/"
TABLE = "snapshots_positionsnapshot"


@pytest.fixture
def busy(transactional_db: None, make_token: Callable[..., str]) -> Iterator[WebProcess]:
    """Its only pooled connection is held by one request for a locked table, and others wait for it."""
    viewer, settings = make_token("slow"), {"DATABASE_POOL_SIZE": "1"}
    with WebProcess(conninfo(), settings=settings) as process, psycopg.connect(conninfo()) as holder:
        assert process.get(SLOW, token=viewer).status == 200
        holder.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        ask = {"target": process.get, "args": [SLOW], "kwargs": {"token": viewer, "timeout": 60}}
        slow = [threading.Thread(**ask) for _ in range(6)]
        for thread in slow:
            thread.start()
        wait_for(lambda: holder.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (1,))
        yield process
        holder.rollback()
        for thread in slow:
            thread.join()


def test_stop_lands_while_the_pool_is_taken(busy: WebProcess, make_token: Callable[..., str]) -> None:
    for _ in range(6):
        # Somebody is impatient: page asked for, and hung up.
        with socket.create_connection(("127.0.0.1", busy.port)) as impatient:
            impatient.sendall(b"GET /stop/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    request = urllib.request.Request(
        f"{busy.origin}/api/emergency/halt",
        json.dumps({"reason": "the pages hang"}).encode(),
        {"Authorization": f"Bearer {make_token('rita', 'risk')}", "Content-Type": "application/json"},
    )
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202
    assert time.monotonic() - begun < 2
    assert EmergencyRun.objects.get().reason == "the pages hang"
    assert TradingState.objects.get().permission == TradingPermission.HALTED


def test_press_that_ends_badly_leaves_no_place_taken(monkeypatch: pytest.MonkeyPatch, rf: RequestFactory) -> None:
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "pool", {})
    for name in ("leave_the_pool", "return_to_the_pool"):
        monkeypatch.setattr(reserved, name, lambda: None)

    def fail(request: HttpRequest) -> HttpResponse:
        raise SystemExit

    for request in [rf.post("/api/emergency/halt"), rf.get("/stop/")] * 5:
        with pytest.raises(SystemExit):
            reserved.ReservedConnectionMiddleware(fail)(request)
    for request, count in ((rf.post("/stop/"), 4), (rf.get("/stop/"), 2)):
        places = [reserved.place_for(request) for _ in range(count)]
        assert None not in places and reserved.place_for(request) is None
        for place in places:
            place.release()  # type: ignore[union-attr]
    assert reserved.place_for(rf.get("/api/emergency/1")) is None and reserved.place_for(rf.post("/desk/")) is None
