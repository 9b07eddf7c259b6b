"""Five hundred requests that follow the API's own description: whatever they hold, never a 500, always JSON."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.console.web_process import WebProcess

pytestmark = pytest.mark.django_db(transaction=True)


def test_generated_requests_never_fail_the_server(web: WebProcess, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{web.origin}/api/schema/", headers=headers)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 10
    both = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for operation in operations for mode in both])
    statuses: list[int] = []

    @settings(max_examples=500, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def check(case: schemathesis.Case) -> None:
        response = case.call(headers=headers, timeout=15)
        statuses.append(response.status_code)
        assert response.status_code != 500, (case.as_curl_command(), response.text)
        if response.status_code >= 400 and not refused_by_the_web_server(response):
            told = (response.status_code, case.as_curl_command(), response.text)
            assert response.headers.get("content-type") == ["application/json"], told
            assert set(response.json()) == {"detail"}, told

    check()
    assert len(statuses) >= 500
    assert {200, 400, 503} <= set(statuses)


def refused_by_the_web_server(response: Any) -> bool:
    """Twisted itself answers a form that is broken as HTTP with a bare 400, before Django sees it."""
    return response.status_code == 400 and not response.headers and not response.content
