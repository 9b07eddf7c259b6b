"""The password is asked for again before anything is loosened or sold, and never before trading is stopped."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, Scope, StopSource, TradingPermission
from apps.broker.models import CashFlow, EmergencyRun, TradingState
from apps.console import throttle
from apps.console.api import emergency as api
from apps.console.trading import stop_views
from apps.journal.models import Event
from apps.risk import services as risk
from apps.risk.choices import BreakKind, BreakState, LimitName, RevisionState
from apps.risk.models import Break, BreakerEvent, LimitRevision
from apps.risk.services import breakers
from tests.broker.ledger.builders import make_account, make_instrument
from tests.console.conftest import PASSWORD
from tradeops.lib import freshness

pytestmark = pytest.mark.django_db
ASKED = "Your password, please"
RESUME = {"scope": "everything", "target": "", "source": "manual", "reason": "the feed is back", "force": "on"}
LIMIT = {"name": "MAX_POSITION_SHARE", "scope": "everything", "target": "", "reason": "bolder, for a week"}
LIMITS = "/admin/risk/limitrevision/"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def quiet(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    for module in (api, stop_views):
        # A thread would go on in the next test's database.
        monkeypatch.setattr(module, "drive", lambda run: None)


@pytest.fixture
def enter(make_user: Callable[..., User]) -> Callable[..., Client]:
    """Signed in through the page, and then idle for so many seconds."""

    def sign_in(name: str = "rita", *, idle: float = 301, role: str = "risk") -> Client:
        make_user(name, role)
        client = Client()
        assert client.post("/admin/login/", {"username": name, "password": PASSWORD}).status_code == 302
        wait(client, idle)
        return client

    return sign_in


def wait(client: Client, seconds: float) -> None:
    session = client.session
    session[freshness.KEY] -= seconds
    session.save()


def confirm(client: Client, address: str, page: Any, password: str = PASSWORD) -> Any:
    """Send on what the page carries, as a browser would."""
    text = page.content.decode()
    assert page.status_code == 403 and ASKED in text
    fields: dict[str, list[str]] = {}
    for name, value in HIDDEN.findall(text):
        fields.setdefault(html.unescape(name), []).append(html.unescape(value))
    return client.post(address, {**fields, "password_again": password})


def halt() -> None:
    broker.set_trading_state(
        scope=Scope.EVERYTHING, permission=TradingPermission.HALTED, source=StopSource.MANUAL, reason="smoke",
        actor="ann",
    )  # fmt: skip


@pytest.mark.parametrize("action", ["halt", "kill", "cancel_all"])
def test_stopping_never_asks(enter: Callable[..., Client], action: str) -> None:
    client = enter(idle=11 * 3600)
    answer = client.post("/stop/", {"action": action, "where": "everything:", "reason": "smoke"})
    assert answer.status_code == 302 and EmergencyRun.objects.count() == 1
    by_api = client.post("/api/emergency/halt", {"reason": "smoke"}, content_type="application/json")
    assert by_api.status_code == 202


def test_close_all_asks_and_then_does_what_was_filled_in(enter: Callable[..., Client]) -> None:
    make_account()
    client, form = enter(), {"action": "close_all", "where": "everything:", "reason": 'the "feed" <is> mad'}
    page = client.post("/stop/", form)
    assert not EmergencyRun.objects.exists() and not TradingState.objects.exists()
    wrong = confirm(client, "/stop/", page, "guess")
    assert "not your password" in wrong.content.decode() and not EmergencyRun.objects.exists()
    done = confirm(client, "/stop/", wrong)
    run = EmergencyRun.objects.get()
    assert done.status_code == 302 and run.kind == EmergencyKind.CLOSE_ALL and run.reason == form["reason"]
    assert client.post("/stop/", form).status_code == 302, "now it is fresh"


def test_resuming_asks_unless_the_password_was_given_within_five_minutes(enter: Callable[..., Client]) -> None:
    client = enter(idle=240)
    halt()
    assert client.post("/stop/resume/", RESUME).status_code == 302
    assert TradingState.objects.get().permission == TradingPermission.ACTIVE
    halt()
    wait(client, 61)
    page = client.post("/stop/resume/", RESUME)
    assert page.status_code == 403 and TradingState.objects.get().permission == TradingPermission.HALTED
    assert confirm(client, "/stop/resume/", page).status_code == 302
    assert TradingState.objects.get().permission == TradingPermission.ACTIVE
    assert EmergencyRun.objects.filter(kind=EmergencyKind.RESUME, reason=RESUME["reason"]).count() == 2


@pytest.mark.parametrize("note", [None, "soon", 1e12])
def test_session_without_a_note_that_makes_sense_is_not_fresh(enter: Callable[..., Client], note: object) -> None:
    client = enter()
    halt()
    session = client.session
    session[freshness.KEY] = note
    session.save()
    assert ASKED in client.post("/stop/resume/", RESUME).content.decode()
    assert TradingState.objects.get().permission == TradingPermission.HALTED


def test_loosening_a_limit_asks_and_tightening_does_not(enter: Callable[..., Client]) -> None:
    client = enter()
    assert client.post(f"{LIMITS}add/", {**LIMIT, "value": "0.2"}).status_code == 302
    assert LimitRevision.objects.get().value == Decimal("0.2")
    refused = client.post(f"{LIMITS}add/", {**LIMIT, "value": "77"}).content.decode()
    assert ASKED not in refused and "must be a number" in refused
    page = client.post(f"{LIMITS}add/", {**LIMIT, "value": "0.4"})
    assert LimitRevision.objects.count() == 1
    assert confirm(client, f"{LIMITS}add/", page).status_code == 302
    loosened = LimitRevision.objects.get(value=Decimal("0.4"))
    assert loosened.state == RevisionState.PENDING and loosened.reason == LIMIT["reason"]


def test_approving_a_loosening_asks_and_refusing_does_not(
    enter: Callable[..., Client], make_user: Callable[..., User]
) -> None:
    client, anna = enter(), make_user("anna", "risk")
    rows = [
        risk.change_limit(name=name, value=Decimal("0.5"), reason="bold", user=anna)
        for name in (LimitName.MAX_POSITION_SHARE, LimitName.MAX_VOLUME_SHARE)
    ]
    page = client.post(LIMITS, {"action": "approve", "_selected_action": [str(row.pk) for row in rows]})
    assert set(LimitRevision.objects.values_list("state", flat=True)) == {RevisionState.PENDING}
    confirm(client, LIMITS, page)
    assert set(LimitRevision.objects.values_list("state", flat=True)) == {RevisionState.ACTIVE}
    more = risk.change_limit(name=LimitName.MAX_POSITION_SHARE, value=Decimal("0.6"), reason="bolder", user=anna)
    wait(client, 301)
    client.post(LIMITS, {"action": "refuse", "_selected_action": [str(more.pk)]})
    more.refresh_from_db()
    assert more.state == RevisionState.REFUSED


def test_closing_a_breaker_booking_a_correction_and_payments_ask(enter: Callable[..., Client]) -> None:
    account = make_account()
    breakers.ensure_breakers()
    row = Break.objects.create(
        account=account, kind=BreakKind.POSITION, subject="1", title="SPY", state=BreakState.OPEN, seen=2,
        ledger_value="0", broker_value="7", instrument=make_instrument(con_id=1),
    )  # fmt: skip
    flow = CashFlow.objects.create(account=account, arrived_at=row.first_seen_at, amount=5, currency="USD")
    payment = {"account": account.pk, "arrived_at_0": "2026-01-07", "arrived_at_1": "14:30:00", "amount": "5"}
    client = enter()
    for address, form, left in (
        ("/admin/risk/breaker/reset/", {"breaker": "market_data", "reason": "mended"}, BreakerEvent.objects.all()),
        (f"/admin/risk/break/{row.pk}/book/", {"reason": "by phone"}, Break.objects.filter(state=BreakState.BOOKED)),
        ("/admin/broker/cashflow/add/", payment, CashFlow.objects.exclude(pk=flow.pk)),
        (
            f"/admin/broker/cashflow/{flow.pk}/delete/",
            {"post": "yes"},
            Event.objects.filter(message__contains="removed"),
        ),
    ):
        page = client.post(address, form)
        assert ASKED in page.content.decode() and not left.exists(), address
        assert confirm(client, address, page).status_code == 302 and left.exists(), address
        wait(client, 301)
    flow = CashFlow.objects.get()
    chosen = {"action": "delete_selected", "_selected_action": [str(flow.pk)], "post": "yes"}
    assert ASKED in client.post("/admin/broker/cashflow/", chosen).content.decode() and CashFlow.objects.exists()


def test_api_asks_sessions_and_leaves_tokens_alone(
    enter: Callable[..., Client], make_token: Callable[..., str]
) -> None:
    make_account()
    client = enter()
    robot = Client(headers={"Authorization": f"Bearer {make_token(role='risk')}"})

    def post(of: Client, what: str) -> Any:
        return of.post(f"/api/emergency/{what}", {"reason": "over"}, content_type="application/json")

    for what in ("close-all", "resume"):
        answer = post(client, what)
        assert answer.status_code == 403 and "five minutes" in answer.json()["detail"]
    assert not EmergencyRun.objects.exists()
    assert post(robot, "close-all").status_code == 202
    wait(client, -301)
    assert post(client, "close-all").status_code == 202


def test_guessing_here_is_counted_as_guessing_at_the_login_is(enter: Callable[..., Client]) -> None:
    client = enter()
    halt()
    page = client.post("/stop/resume/", RESUME)
    for _ in range(throttle.ATTEMPTS):
        page = confirm(client, "/stop/resume/", page, "guess")
    assert "Too many failed attempts" in confirm(client, "/stop/resume/", page).content.decode()
    assert TradingState.objects.get().permission == TradingPermission.HALTED


def test_those_who_may_not_are_refused_and_not_asked(enter: Callable[..., Client]) -> None:
    client = enter(role="trader")
    form = {"action": "close_all", "where": "everything:", "reason": "x"}
    for address, body in (("/stop/resume/", RESUME), ("/stop/", form)):
        answer = client.post(address, body)
        assert answer.status_code == 403 and ASKED not in answer.content.decode()
