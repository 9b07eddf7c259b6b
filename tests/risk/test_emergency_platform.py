"""The whole platform, its processes killed or frozen around the press, as an operator types it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.platform import ROOT, Platform
from tests.waiting import wait_for

GIVE = """
import uuid
from decimal import Decimal
from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderType, Side
from apps.broker.models import Account, Position
account, held = Account.objects.get(), Position.objects.exclude(quantity=0).filter(instrument__sec_type="STK").first()
for side, price, purpose in [(Side.BUY, "1", OrderPurpose.ENTRY), (Side.SELL, "9000", OrderPurpose.PROTECTIVE)]:
    terms = broker.Terms(account, held.instrument, side, Decimal(1), OrderType.LIMIT, purpose, "test", Decimal(price))
    order = broker.propose_order(terms=terms, idempotency_key=uuid.uuid4().hex, requested_by="test")
    broker.approve_order(order_id=order.pk, actor="test")
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path) as running:
        running.wait_until_ready()
        yield running


def working(platform: Platform) -> list[str]:
    """Prices of what works at the broker, by its own ledger."""
    done = {"Filled", "Cancelled", "Inactive"}
    rows = platform.control("orders")["orders"]
    return sorted(str(row["limit_price"]) for row in rows if row["status"] not in done)


def give(platform: Platform, count: int) -> None:
    """An entry and a protective order."""
    assert platform.manage("shell", "-c", GIVE).returncode == 0
    wait_for(lambda: len(working(platform)) == count, what=f"{count} working orders")


@contextmanager
def frozen(platform: Platform, name: str) -> Iterator[None]:
    """With all its children: it answers nobody, and its sockets stay open."""
    process = platform.find(name)
    assert process is not None
    family = [process, *process.children(recursive=True)]
    for member in family:
        member.suspend()
    try:
        yield
    finally:
        for member in family:
            member.resume()


@pytest.mark.mission(181)
def test_halt_works_with_every_process_killed_and_with_the_database_frozen(platform: Platform) -> None:
    give(platform, 2)
    for name in ("worker", "web", "sentinel", "gateway"):
        platform.kill(name)
    halted = platform.manage("halt", "--reason", "drill", "--yes", "--json")
    receipt = json.loads(halted.stdout)
    assert (halted.returncode, receipt["is_verified"], receipt["came_by"]) == (0, True, "command"), halted.stderr
    assert working(platform) == ["9000.0"], "protection stays"

    platform.wait_until_ready()
    resumed = platform.manage("resume", "--reason", "over", "--user", "operator", "--force", "--yes")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    give(platform, 3)
    with frozen(platform, "postgres"):
        command = [sys.executable, "manage.py", "halt", "--reason", "again", "--yes"]
        press = subprocess.Popen(command, cwd=ROOT, env=platform.environment, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: working(platform) == ["9000.0", "9000.0"], seconds=10, what="cancelled without a database")
    output, _ = press.communicate(timeout=40)
    assert press.returncode == 0 and "Done and verified" in output, output


def press_over_the_api(platform: Platform, token: str) -> int:
    body = json.dumps({"reason": "drill"}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{platform.url}/api/emergency/halt", body, headers)
    with urllib.request.urlopen(request, timeout=40) as answer:
        return int(answer.status)


@pytest.mark.mission(181)
def test_halt_works_while_each_process_in_turn_is_dead(platform: Platform) -> None:
    """Frozen, so that nobody starts it again: by the API, without a web process by the command."""
    token = platform.manage("api_token", "create", "drill", "--role", "risk", "--user", "operator").stdout.split()[-1]
    for number, name in enumerate(("worker", "sentinel", "web"), start=1):
        give(platform, number + 1)
        protection = ["9000.0"] * number
        with frozen(platform, name):
            if name == "web":
                halted = platform.manage("halt", "--reason", "drill", "--yes", "--json", seconds=120)
                assert json.loads(halted.stdout)["is_verified"], halted.stderr
            else:
                assert press_over_the_api(platform, token) == 202
            wait_for(partial(is_halted, platform, protection), seconds=30, what=f"halted without {name}")
        resumed = platform.manage("resume", "--reason", "over", "--user", "operator", "--force", "--yes", seconds=120)
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr


def is_halted(platform: Platform, protection: list[str]) -> bool:
    """By the receipt, and by what works at the simulator."""
    newest = "SELECT state FROM broker_emergencyrun WHERE kind = 'halt' ORDER BY requested_at DESC LIMIT 1"
    return platform.query(newest) == [("done",)] and working(platform) == protection
