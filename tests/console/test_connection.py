"""The way to the broker, step by step: what is found names the step that fails, and what to do about it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from apps.broker.config import BrokerConfig
from apps.broker.models import GatewaySession
from apps.broker.simulator.testing import SimulatorProcess
from apps.console.doctor import connection
from apps.console.doctor.connection import check_connection
from apps.console.doctor.verdicts import Check, Verdict
from tests.broker.gateway.running import running
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.mission(151)]
STEPS = ["gateway", "network", "port", "credentials", "session"]


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tick_interval=0.25) as process:
        yield process


def steps(config: BrokerConfig, **changes: object) -> dict[str, Check]:
    found = {check.name: check for check in check_connection(dataclasses.replace(config, **changes))}  # type: ignore[arg-type]
    assert list(found) == STEPS
    return found


def verdicts(found: dict[str, Check]) -> str:
    return " ".join(check.verdict for check in found.values())


def test_nothing_that_listens_is_told_from_a_host_that_cannot_be_reached(settings: Settings) -> None:
    found = steps(settings.BROKER, port=1)
    assert verdicts(found) == "fail ok fail warn warn"
    assert "nothing listens at 127.0.0.1:1" in found["port"].detail
    assert "manage.py up" in found["gateway"].remedy and found["session"].remedy == "Mend first: port."
    away = steps(settings.BROKER, host="no-such-host.invalid")
    assert verdicts(away) == "fail fail warn warn warn" and "IBKR_HOST" in away["network"].remedy


def test_port_of_the_other_program_is_found(
    simulator: SimulatorProcess, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAPER_PORTS", frozenset({simulator.port}))
    monkeypatch.setattr(connection, "LIVE_PORTS", frozenset({2}))
    remedy = steps(settings.BROKER, port=1)["port"].remedy
    assert f"{simulator.port} (paper)" in remedy and "set IBKR_PORT" in remedy


def test_missing_login_and_wrong_account_are_credentials(simulator: SimulatorProcess, settings: Settings) -> None:
    GatewaySession.objects.create(state="disconnected", reason="nobody is logged in", heartbeat_at=clock.now())
    unknown = steps(settings.BROKER, port=simulator.port, account="DU7654321")
    assert verdicts(unknown) == "ok ok ok fail fail"
    assert "DU7654321" in unknown["credentials"].remedy or "IBKR_ACCOUNT" in unknown["credentials"].remedy
    simulator.control("accept-close on")
    found = steps(settings.BROKER, port=simulator.port)
    assert verdicts(found) == "ok ok ok fail warn"
    assert "nobody is logged in" in found["credentials"].detail and "Log in to TWS" in found["credentials"].remedy


@pytest.mark.django_db(transaction=True)
def test_connection_that_comes_back_is_found_well_again_by_itself(
    simulator: SimulatorProcess, settings: Settings
) -> None:
    """Nobody presses anything: the broker goes away, the steps say so, and the gateway is ready again afterwards."""
    with running(simulator) as gateway:
        assert verdicts(steps(settings.BROKER, port=simulator.port)) == "ok ok ok ok ok"
        epoch = GatewaySession.objects.get().epoch
        simulator.control("restart 6")
        row = gateway.wait_state("disconnected", seconds=30)  # type: ignore[arg-type]
        assert row.reason
        away = steps(settings.BROKER, port=simulator.port)
        assert away["gateway"].verdict is Verdict.OK and "fail" in verdicts(away)
        gateway.wait_ready(seconds=60)
        assert GatewaySession.objects.get().epoch > epoch
        assert verdicts(steps(settings.BROKER, port=simulator.port)) == "ok ok ok ok ok"


def test_command_tells_the_steps_and_fails_with_them(settings: Settings) -> None:
    settings.BROKER = dataclasses.replace(settings.BROKER, port=1)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--connection", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert ended.value.code == 1 and not told["ok"] and [check["name"] for check in told["checks"]] == STEPS


def test_page_tries_nothing_before_it_is_asked_to(
    settings: Settings, client: Client, make_user: Callable[..., User]
) -> None:
    settings.BROKER = dataclasses.replace(settings.BROKER, port=1)
    assert client.get("/connection/").status_code == 302
    client.force_login(make_user())
    shown = client.get("/connection/").content.decode()
    assert "Check step by step" in shown and "What was found" not in shown
    tried = client.post("/connection/").content.decode()
    assert "nothing listens at 127.0.0.1:1" in tried and "Mend first: port." in tried
