"""The lever on every page: who sees it, what pulling it does, and what the receipt says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, EmergencyState, Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun, TradingState
from apps.console.selectors.trading import trading_view
from apps.jobs.models import JobRun
from apps.risk.services import emergency
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
PAGES = ["/desk/", "/admin/", "/admin/broker/order/", "/stop/", "/api/docs/", "/admin/broker/emergencyrun/"]


@pytest.fixture(autouse=True)
def flag(settings: pytest.FixtureRequest, tmp_path: Path) -> Path:
    from dataclasses import replace

    path = tmp_path / "HALT"
    settings.BROKER = replace(settings.BROKER, halt_flag=path)  # type: ignore[attr-defined]
    return path


@pytest.fixture
def visit(make_user: Callable[..., User]) -> Callable[..., Client]:
    def enter(role: str, name: str = "") -> Client:
        client = Client()
        client.force_login(make_user(name or f"{role}-person", role))
        return client

    return enter


def press(client: Client, action: str = "halt", where: str = "everything:", reason: str = "drill") -> object:
    return client.post("/stop/", {"action": action, "where": where, "reason": reason})


def set_halt(**values: object) -> None:
    defaults = {
        "scope": Scope.EVERYTHING,
        "permission": TradingPermission.HALTED,
        "source": StopSource.MANUAL,
        "reason": "smoke",
        "actor": "ann",
    }
    broker.set_trading_state(**(defaults | values))  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["viewer", "trader", "risk", "admin"])
def test_every_page_shows_the_state_and_the_lever_to_those_who_may_pull_it(
    visit: Callable[..., Client], role: str
) -> None:
    client = visit(role)
    set_halt()
    for path in PAGES:
        page = client.get(path).content.decode()
        assert "Trading is halted" in page, path
        assert "by ann" in page and "smoke" in page and "until a person resumes" in page, path
        assert ('id="stop-trading"' in page) is (role in ("risk", "admin")), path


def test_signed_out_visitors_see_neither_state_nor_lever() -> None:
    set_halt()
    page = Client().get("/admin/login/").content.decode()
    assert "Trading is halted" not in page and 'id="stop-trading"' not in page


@pytest.mark.parametrize("role", ["viewer", "trader"])
def test_others_cannot_stop_resume_or_see_the_form(visit: Callable[..., Client], role: str) -> None:
    client = visit(role)
    assert '<form method="post" class="card stop-form"' not in client.get("/stop/").content.decode()
    for action in ("halt", "kill", "cancel_all", "close_all"):
        assert press(client, action).status_code == 403  # type: ignore[attr-defined]
    set_halt()
    body = {"scope": "everything", "target": "", "source": "manual", "reason": "over"}
    assert client.post("/stop/resume/", body).status_code == 403
    assert not EmergencyRun.objects.exists()
    assert TradingState.objects.get().permission == TradingPermission.HALTED


def test_halt_takes_a_reason_and_leads_to_its_receipt(visit: Callable[..., Client], flag: Path) -> None:
    client = visit("risk", "rita")
    refused = press(client, reason="  ")
    assert refused.status_code == 400 and "Say why" in refused.content.decode()  # type: ignore[attr-defined]
    assert not TradingState.objects.exists() and not flag.exists()
    answer = press(client, reason="prices look wrong")
    run = EmergencyRun.objects.get()
    assert answer.status_code == 302 and str(run.pk) in answer["Location"]  # type: ignore[attr-defined, index]
    assert (run.kind, run.actor, run.came_by, run.reason) == ("halt", "rita", "page", "prices look wrong")
    state = TradingState.objects.get()
    assert (state.permission, state.source, state.set_by) == ("halted", "manual", "rita")
    assert json.loads(flag.read_text())["reason"] == "prices look wrong"
    receipt = client.get(answer["Location"]).content.decode()  # type: ignore[index]
    assert "prices look wrong" in receipt and "unknown, not flat" in receipt
    assert "The gateway does not run" in receipt


def test_pressing_twice_gives_one_receipt(visit: Callable[..., Client]) -> None:
    client = visit("risk")
    places = {press(client)["Location"] for _ in range(3)}  # type: ignore[index]
    assert len(places) == 1 and EmergencyRun.objects.count() == 1


@pytest.mark.parametrize(
    ("action", "kind", "permission"),
    [
        ("halt", EmergencyKind.HALT, TradingPermission.HALTED),
        ("kill", EmergencyKind.HALT, TradingPermission.KILLED),
        ("cancel_all", EmergencyKind.CANCEL_ALL, None),
    ],
)
def test_each_action_does_what_it_says(
    visit: Callable[..., Client], action: str, kind: EmergencyKind, permission: TradingPermission | None
) -> None:
    press(visit("risk"), action)
    assert EmergencyRun.objects.get().kind == kind
    held = TradingState.objects.values_list("permission", flat=True).first()
    assert held == (permission.value if permission else None)


def test_scope_is_chosen_by_name(visit: Callable[..., Client]) -> None:
    client = visit("risk")
    make_order(instrument=make_instrument("SPY", 1), strategy="momentum")
    page = client.get("/stop/").content.decode()
    assert 'value="strategy:momentum"' in page and 'value="account:DU1234567"' in page
    press(client, where="strategy:momentum")
    state = TradingState.objects.get()
    assert (state.scope, state.target) == ("strategy", "momentum")
    view = trading_view()
    assert not view.is_stopped and "stopped for 1 part" in view.label
    assert press(client, where="strategy:nonsense").status_code == 400  # type: ignore[attr-defined]


def test_close_all_of_a_live_account_wants_its_words(
    visit: Callable[..., Client], settings: pytest.FixtureRequest
) -> None:
    from dataclasses import replace

    client = visit("risk")
    make_account("U7654321")
    settings.BROKER = replace(settings.BROKER, paper_trading=False)  # type: ignore[attr-defined]
    page = client.get("/stop/").content.decode()
    assert "CLOSE ALL U7654321" in page
    refused = press(client, "close_all")
    assert refused.status_code == 409 and "CLOSE ALL U7654321" in refused.content.decode()  # type: ignore[attr-defined]
    assert not EmergencyRun.objects.exists()


def test_halt_file_alone_is_told_on_every_page(visit: Callable[..., Client], flag: Path) -> None:
    flag.write_text(json.dumps({"reason": "from the shell", "actor": "root"}))
    view = trading_view()
    assert (view.permission, view.stops[0].by) == ("halted", "root")
    assert "from the shell" in visit("viewer").get("/desk/").content.decode()
    flag.write_text("not json")
    assert trading_view().is_stopped


def test_resuming_needs_a_cause_and_says_what_still_blocks(visit: Callable[..., Client], flag: Path) -> None:
    client = visit("risk")
    press(client)
    EmergencyRun.objects.update(state=EmergencyState.DONE)
    set_halt(source=StopSource.LIMIT, reason="daily loss")
    body = {"scope": "everything", "target": "", "source": "manual", "reason": "", "force": "on"}
    assert "Name the cause" in client.post("/stop/resume/", body, follow=True).content.decode()
    assert flag.exists()
    told = client.post("/stop/resume/", {**body, "reason": "it was a drill"}, follow=True).content.decode()
    assert "Still stopped" in told and "daily loss" in told
    assert not flag.exists()
    assert TradingState.objects.get(source=StopSource.MANUAL).permission == TradingPermission.ACTIVE


def test_receipt_shows_what_was_done_and_the_final_picture(visit: Callable[..., Client]) -> None:
    run = EmergencyRun.objects.create(
        kind=EmergencyKind.CLOSE_ALL,
        scope=Scope.EVERYTHING,
        account="DU1234567",
        reason="fire",
        actor="ann",
        came_by="page",
        state=EmergencyState.ESCALATED,
        problem="TSLA is still held",
        results=[
            {"what": "cancel", "symbol": "AAPL", "done": True, "detail": "cancelled", "order": None, "perm_id": 7},
            {"what": "close", "symbol": "TSLA", "done": False, "detail": "SELL 5 of 9: working", "order": None},
        ],
        picture={
            "as_of": "2026-01-05T15:00:00+00:00",
            "open_orders": [],
            "positions": [{"con_id": 1, "symbol": "TSLA", "quantity": "4"}],
        },
    )
    client = visit("viewer")
    page = client.get(f"/admin/broker/emergencyrun/{run.pk}/change/").content.decode()
    for text in (
        "TSLA is still held",
        "1 of 2 done",
        "not done",
        "4 TSLA",
        "Open orders",
        "Not verified: a person must",
    ):
        assert text in page
    live = client.get(f"/admin/broker/emergencyrun/{run.pk}/live/").json()
    assert live["goes_on"] is False and f'data-version="{live["version"]}"' in page
    assert client.post(f"/admin/broker/emergencyrun/{run.pk}/change/").status_code == 403


def test_stop_page_has_no_inline_script_and_works_without_any(visit: Callable[..., Client]) -> None:
    page = visit("risk").get("/stop/").content.decode()
    start = page.index('class="card stop-form"')
    form = page[start : page.index("</form>", start)]
    assert 'type="submit"' in form and "onclick" not in form and "csrfmiddlewaretoken" in form


def test_foreign_form_cannot_stop_trading(make_user: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("rita", "risk"))
    assert press(client).status_code == 403  # type: ignore[attr-defined]
    assert not EmergencyRun.objects.exists()


def test_last_drill_is_shown_and_kept_out_of_the_receipts(visit: Callable[..., Client]) -> None:
    client = visit("risk")
    assert "manage.py halt_drill" in client.get("/stop/").content.decode()
    receipt, at = emergency.press_drill(reason="drill", actor="ann").run_id, clock.now() - timedelta(hours=3)
    values: dict[str, object] = {"job": "halt_drill", "max_attempts": 1, "started_by": "ann"}
    result = {"outcome": "passed", "mode": "paper", "seconds": 0.4, "receipt": str(receipt)}
    JobRun.objects.create(state="succeeded", ended_at=at, result=result, **values)
    page = client.get("/stop/").content.decode()
    assert "passed</strong> 3\xa0hours ago in 0.40 s" in page and f"/emergencyrun/{receipt}/" in page
    assert "Nobody has stopped anything yet." in page
    shown = client.get(f"/admin/broker/emergencyrun/{receipt}/change/").content.decode()
    assert "Halt drill, Cancel all: strategy drill" in shown
    failed = JobRun.objects.create(state="failed", ended_at=clock.now(), error="no receipt", **values)
    page = client.get("/stop/").content.decode()
    assert "failed</strong>" in page and ": no receipt" in page and f"/jobrun/{failed.pk}/" in page
