"""The commands that the originals' operators know, and what they say when something is missing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django.fixtures import Settings

from apps.console.management.commands import web
from apps.console.selftest import maths, pages, report
from apps.console.selftest.pages import policy_problems
from apps.jobs import registry
from apps.jobs.domain.retries import doubling_delays
from apps.jobs.management.commands import worker
from apps.jobs.supervision.supervisor import Supervisor
from manage import with_underscores
from tradeops.management.commands import dashboard, scheduler

ROOT = Path(__file__).parent.parent.parent


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.mission(2)
@pytest.mark.django_db
def test_scheduler_is_the_worker_with_a_table_of_planned_jobs(caplog: pytest.LogCaptureFixture) -> None:
    output = StringIO()
    command = scheduler.Command(stdout=output)
    with caplog.at_level("INFO", logger="apps.jobs"):
        command.announce(Supervisor())
    table = output.getvalue()
    assert "Next (UTC)" in table and "35 16 * * * UTC" in table and "weekly_report" in table
    assert "planned: daily_snapshot 35 16 * * * UTC, next 2" in caplog.text
    assert scheduler.Command.handle is worker.Command.handle, "one path only"


@pytest.mark.mission(29)
def test_dashboard_serves_the_web_pages_and_names_a_taken_port() -> None:
    assert dashboard.Command.handle is web.Command.handle
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused = manage("dashboard", WEB_PORT=str(port))
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in refused.stderr


@pytest.mark.mission(1)
@pytest.mark.mission(32)
def test_selftest_fails_without_a_platform_and_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        closed = str(holder.getsockname()[1])
    nowhere = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "IBKR_PORT": closed, "WEB_PORT": closed}
    done = manage("selftest", "--json", **nowhere)
    assert done.returncode == 1
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["maths, flat equity"]["verdict"] == "ok"
    assert checks["broker"]["verdict"] == checks["snapshot"]["verdict"] == checks["stats"]["verdict"] == "fail"
    assert "Failed to connect to IBKR" in checks["broker"]["detail"]
    assert "manage.py up" in checks["snapshot"]["remedy"]


@pytest.mark.mission(1)
def test_selftest_finds_wrong_maths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.reports.domain.ratios.TRADING_DAYS_A_YEAR", 365)
    verdicts = {check.name: check.verdict for check in maths.try_maths()}
    assert verdicts["maths, rise and fall"] == "fail"
    assert verdicts["maths, flat equity"] == "ok"


@pytest.mark.mission(1)
def test_selftest_makes_the_page_itself_where_no_web_runs(db: None, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        settings.WEB_PORT = holder.getsockname()[1]
    verdicts = {check.name: check.verdict for check in pages.try_pages()}
    assert verdicts.pop("web") == "warn"
    assert set(verdicts.values()) == {"ok"} and "content policy" in verdicts


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("", "no content-security-policy"),
        ("object-src 'none'; base-uri 'none'; frame-ancestors 'none'", "scripts may come from anywhere"),
        (
            "default-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
            "script sources are open",
        ),
        ("default-src 'self'; object-src 'none'; base-uri 'none'", "frame-ancestors is open"),
    ],
)
def test_open_content_policy_is_found(policy: str, problem: str) -> None:
    assert problem in "; ".join(policy_problems(policy))


def test_missing_header_fails() -> None:
    verdicts = {check.name: check.verdict for check in pages.judge_headers({"x-frame-options": "DENY"})}
    assert verdicts == {"no sniffing": "fail", "no framing": "ok", "no referrer": "fail", "content policy": "fail"}


def test_trial_that_breaks_is_a_failure_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> list[object]:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(report, "TRIALS", {"broken": breaks, "maths": maths.try_maths})
    first, *others = report.run_trials()
    assert (first.name, first.verdict, first.detail) == ("broken", "fail", "ZeroDivisionError: by nought")
    assert len(others) == len(maths.CASES)


@pytest.mark.mission(34)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("WEB_PORT", "eighty"),
        ("HEALTH_PORT", "99999"),
        ("WORKER_PROCESSES", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("MAX_RETRIES", "0"),
    ],
)
def test_scheduler_with_a_wrong_setting_names_the_key(key: str, value: str) -> None:
    refused = manage("scheduler", **{key: value})
    assert refused.returncode == 1
    assert f"Configuration refused: {key}='{value}'" in refused.stderr
    assert "Traceback" not in refused.stderr


def settings_with(**environment: str) -> str:
    """What the settings make of an environment, without the rest of Django."""
    names = "s.WEB_PORT, s.MAX_RETRIES, s.RETRY_BASE_DELAY, s.LOG_DIR, s.LOG_FILE"
    code = f"from tradeops import settings as s; print({names})"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TRADEOPS_VAR": "/tmp/var", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.strip()


@pytest.mark.mission(38)
def test_known_keys_have_their_defaults_and_can_be_changed() -> None:
    assert settings_with() == "8000 3 60 /tmp/var/logs /tmp/var/logs/app.log"
    changed = {"HEALTH_PORT": "8080", "MAX_RETRIES": "5", "RETRY_BASE_DELAY": "10"}
    assert settings_with(**changed, LOG_DIR="/tmp/l", LOG_FILE="/tmp/m.log") == "8080 5 10 /tmp/l /tmp/m.log"
    assert settings_with(HEALTH_PORT="8080", WEB_PORT="9000").startswith("9000 "), "the present name wins"


@pytest.mark.mission(38)
def test_jobs_take_their_attempts_and_delays_from_the_settings() -> None:
    assert registry.find("snapshot").attempts == settings.MAX_RETRIES
    assert registry.find("snapshot").retry_delays == (0, 60, 120)
    assert doubling_delays(5, 10) == (0, 10, 20, 40, 80)


@pytest.mark.parametrize("name", ["scheduler", "dashboard", "selftest", "logs", "schedule_recipes"])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(name, "--help")
    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 200


def test_commands_are_found_with_hyphens_too() -> None:
    assert with_underscores(["manage.py", "run-job", "daily-name"]) == ["manage.py", "run_job", "daily-name"]
    assert with_underscores(["manage.py", "--help-me"]) == ["manage.py", "--help-me"]
