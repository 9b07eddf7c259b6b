"""A stop does not wait behind slow pages for a connection to the database."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest

from apps.broker.choices import TradingPermission
from apps.broker.models import EmergencyRun, TradingState
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
