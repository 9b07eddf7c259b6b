"""`manage.py up`: one command brings everything up, keeps it up, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.platform import PROGRAMS, ROOT, Platform
from tests.waiting import wait_for

pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("up"), is_new=True) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.mission(121)
def test_first_start_initialises_the_database_and_shows_a_password_once(platform: Platform) -> None:
    assert re.search(r"Log in as\s+operator\s+with the password", platform.output)
    verified = platform.manage("doctor")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "database initialised" in verified.stdout


@pytest.mark.mission(125)
def test_first_start_is_paper_and_verified_by_health(platform: Platform) -> None:
    assert platform.query("SELECT mode, state FROM broker_gatewaysession") == [("paper", "ready")]
    assert platform.get("/health") == (200, "OK")


def test_second_up_in_the_same_folder_is_refused(platform: Platform) -> None:
    refused = platform.manage("up")
    assert refused.returncode == 1
    assert "already up in this folder" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_killed_program_comes_back(platform: Platform, name: str) -> None:
    platform.wait_until_ready()
    events = platform.query("SELECT count(*) FROM journal_event")[0][0]
    killed = platform.find(name)
    assert killed is not None
    killed.kill()
    wait_for(lambda: platform.find(name) not in (None, killed), seconds=30, what=f"{name} started again")
    platform.wait_until_healthy()
    wait_for(lambda: ready(platform), seconds=60, what="session ready again")
    assert platform.query("SELECT count(*) FROM journal_event")[0][0] >= events


@pytest.mark.timeout(600)
def test_killed_simulator_forgets_no_trade_and_no_order(platform: Platform) -> None:
    platform.wait_until_ready()
    platform.control("trade AAPL BUY 7")
    order = platform.control("order MSFT BUY 2 100")
    before = platform.control("positions")
    killed = platform.find("simulator")
    platform.kill("simulator")
    wait_for(lambda: platform.find("simulator") not in (None, killed), seconds=30, what="simulator started again")
    wait_for(lambda: ready(platform), seconds=60, what="session ready again")
    assert quantities(platform.control("positions")) == quantities(before)
    wait_for(
        lambda: platform.query("SELECT 1 FROM broker_brokerorder WHERE perm_id = %s AND is_open", order["perm_id"]),
        seconds=60,
        what="the order is mirrored",
    )
    wait_for(
        lambda: platform.query("SELECT 1 FROM broker_execution WHERE quantity = 7 AND side = 'BUY'"),
        seconds=90,
        what="the trade is mirrored",
    )


def quantities(answer: dict[str, Any]) -> dict[int, str]:
    return {row["con_id"]: row["quantity"] for row in answer["positions"]}


def ready(platform: Platform) -> bool:
    try:
        return is_ready(platform)
    except psycopg.OperationalError:  # a killed PostgreSQL recovers first
        return False


def is_ready(platform: Platform) -> bool:
    fresh = platform.query("SELECT 1 FROM broker_gatewaysession WHERE heartbeat_at > now() - interval '5 seconds'")
    return bool(fresh) and platform.session_state() == "ready"


def test_taken_web_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    up = Platform(tmp_path)
    with socket.create_server(("127.0.0.1", up.web_port)):
        refused = up.manage("up")
    assert refused.returncode == 1
    assert f"Port {up.web_port} is in use by another program. Choose another with --port." in refused.stderr


def test_simulator_beside_live_settings_is_refused(tmp_path: Path) -> None:
    refused = Platform(tmp_path, environment={"PAPER_TRADING": "false"}).manage("up")
    assert refused.returncode == 1
    assert "start with --no-simulator" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_leaves_no_process_within_ten_seconds(tmp_path: Path, number: signal.Signals) -> None:
    up = Platform(tmp_path).start()
    family = up.family()
    assert len(family) >= len(PROGRAMS)
    assert up.process is not None
    up.process.send_signal(number)
    up.process.wait(10)
    assert psutil.wait_procs(family, timeout=0.5)[1] == []
    assert up.process.returncode == 0, up.output[-3000:]


def test_up_after_its_supervisor_was_killed_starts_again(tmp_path: Path) -> None:
    first = Platform(tmp_path).start()
    family = first.family()
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    psutil.wait_procs(family, timeout=10)
    second = Platform(tmp_path)
    second.web_port, second.environment = first.web_port, first.environment
    with second:
        assert "Log in as" not in second.output
        assert second.get("/health") == (200, "OK")


def test_up_on_a_foreign_database_starts_no_postgres(tmp_path: Path) -> None:
    """Names the setting and the remedy when that database is not there."""
    environment = {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/nothing"}
    refused = Platform(tmp_path, environment=environment).manage("up")
    assert refused.returncode == 1
    assert "Database not reachable" in refused.stdout
    assert "secret" not in refused.stdout + refused.stderr
    assert not (tmp_path / "postgres").exists()


def test_manage_command_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "", "TRADEOPS_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "manage.py up" in result.stderr
    assert "Traceback" not in result.stderr
