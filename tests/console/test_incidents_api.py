"""Incidents over the API: viewers read, traders acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.journal import services
from apps.journal.models import Incident

pytestmark = pytest.mark.django_db(transaction=True)


def call(method: str, path: str, token: str, **data: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    client = Client(headers=headers)
    if method == "GET":
        return client.get(f"/api/incidents/{path}")
    return client.post(f"/api/incidents/{path}", data, content_type="application/json")


@pytest.fixture
def incident() -> Incident:
    return services.open_incident(key="gateway", title="Gateway is gone", severity="critical", detail="Start it")


def test_viewer_reads_incidents_and_may_not_acknowledge(incident: Incident, make_token: Callable[..., str]) -> None:
    viewer = make_token()
    [row] = call("GET", "", viewer).json()
    assert (row["id"], row["key"], row["severity"], row["count"]) == (incident.pk, "gateway", "critical", 1)
    assert row["acknowledged_at"] is None
    assert call("POST", f"{incident.pk}/acknowledge", viewer).status_code == 403
    assert call("POST", f"{incident.pk}/acknowledge", "tops_wrong").status_code == 401


def test_trader_acknowledges_and_repeating_it_changes_nothing(
    incident: Incident, make_token: Callable[..., str]
) -> None:
    trader = make_token("desk", "trader")
    first = call("POST", f"{incident.pk}/acknowledge", trader, reason="on it").json()
    assert first["acknowledged_by"] and first["acknowledged_at"]
    assert call("POST", f"{incident.pk}/acknowledge", trader).json() == first


def test_what_cannot_be_acknowledged_is_said(incident: Incident, make_token: Callable[..., str]) -> None:
    trader = make_token("desk", "trader")
    services.resolve_incident(key="gateway")
    assert call("POST", f"{incident.pk}/acknowledge", trader).status_code == 409
    assert call("POST", f"{incident.pk + 1}/acknowledge", trader).status_code == 404
    assert call("POST", f"{2**70}/acknowledge", trader).status_code == 404
    assert call("POST", f"{incident.pk}/acknowledge", trader, reason="x" * 501).status_code == 400


def test_list_is_filtered_and_bounded(incident: Incident, make_token: Callable[..., str]) -> None:
    viewer = make_token()
    services.resolve_incident(key="gateway")
    services.open_incident(key="worker", title="Worker is gone")
    keys = {
        state: [row["key"] for row in call("GET", f"?state={state}", viewer).json()]
        for state in ("open", "resolved", "all")
    }
    assert keys == {"open": ["worker"], "resolved": ["gateway"], "all": ["worker", "gateway"]}
    assert len(call("GET", "?state=all&limit=1", viewer).json()) == 1
    assert call("GET", "?limit=1001", viewer).status_code == 400
    assert call("GET", "?state=nonsense", viewer).status_code == 400
