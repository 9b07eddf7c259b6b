"""Stopping over the API: who may, what is answered, and the receipts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.broker.choices import EmergencyState
from apps.broker.models import EmergencyRun, TradingState
from apps.console import tokens
from apps.console.api import emergency as api
from apps.console.roles import assign_role
from tests.broker.ledger.builders import make_account

pytestmark = pytest.mark.django_db

PRESSES = ("halt", "cancel-all", "close-all", "resume")


@pytest.fixture(autouse=True)
def own_halt_file(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    # A thread would go on in the next test's database.
    monkeypatch.setattr(api, "drive", lambda run_id: None)


def client(role: str) -> Client:
    token = tokens.create_token(name=f"{role}-{uuid.uuid4().hex[:6]}", role=role, days=None, actor="test")
    return Client(headers={"Authorization": f"Bearer {token}"})


def signed_in(name: str, **options: Any) -> Client:
    """A person of the role risk."""
    user, is_new = User.objects.get_or_create(username=name)
    if is_new:
        assign_role(user=user, role="risk", actor="test")
    browser = Client(**options)
    browser.force_login(user)
    return browser


def post(of: Client, what: str, **data: Any) -> Any:
    return of.post(f"/api/emergency/{what}", {"reason": "smoke", **data}, content_type="application/json")


@pytest.mark.mission(193)
@pytest.mark.parametrize("press", PRESSES)
def test_viewers_and_traders_can_do_none_of_it(press: str) -> None:
    make_account()
    for role in ("viewer", "trader"):
        assert post(client(role), press).status_code == 403
    assert post(Client(), press).status_code in (401, 403)
    assert not EmergencyRun.objects.exists() and not TradingState.objects.exists()


@pytest.mark.mission(181)
@pytest.mark.mission(193)
def test_risk_halts_reads_the_receipt_and_resumes() -> None:
    risk, viewer = client("risk"), client("viewer")
    halted = post(risk, "halt", permission="reducing")
    assert halted.status_code == 202 and halted.json()["state"] == "requested"
    assert any("gateway does not run" in note for note in halted.json()["notes"])
    assert TradingState.objects.get().permission == "reducing"
    assert post(risk, "halt", permission="reducing").json()["id"] == halted.json()["id"]
    receipt = viewer.get(f"/api/emergency/{halted.json()['id']}")
    assert receipt.status_code == 200 and receipt.json()["reason"] == "smoke" and not receipt.json()["is_verified"]
    by_token = post(risk, "resume", force=True)
    assert by_token.status_code == 403 and "a token is none" in by_token.json()["detail"]
    rita = signed_in("rita")
    assert post(rita, "resume").status_code == 409
    EmergencyRun.objects.update(state=EmergencyState.DONE)
    refused = post(rita, "resume")
    assert refused.status_code == 409 and "not known to agree" in refused.json()["detail"]
    resumed = post(rita, "resume", force=True, reason="false trigger")
    assert resumed.status_code == 200 and resumed.json()["waits_for"] == "" and resumed.json()["still_blocks"] == []
    assert TradingState.objects.get().permission == "active"


@pytest.mark.mission(183)
def test_close_all_twice_is_one_run_and_live_needs_the_words(settings: Any) -> None:
    make_account()
    risk = client("risk")
    first, second = post(risk, "close-all"), post(client("admin"), "close-all")
    assert first.status_code == second.status_code == 202 and first.json()["id"] == second.json()["id"]
    EmergencyRun.objects.update(state=EmergencyState.ESCALATED)
    settings.BROKER = replace(settings.BROKER, paper_trading=False)
    refused = post(risk, "close-all")
    assert refused.status_code == 409 and "CLOSE ALL DU1234567" in refused.json()["detail"]
    assert post(risk, "close-all", confirmation="CLOSE ALL DU1234567").status_code == 202


def test_what_cannot_be_understood_is_named() -> None:
    risk = client("risk")
    assert post(risk, "halt", scope="planet").status_code == 400
    assert post(risk, "halt", reason="").status_code == 400
    assert post(risk, "halt", scope="account").status_code == 409
    assert post(risk, "close-all", scope="strategy", target="momentum").status_code == 409
    assert risk.get(f"/api/emergency/{uuid.uuid4()}").status_code == 404
    assert risk.get("/api/emergency/halt").status_code == 405
    assert not EmergencyRun.objects.exists()


def test_a_browser_session_needs_its_csrf_token() -> None:
    browser = signed_in("rita", enforce_csrf_checks=True)
    assert post(browser, "halt").status_code == 403
    assert not TradingState.objects.exists()
    same = signed_in("rita")
    assert post(same, "halt").status_code == 202 and TradingState.objects.get().set_by == "rita"


def test_the_description_names_every_press() -> None:
    paths = client("viewer").get("/api/schema/").json()["paths"]
    assert {path for path in paths if "emergency" in path} == {
        *(f"/api/emergency/{press}" for press in PRESSES),
        "/api/emergency/{id}",
    }
    assert all("409" in paths[f"/api/emergency/{press}"]["post"]["responses"] for press in PRESSES)
