"""Logs, status file, self-test and doctor of a platform as an operator runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.platform import Platform
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("operations")) as running:
        running.wait_until_ready()
        done = running.manage("run_job", "snapshot")
        assert done.returncode == 0, done.stderr
        yield running


def log(platform: Platform, name: str) -> str:
    path = platform.folder / "logs" / name
    return path.read_text() if path.exists() else ""


def status_file(platform: Platform) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(log(platform, "scheduler_status.json"))
    return document


def checks_of(platform: Platform, command: str) -> dict[str, dict[str, str]]:
    document = json.loads(platform.manage(command, "--json").stdout)
    return {check["name"]: check for check in document["checks"]}


@pytest.mark.mission(1)
@pytest.mark.mission(32)
def test_selftest_passes_on_a_running_platform(platform: Platform) -> None:
    done = platform.manage("selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The self-test has passed." in done.stdout
    for line in ("broker", "account values", "fills", "snapshot", "content policy", "maths, flat equity", "stats"):
        assert f"ok    {line}" in done.stdout, line
    assert f"127.0.0.1:{platform.web_port}" in done.stdout


@pytest.mark.mission(31)
@pytest.mark.mission(61)
def test_each_log_tells_its_own(platform: Platform) -> None:
    scheduler, broker, everything = (log(platform, f"{name}.log") for name in ("scheduler", "execution_logger", "app"))
    assert "job start: daily_snapshot" in scheduler and "session ready" not in scheduler
    assert "session ready" in broker and "job start" not in broker
    assert "job start: daily_snapshot" in everything and "session ready" in everything
    learning = log(platform, "learning.log")
    assert "snapshot of DU1234567: equity" in learning and "session ready" not in learning
    assert "snapshot of DU1234567: equity" in everything and "snapshot of" not in scheduler
    assert not (platform.folder / "logs" / "trades.log").exists(), "a file that nobody writes"


@pytest.mark.mission(2)
def test_scheduler_log_names_the_planned_jobs_with_times_and_zone(platform: Platform) -> None:
    scheduler = log(platform, "scheduler.log")
    assert "planned: daily_snapshot 35 16 * * * UTC, next 2" in scheduler
    assert "planned: weekly_rebalance 0 20 * * 0 UTC, next 2" in scheduler


@pytest.mark.mission(40)
def test_phrases_that_procedures_look_for_are_stable(platform: Platform) -> None:
    scheduler = log(platform, "scheduler.log").splitlines()
    for phrase in ("job start: daily_snapshot", "job completed: daily_snapshot"):
        assert [line for line in scheduler if phrase in line and line[10] == "T" and " INFO " in line], phrase


@pytest.mark.mission(60)
def test_logs_command_lists_and_shows(platform: Platform) -> None:
    assert "scheduler.log" in platform.manage("logs").stdout
    shown = platform.manage("logs", "scheduler", "--lines", "2").stdout.splitlines()
    assert len(shown) == 2 and all(" apps.j" in line for line in shown)
    refused = platform.manage("logs", "../secret_key")
    assert refused.returncode == 1 and "Choose one of: app.log" in refused.stderr


@pytest.mark.mission(63)
@pytest.mark.mission(64)
@pytest.mark.mission(65)
@pytest.mark.mission(66)
def test_doctor_sees_the_worker_and_counts_snapshots_schedules_and_bytes(platform: Platform) -> None:
    checks = checks_of(platform, "doctor")
    assert checks["snapshots"]["verdict"] == checks["schedules"]["verdict"] == "ok"
    assert "1 portfolio snapshot in the last 24 h" in checks["snapshots"]["detail"]
    assert "daily_snapshot" in checks["schedules"]["detail"]
    assert checks["worker"]["verdict"] == checks["job daily_snapshot"]["verdict"] == "ok"
    assert float(checks["database size"]["detail"].split()[0]) > 5


@pytest.mark.mission(57)
def test_cron_recipe_runs_its_job_without_a_login_shell(platform: Platform, tmp_path: Path) -> None:
    settings = tmp_path / "tradeops.env"
    keys = ("TRADEOPS_VAR", "WEB_PORT", "IBKR_PORT", "SIMULATOR_CONTROL_PORT", "DATABASE_URL")
    settings.write_text("".join(f"{key}={platform.environment[key]}\n" for key in keys))
    made = platform.manage(
        "schedule_recipes", "--kind", "cron", "--output", str(tmp_path), "--environment-file", str(settings)
    )
    assert made.returncode == 0, made.stderr
    [line] = [line for line in (tmp_path / "tradeops.crontab").read_text().splitlines() if "daily_snapshot" in line]
    assert line.startswith("35 16 * * * cd /")
    # As cron does it: /bin/sh, an empty environment, the home folder.
    command = line.split(" ", 5)[5].replace("\\%", "%")
    done = subprocess.run(["/usr/bin/env", "-i", "/bin/sh", "-c", command], cwd="/", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    kept = log(platform, "snapshot_cron.log").splitlines()
    assert "run start: daily_snapshot" in kept[0]
    assert "daily_snapshot, run" in kept[1] and "'total_equity'" in "".join(kept)
    assert "run completed: daily_snapshot (exit code 0" in kept[-1]


@pytest.mark.mission(8)
def test_status_file_has_the_agreed_shape_and_is_what_status_answers(platform: Platform) -> None:
    run = wait_for(lambda: snapshot_status(platform), seconds=30, what="the run in the status file")
    status = status_file(platform)
    assert set(status) == {"scheduler_started", "last_heartbeat", "jobs"}
    assert set(run) == {"last_start", "last_end", "status", "message", "last_success"}
    for moment in (status["scheduler_started"], status["last_heartbeat"], run["last_start"], run["last_success"]):
        assert moment.endswith("+00:00")
        assert abs((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()) < 200
    assert run["status"] == "success" and run["last_success"] == run["last_end"]
    token = platform.manage("api_token", "create", "status", "--role", "viewer").stdout.strip()
    wait_for(
        lambda: platform.get_json("/status", token)[1]["jobs"]["daily_snapshot"] == snapshot_status(platform),
        seconds=30,
        what="the file says what /status answers",
    )
    assert not list((platform.folder / "logs").glob(".scheduler_status.json.*")), "a draft was left"


def snapshot_status(platform: Platform) -> dict[str, str] | None:
    run: dict[str, str] = status_file(platform)["jobs"]["daily_snapshot"]
    return run if run["status"] == "success" else None


@pytest.mark.mission(68)
@pytest.mark.mission(35)
def test_scheduled_run_without_the_broker_says_where_it_failed_and_what_to_do(platform: Platform) -> None:
    platform.control("restart 30")
    wait_for(lambda: platform.session_state() == "disconnected", seconds=30, what="the broker is away")
    assert platform.manage("run_job", "snapshot", "--no-wait").returncode == 0
    said = wait_for(lambda: failure_line(platform), seconds=60, what="the failure in scheduler.log")
    address = f"Failed to connect to IBKR at 127.0.0.1:{platform.broker_port} with client id 1"
    assert address in said and "Start TWS or IB Gateway" in said and "IBKR_HOST and IBKR_PORT" in said


def failure_line(platform: Platform) -> str:
    lines = [line for line in log(platform, "scheduler.log").splitlines() if "job failed: daily_snapshot" in line]
    return lines[-1] if lines else ""


def test_secrets_are_in_no_log(platform: Platform) -> None:
    secrets = [(platform.folder / "secret_key").read_text().strip()]
    secrets.append(platform.password)
    secrets.append(json.loads((platform.folder / "postgres" / "address.json").read_text())["password"])
    for path in Path(platform.folder / "logs").iterdir():
        text = path.read_text()
        assert not [secret for secret in secrets if secret in text], path.name
