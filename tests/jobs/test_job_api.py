"""Jobs over REST: who may, what is answered, and that the description is true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.console import tokens
from apps.console.roles import create_roles
from apps.jobs import services
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun
from apps.journal.models import Event
from tests.jobs.test_actions import SLOT, ended
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sample_jobs")]


class Api:
    def __init__(self, role: str) -> None:
        create_roles()
        token = tokens.create_token(name=role, role=role, days=None, actor="test")
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.client.post(path, body or {}, content_type="application/json")


def test_jobs_are_listed_with_how_they_stand() -> None:
    services.ensure_schedules(now=clock.now())
    ended(RunState.SUCCEEDED)
    ended(RunState.MISSED, slot=SLOT + timedelta(days=1), error="the host was down")
    answer = Api("viewer").get("/api/jobs/")
    row = next(row for row in answer["jobs"] if row["name"] == "sample_quick")
    assert (row["status"], row["condition"]) == ("success", "missed")
    assert row["unrun"]["why"] == "the host was down"
    assert answer["pause"] is None
    services.pause_jobs(actor="ann", reason="moving house", now=clock.now())
    assert Api("risk").get("/api/jobs/")["pause"]["reason"] == "moving house"


def test_runs_come_in_pages_that_miss_and_repeat_nothing() -> None:
    at = clock.now()
    runs = [ended(slot=SLOT + timedelta(days=day), created_at=at - timedelta(seconds=day // 3)) for day in range(10)]
    api, seen, before = Api("viewer"), [], ""
    while True:
        answer = api.get(f"/api/jobs/runs/?job=quick&limit=4{before}")
        seen += [run["id"] for run in answer["runs"]]
        if answer["next_before"] is None:
            break
        before = f"&before={answer['next_before']}"
    assert seen == list(JobRun.objects.values_list("pk", flat=True))
    assert len(seen) == len(runs)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "state=lost", "before=0", "before=77777", "before=99999999999999999999"],
)
def test_bad_parameter_is_named(query: str) -> None:
    answer = Api("viewer").client.get(f"/api/jobs/runs/?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(query.split("=")[0])


def test_runs_are_filtered_by_job_and_state() -> None:
    ended(), ended(RunState.MISSED, slot=SLOT + timedelta(days=1)), ended(job="weekly_report")
    api = Api("viewer")
    assert [run["state"] for run in api.get("/api/jobs/runs/?job=sample_quick&state=missed")["runs"]] == ["missed"]
    assert len(api.get("/api/jobs/runs/")["runs"]) == 3
    assert api.get("/api/jobs/runs/?job=nobody")["runs"] == []


@pytest.mark.mission(60)
def test_trader_runs_a_job_and_viewer_may_not() -> None:
    assert Api("viewer").post("/api/jobs/quick/run").status_code == 403
    assert Client().post("/api/jobs/quick/run").status_code in (401, 403)
    assert not JobRun.objects.exists()
    trader = Api("trader")
    answer = trader.post("/api/jobs/quick/run", {"reason": "new prices"})
    assert answer.status_code == 202
    run = JobRun.objects.get()
    assert (answer.json()["id"], answer.json()["state"], run.job) == (run.pk, "queued", "sample_quick")
    event = Event.objects.get(data__run=run.pk)
    assert event.data["reason"] == "new prices" and event.actor == run.started_by
    again = trader.post("/api/jobs/quick/run")
    assert again.status_code == 409
    assert f"Run {run.pk} of sample_quick" in again.json()["detail"]


def test_unknown_job_and_bad_body_are_told() -> None:
    trader = Api("trader")
    assert trader.post("/api/jobs/nobody/run").status_code == 404
    assert trader.post("/api/jobs/quick/run", {"reason": "x" * 301}).status_code == 400
    assert not JobRun.objects.exists()


def test_description_names_what_is_answered() -> None:
    ended()
    api = Api("viewer")
    schema = api.get("/api/schema/")
    for path, name, rows in (("/api/jobs/", "Job", "jobs"), ("/api/jobs/runs/", "Run", "runs")):
        assert "get" in schema["paths"][path]
        shown = api.get(path)[rows][0]
        assert set(shown) == set(schema["components"]["schemas"][name]["properties"])
    assert set(schema["paths"]["/api/jobs/{name}/run"]["post"]["responses"]) >= {"202", "403", "404", "409"}
