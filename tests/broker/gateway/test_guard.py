"""Paper and live: port, account, setting and unlock must agree before a session is used."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command

from apps.broker import selectors
from apps.broker.choices import SessionState
from apps.broker.domain.mode import Login, refusal
from apps.broker.models import LiveUnlock
from apps.broker.services import revoke_live, unlock_live
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.running import running
from tests.commands import manage
from tests.waiting import wait_for
from tradeops.lib import clock

ROOT = Path(__file__).resolve().parents[3]


def login(
    *,
    paper: bool,
    port: int,
    accounts: list[str] | None = None,
    account: str = "",
    unlocked: bool = True,
) -> Login:
    return Login(paper, port, account, accounts, unlocked)


@pytest.mark.mission(19)
@pytest.mark.mission(55)
@pytest.mark.mission(199)
@pytest.mark.parametrize("paper", [True, False])
@pytest.mark.parametrize("port", [7497, 4002, 7496, 4001, 5555])
@pytest.mark.parametrize("account", ["DU1234567", "U1234567", "DF1234567", "F1234567"])
@pytest.mark.parametrize("unlocked", [True, False])
def test_only_two_of_all_combinations_are_admitted(paper: bool, port: int, account: str, unlocked: bool) -> None:
    is_paper_account, is_live_port = account.startswith("D"), port in {7496, 4001}
    paper_is_right = paper and is_paper_account and not is_live_port
    live_is_right = not paper and not is_paper_account and is_live_port and unlocked
    reason = refusal(login(paper=paper, port=port, accounts=[account], unlocked=unlocked))
    assert (reason == "") is (paper_is_right or live_is_right), reason


@pytest.mark.mission(199)
def test_refusals_name_the_remedy() -> None:
    assert "IBKR_PORT to 7497" in refusal(login(paper=True, port=7496))
    assert "unlock_live" in refusal(login(paper=False, port=7496, unlocked=False))
    assert "7496 or 4001" in refusal(login(paper=False, port=7497))
    assert "U1 is a live account" in refusal(login(paper=True, port=7497, accounts=["U1"]))
    assert "DU1 is a paper account" in refusal(login(paper=False, port=4001, accounts=["DU1"]))
    assert "DU1, DU2" in refusal(login(paper=True, port=7497, accounts=["DU1", "DU2"]))
    assert "IBKR_ACCOUNT=DU9" in refusal(login(paper=True, port=7497, accounts=["DU1"], account="DU9"))
    assert refusal(login(paper=True, port=7497, accounts=[])) != ""
    assert refusal(login(paper=True, port=7497, accounts=["DU1", "DU2"], account="DU2")) == ""


@pytest.mark.mission(55)
def test_paper_setting_refuses_a_live_account_before_the_login() -> None:
    assert "U1 is a live account" in refusal(login(paper=True, port=7497, account="U1"))


@pytest.mark.mission(54)
@pytest.mark.mission(125)
def test_settings_are_read_from_the_environment_and_default_to_paper() -> None:
    assert settings_with({}) == "127.0.0.1 7497 1 '' True INFO"
    changed = {
        "IBKR_HOST": "10.0.0.7",
        "IBKR_PORT": "7496",
        "IBKR_CLIENT_ID": "42",
        "IBKR_ACCOUNT": "u7654321",
        "PAPER_TRADING": "false",
        "LOG_LEVEL": "debug",
    }
    assert settings_with(changed) == "10.0.0.7 7496 42 'U7654321' False DEBUG"


def settings_with(changes: dict[str, str]) -> str:
    code = (
        "from django.conf import settings as s; b = s.BROKER; "
        "print(b.host, b.port, b.client_id, repr(b.account), b.paper_trading, s.LOG_LEVEL)"
    )
    names = ("IBKR_HOST", "IBKR_PORT", "IBKR_CLIENT_ID", "IBKR_ACCOUNT", "PAPER_TRADING", "LOG_LEVEL")
    # An empty value counts as not set, and keeps a developer's .env out.
    environment = {**os.environ, **dict.fromkeys(names, ""), **changes, "DJANGO_SETTINGS_MODULE": "tradeops.settings"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.mark.mission(55)
@pytest.mark.django_db(transaction=True)
def test_gateway_refuses_a_live_account_and_leaves() -> None:
    with SimulatorProcess("--accounts", "U1234567") as simulator, running(simulator, ready=False) as gateway:
        row = gateway.wait_state(SessionState.REFUSED)
        assert "U1234567 is a live account" in row.reason
        wait_for(lambda: simulator.control("status")["connections"] == 0)
        assert selectors.session().state is SessionState.REFUSED


@pytest.mark.django_db(transaction=True)
def test_gateway_refuses_an_account_that_the_login_lacks(simulator: SimulatorProcess) -> None:
    with running(simulator, ready=False, account="DU7777777") as gateway:
        assert "not an account of this login" in gateway.wait_state(SessionState.REFUSED).reason


@pytest.fixture
def trader() -> User:
    user = User.objects.create_user("trader")
    user.user_permissions.add(Permission.objects.get(codename="unlock_live"))
    return User.objects.get(id=user.id)


@pytest.mark.mission(199)
@pytest.mark.django_db(transaction=True)
def test_live_session_opens_with_the_unlock_and_closes_with_its_end(trader: User) -> None:
    with SimulatorProcess("--accounts", "U1234567") as simulator:
        live = {"paper_trading": False, "live_ports": frozenset({simulator.port}), "simulated": False}
        with running(simulator, ready=False, **live) as gateway:
            assert "unlock_live" in gateway.wait_state(SessionState.REFUSED).reason
            assert simulator.control("status")["connections"] == 0
            unlock_live(user=trader, reason="Go-live agreed")
            assert gateway.wait_ready().mode == "live"
            revoke_live(user=trader)
            gateway.wait_state(SessionState.REFUSED)
            wait_for(lambda: simulator.control("status")["connections"] == 0)


@pytest.mark.django_db
def test_unlock_command_records_who_and_why(trader: User) -> None:
    call_command("unlock_live", user="trader", reason="Go-live agreed", verbosity=0)
    unlock = LiveUnlock.objects.get()
    assert (unlock.unlocked_by, unlock.reason, unlock.is_active) == (trader, "Go-live agreed", True)
    event = Event.objects.get(step="Live unlock")
    assert event.actor == "trader" and "Go-live agreed" in event.message
    with pytest.raises(CommandError, match="unlocked already"):
        call_command("unlock_live", user="trader", reason="Again")
    call_command("unlock_live", user="trader", revoke=True)
    unlock.refresh_from_db()
    assert not unlock.is_active and unlock.revoked_by == trader
    with pytest.raises(CommandError, match="nothing to revoke"):
        call_command("unlock_live", user="trader", revoke=True)


@pytest.mark.mission(199)
@pytest.mark.django_db(transaction=True)
def test_live_session_waits_for_the_second_person(trader: User) -> None:
    second = User.objects.create_user("second")
    second.user_permissions.add(Permission.objects.get(codename="unlock_live"))
    with SimulatorProcess("--accounts", "U1234567") as simulator:
        live = {"paper_trading": False, "live_ports": frozenset({simulator.port}), "simulated": False}
        with running(simulator, ready=False, **live) as gateway:
            gateway.wait_state(SessionState.REFUSED)
            told = manage("unlock_live", "--user", "trader", "--reason", "Go-live agreed")
            assert "stays locked until a second person" in told.stdout
            with pytest.raises(CommandError, match="Somebody else must confirm"):
                call_command("unlock_live", user="trader", confirm=True)
            assert not selectors.live_is_unlocked() and simulator.control("status")["connections"] == 0
            call_command("unlock_live", user="second", confirm=True, verbosity=0)
            assert gateway.wait_ready().mode == "live"
    unlock = LiveUnlock.objects.get()
    assert (unlock.unlocked_by, unlock.confirmed_by) == (trader, second)


@pytest.mark.django_db
def test_unlock_that_nobody_confirms_lapses(trader: User) -> None:
    second = User.objects.create_user("second")
    second.user_permissions.add(Permission.objects.get(codename="unlock_live"))
    with pytest.raises(CommandError, match="No unlock waits"):
        call_command("unlock_live", user="second", confirm=True)
    call_command("unlock_live", user="trader", reason="Go-live agreed", verbosity=0)
    with pytest.raises(CommandError, match="waits for its second person"):
        call_command("unlock_live", user="second", reason="Me too")
    LiveUnlock.objects.update(unlocked_at=clock.now() - timedelta(days=1))
    with pytest.raises(CommandError, match="within a day"):
        call_command("unlock_live", user="second", confirm=True)
    call_command("unlock_live", user="second", reason="Once more", verbosity=0)
    assert LiveUnlock.objects.filter(is_active=True).get().unlocked_by.username == "second"


@pytest.mark.django_db
def test_unlock_needs_a_person_with_the_permission_and_a_reason(trader: User) -> None:
    User.objects.create_user("guest")
    with pytest.raises(CommandError, match="lacks the permission"):
        call_command("unlock_live", user="guest", reason="Please")
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("unlock_live", user="nobody", reason="Please")
    with pytest.raises(CommandError, match="Say why"):
        call_command("unlock_live", user="trader", reason=" ")
    assert not LiveUnlock.objects.exists()
