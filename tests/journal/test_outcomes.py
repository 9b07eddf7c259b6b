"""A job that fails for good is told of exactly once, as the original scheduler told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.jobs import registry, services
from apps.jobs.choices import RunState
from apps.jobs.context import JobContext
from apps.jobs.models import JobRun
from apps.journal import services as journal
from apps.journal.choices import DeliveryState
from apps.journal.models import Delivery, Incident
from tests.jobs import attempts
from tests.journal.receiver import Receiver
from tradeops.lib import clock

pytestmark = pytest.mark.django_db

ERROR = "Failed to connect to IBKR at 127.0.0.1:7497: start TWS"


@pytest.fixture(autouse=True)
def shaky_job() -> Iterator[None]:
    @registry.job(name="shaky_job", title="A job that may fail")
    def shaky_job(context: JobContext) -> dict[str, Any]:
        return {}

    yield
    registry.unregister("shaky_job")


def run_job(*outcomes: bool) -> JobRun:
    """Work a run off, attempt by attempt, each with the outcome given."""
    job = registry.find("shaky_job")
    run = services.request_run(job=job, started_by="ann", now=clock.now())
    for attempt, succeeds in enumerate(outcomes, start=1):
        claimed = attempts.claim(run_id=run.pk, attempt=attempt, job=job, worker="test", pid=1)
        assert claimed is not None
        if succeeds:
            report = JobContext(claimed, clock.now()).report()
            attempts.succeed(run=claimed, result={}, report=report, now=clock.now())
        else:
            attempts.fail(run=claimed, job=job, error=ERROR, now=clock.now())
    run.refresh_from_db()
    return run


def deliver() -> None:
    journal.deliver_due(clock.now())


@pytest.mark.mission(11)
@pytest.mark.mission(12)
@pytest.mark.mission(22)
def test_failing_job_causes_one_post_that_says_which_and_why(webhook: Receiver) -> None:
    run = run_job(False, False, False)
    assert run.state == RunState.FAILED
    deliver()
    deliver()
    [notice] = webhook.notices
    assert set(notice) == {"subject", "body", "timestamp"}
    assert notice["subject"] == "Scheduler Job Failed: shaky_job"
    for text in ("A job that may fail", "3 of 3 attempts", ERROR, f"/admin/jobs/jobrun/{run.pk}/change/"):
        assert text in notice["body"]
    sent_at = datetime.fromisoformat(notice["timestamp"])
    assert notice["timestamp"].endswith("+00:00") and clock.now() - sent_at < timedelta(minutes=1)


@pytest.mark.mission(22)
@pytest.mark.parametrize("outcomes", [(True,), (False, True), (False, False, True)])
def test_job_that_succeeds_in_the_end_sends_nothing(outcomes: tuple[bool, ...], webhook: Receiver) -> None:
    assert run_job(*outcomes).state == RunState.SUCCEEDED
    deliver()
    assert webhook.received == []
    assert not Incident.objects.exists()


def test_success_after_a_failure_resolves_the_incident_with_one_notice(webhook: Receiver) -> None:
    run_job(False, False, False)
    assert Incident.objects.get(resolved_at=None).key == "job:shaky_job"
    run_job(True)
    run_job(True)
    deliver()
    assert webhook.subjects == ["Scheduler Job Failed: shaky_job", "Resolved: Job shaky_job failed"]
    assert Incident.objects.get().resolved_at is not None


def test_every_failed_run_is_told_of_until_somebody_has_taken_it_on(webhook: Receiver) -> None:
    run_job(False, False, False)
    run_job(False, False, False)
    incident = Incident.objects.get()
    assert incident.count == 2
    journal.acknowledge(incident_id=incident.pk, actor="ann")
    run_job(False, False, False)
    deliver()
    assert webhook.subjects == ["Scheduler Job Failed: shaky_job"] * 2


@pytest.mark.mission(13)
@pytest.mark.parametrize("path", ["error", "close", "nowhere"])
def test_dead_webhook_never_breaks_the_job(path: str, receiver: Receiver, settings: Settings) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    settings.SCHEDULER_WEBHOOK_URL = receiver.url(path) if path != "nowhere" else "http://127.0.0.1:1/"
    assert run_job(False, False, False).state == RunState.FAILED
    deliver()
    assert Delivery.objects.get().state == DeliveryState.PENDING
    assert run_job(True).state == RunState.SUCCEEDED


@pytest.mark.mission(13)
def test_failure_is_logged_where_there_is_no_webhook(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.SCHEDULER_WEBHOOK_URL = ""
    run_job(False, False, False)
    assert "only logged: Scheduler Job Failed: shaky_job" in caplog.text
    assert ERROR in caplog.text


def test_run_of_a_job_that_this_version_does_not_know_is_told_of(webhook: Receiver) -> None:
    run = services.request_run(job=registry.find("shaky_job"), started_by="ann", now=clock.now())
    JobRun.objects.filter(pk=run.pk).update(job="gone_job")
    services.reject_run(run_id=run.pk, reason="this version knows no job 'gone_job'", now=clock.now())
    deliver()
    [notice] = webhook.notices
    assert notice["subject"] == "Scheduler Job Failed: gone_job"
    assert "no attempt" in notice["body"] and "not a job of this version" in notice["body"]
