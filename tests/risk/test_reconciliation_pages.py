"""Breakers and breaks in the admin: what they show, what they do, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.console.roles import assign_role
from apps.risk.choices import BreakerState, BreakState
from apps.risk.models import Break, Breaker, ReconciliationRun
from apps.risk.reconciling import ledger
from apps.risk.services import breakers
from tests.risk.test_reconciliation import SPY, account, adopted, look, side  # noqa: F401 - fixtures
from tradeops.lib.breaking import MARKET_DATA

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)


@pytest.fixture
def page_of() -> Callable[[str], Client]:
    def sign_in(role: str) -> Client:
        user = User.objects.create_user(role)
        assign_role(user=user, role=role, actor="test")
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.mark.mission(148)
@pytest.mark.mission(153)
def test_breaker_page_counts_down_and_resets_with_a_reason(page_of: Callable[[str], Client]) -> None:
    for _ in range(5):
        breakers.note_outcome(name=MARKET_DATA, problem="quotes: timed out")
    client = page_of("risk")
    page = client.get("/admin/risk/breaker/").content.decode()
    assert "data-counts-to=" in page and "quotes: timed out" in page and "order_placement" in page
    answer = client.post("/admin/risk/breaker/reset/", {"breaker": MARKET_DATA, "reason": ""})
    assert answer.status_code == 200 and "This field is required" in answer.content.decode()
    assert Breaker.objects.get(name=MARKET_DATA).state == BreakerState.OPEN
    answer = client.post("/admin/risk/breaker/reset/", {"breaker": MARKET_DATA, "reason": "cable replaced"})
    assert answer.status_code == 302
    row = Breaker.objects.get(name=MARKET_DATA)
    assert row.state == BreakerState.CLOSED
    assert "cable replaced" in client.get(f"/admin/risk/breaker/{row.pk}/change/").content.decode()
    assert client.post("/admin/risk/breaker/reset/", {"breaker": "", "reason": "all"}).status_code == 302


@pytest.mark.mission(159)
def test_break_is_booked_after_a_preview(page_of: Callable[[str], Client], adopted: object) -> None:  # noqa: F811
    look(adopted, side({SPY: 7}))  # type: ignore[arg-type]
    row = Break.objects.get()
    client = page_of("risk")
    assert "Preview and book" in client.get("/admin/risk/break/").content.decode()
    page = client.get(f"/admin/risk/break/{row.pk}/book/").content.decode()
    assert "Ledger before" in page and "-3" in page and "nothing is sent to the broker" in page
    assert client.post(f"/admin/risk/break/{row.pk}/book/", {"reason": "sold by phone"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.ended_by) == (BreakState.BOOKED, "risk")
    assert ledger.positions(row.account) == {SPY: 7}
    assert client.get(f"/admin/risk/break/{row.pk}/book/", follow=True).status_code == 200


@pytest.mark.mission(159)
def test_reconciliation_runs_on_demand(page_of: Callable[[str], Client], adopted: object) -> None:  # noqa: F811
    client, before = page_of("risk"), ReconciliationRun.objects.count()
    assert "Reconcile now" in client.get("/admin/risk/reconciliationrun/").content.decode()
    assert client.get("/admin/risk/reconciliationrun/run/").status_code == 405
    answer = client.post("/admin/risk/reconciliationrun/run/", follow=True)
    assert "Ledger and broker unknown" in answer.content.decode()
    run = ReconciliationRun.objects.first()
    assert ReconciliationRun.objects.count() == before + 1
    assert run is not None and (run.trigger, run.requested_by) == ("person", "risk")


def test_viewers_and_traders_see_and_do_nothing(page_of: Callable[[str], Client], adopted: object) -> None:  # noqa: F811
    look(adopted, side({SPY: 7}))  # type: ignore[arg-type]
    row = Break.objects.get()
    for role in ("viewer", "trader"):
        client = page_of(role)
        assert client.get("/admin/risk/break/").status_code == 200
        assert client.get(f"/admin/risk/break/{row.pk}/book/").status_code == 403
        assert client.post(f"/admin/risk/break/{row.pk}/book/", {"reason": "x"}).status_code == 403
        assert client.post("/admin/risk/reconciliationrun/run/").status_code == 403
        assert client.post("/admin/risk/breaker/reset/", {"breaker": "", "reason": "x"}).status_code == 403
        assert "Reconcile now" not in client.get("/admin/risk/reconciliationrun/").content.decode()
    row.refresh_from_db()
    assert row.state == BreakState.OPEN
