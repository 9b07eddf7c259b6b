"""The doctor says what is wrong and what to do, and never takes the patient's silence for health."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from apps.broker.simulator.testing import ROOT, SimulatorProcess
from apps.console.doctor import broker, machine
from apps.console.doctor.verdicts import Verdict


def doctor(**environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(result.stdout)
    assert document["ok"] is (result.returncode == 0), result.stdout + result.stderr
    return result.returncode, {check["name"]: check for check in document["checks"]}


@pytest.mark.mission(103)
def test_unreachable_database_fails_with_the_remedy_and_without_its_password() -> None:
    dsn = "postgresql://desk:top-secret@127.0.0.1:1/trades"
    code, checks = doctor(DATABASE_URL=dsn, IBKR_PORT="1")
    assert code == 1
    assert checks["database"]["verdict"] == "fail"
    assert "manage.py up" in checks["database"]["remedy"]
    assert "top-secret" not in json.dumps(checks)


@pytest.mark.mission(62)
def test_unreachable_gateway_names_the_address_and_the_settings() -> None:
    code, checks = doctor(IBKR_PORT="1")
    assert code == 1
    assert checks["broker"]["verdict"] == "fail"
    assert "Failed to connect to IBKR" in checks["broker"]["detail"]
    assert "127.0.0.1:1" in checks["broker"]["detail"]
    assert "IBKR_HOST and IBKR_PORT" in checks["broker"]["detail"]


@pytest.mark.mission(62)
@pytest.mark.django_db
def test_reachable_gateway_is_reported_with_account_and_clock(settings: Settings) -> None:
    with SimulatorProcess(tick_interval=0.25) as simulator:
        config = dataclasses.replace(settings.BROKER, port=simulator.port)
        checks = {check.name: check for check in broker.check_broker(config)}
    assert checks["broker"].verdict is Verdict.OK
    assert "DU1234567" in checks["account, mode"].detail
    assert checks["broker clock"].verdict is Verdict.OK


@pytest.mark.mission(199)
@pytest.mark.django_db
def test_live_account_under_a_paper_setting_fails(settings: Settings) -> None:
    with SimulatorProcess("--accounts", "U7654321", tick_interval=0.25) as simulator:
        config = dataclasses.replace(settings.BROKER, port=simulator.port)
        checks = {check.name: check for check in broker.check_broker(config)}
    assert checks["account, mode"].verdict is Verdict.FAIL
    assert "U7654321 is a live account" in checks["account, mode"].remedy


@pytest.mark.django_db
def test_gateway_that_nobody_has_logged_in_to_is_told_apart(settings: Settings) -> None:
    with SimulatorProcess(tick_interval=0) as simulator:
        simulator.control("accept-close on")
        config = dataclasses.replace(settings.BROKER, port=simulator.port)
        checks = {check.name: check for check in broker.check_broker(config)}
    assert checks["broker"].verdict is Verdict.FAIL
    assert "nobody is logged in" in checks["broker"].detail


@pytest.mark.mission(99)
@pytest.mark.django_db
def test_client_id_of_another_system_fails(settings: Settings) -> None:
    settings.BROKER = dataclasses.replace(settings.BROKER, port=1, client_id=10)
    checks = {check.name: check for check in broker.check_broker(settings.BROKER)}
    assert checks["client ids"].verdict is Verdict.FAIL
    assert "IBKR_CLIENT_ID" in checks["client ids"].remedy


def test_secret_readable_by_others_fails(tmp_path: Path) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text("secret")
    secret.chmod(0o644)
    check = machine.check_secrets(secret_key="k" * 50, debug=False, files=[secret])
    assert check.verdict is Verdict.FAIL
    assert f"chmod 600 {secret}" in check.remedy
    secret.chmod(0o600)
    assert machine.check_secrets(secret_key="k" * 50, debug=False, files=[secret]).verdict is Verdict.OK


def test_debug_mode_fails() -> None:
    assert machine.check_secrets(secret_key="k" * 50, debug=True, files=[]).verdict is Verdict.FAIL


def test_pages_for_the_world_without_tls_fail() -> None:
    assert machine.check_exposure("0.0.0.0", https=False).verdict is Verdict.FAIL  # noqa: S104 - the refused case
    assert machine.check_exposure("0.0.0.0", https=True).verdict is Verdict.OK  # noqa: S104 - behind a proxy
