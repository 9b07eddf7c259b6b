"""What people ask of jobs: who may, what becomes of it, and what the journal says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.console.roles import assign_role, create_roles
from apps.jobs import overview, registry, services
from apps.jobs.choices import RunState
from apps.jobs.context import JobContext
from apps.jobs.exceptions import ActionRefused, StopRequested
from apps.jobs.models import JobRun, JobSchedule, JobsPause
from apps.jobs.services import actions
from apps.journal.models import Event
from tests.jobs.conftest import Workers, ask_for, wait_for_state
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sample_jobs")]

SLOT = datetime(2026, 11, 15, 21, tzinfo=UTC)


def signed_in(role: str) -> Client:
    create_roles()
    user = User.objects.create_user(role, is_staff=True)
    assign_role(user=user, role=role, actor="test")
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def schedule() -> JobSchedule:
    services.ensure_schedules(now=clock.now())
    schedule = JobSchedule.objects.get(job="sample_quick")
    schedule.cron = "0 12 * * *"
    services.update_schedule(schedule=schedule, now=clock.now(), actor="test")
    return schedule


def ended(state: str = RunState.FAILED, **values: Any) -> JobRun:
    defaults = {"job": "sample_quick", "slot": SLOT, "max_attempts": 3, "started_by": "schedule", "attempt": 3}
    return JobRun.objects.create(**{**defaults, "state": state, "ended_at": clock.now(), **values})


def last_event() -> Event:
    return Event.objects.order_by("id").last()  # type: ignore[return-value]


def addresses(run: JobRun) -> list[str]:
    by_name = [reverse(f"admin:jobs_overview_{what}", args=["sample_quick"]) for what in ("run", "skip", "unskip")]
    by_run = [reverse(f"admin:jobs_jobrun_{what}", args=[run.pk]) for what in ("cancel", "retry")]
    return [*by_name, *by_run, reverse("admin:jobs_overview_pause"), reverse("admin:jobs_overview_resume")]


def test_viewer_can_do_none_of_it(schedule: JobSchedule) -> None:
    run, client = ended(), signed_in("viewer")
    for address in addresses(run):
        assert client.get(address).status_code == 403, address
        assert client.post(address, {"confirmed": "yes", "reason": "because"}).status_code == 403, address
    page = client.get(reverse("admin:jobs_overview_changelist")).content.decode()
    assert "Run now" not in page.split("Why does nothing run?")[0].replace("Run now still works", "")
    assert "/retry/" not in client.get(reverse("admin:jobs_jobrun_change", args=[run.pk])).content.decode()
    client.post(
        reverse("admin:jobs_jobrun_changelist"),
        {"action": "retry", "_selected_action": [run.pk], "confirmed": "yes", "reason": "because"},
    )
    assert JobRun.objects.count() == 1
    assert not JobsPause.objects.exists()


@pytest.mark.parametrize("role", ["trader", "risk", "admin"])
def test_trader_and_above_are_asked_before_anything_happens(role: str, schedule: JobSchedule) -> None:
    run, client = ended(), signed_in(role)
    for address in addresses(run):
        page = client.get(address)
        assert page.status_code == 200, address
        assert "Kept in the journal with your name." in page.content.decode()
        assert client.post(address).status_code == 200
    assert JobRun.objects.count() == 1
    assert not JobsPause.objects.exists()


@pytest.mark.mission(60)
def test_run_now_queues_a_run_and_leads_to_its_page(schedule: JobSchedule) -> None:
    client = signed_in("trader")
    answer = client.post(
        reverse("admin:jobs_overview_run", args=["sample_quick"]), {"confirmed": "yes", "reason": "new prices"}
    )
    run = JobRun.objects.get()
    assert (run.state, run.started_by, run.slot) == (RunState.QUEUED, "trader", None)
    assert answer["Location"] == reverse("admin:jobs_jobrun_change", args=[run.pk])
    event = last_event()
    assert (event.actor, event.data["reason"], event.data["run"]) == ("trader", "new prices", run.pk)
    assert event.message == "job asked for: sample_quick: new prices"


def test_pressed_twice_queues_one_run() -> None:
    job, now = registry.find("quick"), clock.now()
    first = actions.run_now(job=job, actor="ann", reason="", now=now)
    with pytest.raises(ActionRefused, match=f"Run {first.pk} of sample_quick, asked for by ann, waits already"):
        actions.run_now(job=job, actor="bob", reason="", now=now)


def test_job_with_a_permission_of_its_own_needs_that_too(schedule: JobSchedule) -> None:
    declared = registry.find("sample_slow")
    registry.unregister("sample_slow")
    registry.register(declared.__class__(**{**fields_of(declared), "permission": "console.manage_risk"}))
    for role, status in {"trader": 403, "risk": 200}.items():
        client = signed_in(role)
        assert client.get(reverse("admin:jobs_overview_run", args=["sample_slow"])).status_code == status
        shown = client.get(reverse("admin:jobs_overview_changelist")).content.decode()
        assert ("Run sample_slow now" in shown) is (status == 200)
        assert "Run sample_quick now" in shown


def fields_of(job: registry.Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__dataclass_fields__}


def test_retry_is_a_new_run_that_stands_for_the_slot_of_the_first() -> None:
    first = ended()
    again = actions.retry_run(run_id=first.pk, actor="ann", reason="broker is back", now=clock.now())
    again.refresh_from_db()
    assert (again.retry_of, again.slot, again.purpose, again.started_by) == (first, None, SLOT, "ann")
    third = JobRun.objects.get(pk=again.pk)
    JobRun.objects.filter(pk=again.pk).update(state=RunState.ERRORED)
    third = actions.retry_run(run_id=again.pk, actor="ann", reason="", now=clock.now())
    assert third.purpose == SLOT


@pytest.mark.parametrize("state", [RunState.MISSED, RunState.SKIPPED, RunState.CANCELLED, RunState.ERRORED])
def test_whatever_did_not_succeed_can_be_made_up_for(state: RunState) -> None:
    assert actions.retry_run(run_id=ended(state).pk, actor="ann", reason="", now=clock.now()).purpose == SLOT


def test_retry_is_refused_while_one_goes_on_and_after_success() -> None:
    first = ended()
    again = actions.retry_run(run_id=first.pk, actor="ann", reason="", now=clock.now())
    with pytest.raises(ActionRefused, match=f"is being done again by run {again.pk}"):
        actions.retry_run(run_id=first.pk, actor="bob", reason="", now=clock.now())
    JobRun.objects.filter(pk=again.pk).update(state=RunState.SUCCEEDED)
    with pytest.raises(ActionRefused, match=f"was done again by run {again.pk}"):
        actions.retry_run(run_id=first.pk, actor="bob", reason="", now=clock.now())
    with pytest.raises(ActionRefused, match="use Run now"):
        actions.retry_run(run_id=again.pk, actor="bob", reason="", now=clock.now())


def test_retry_of_a_job_that_is_gone_is_refused() -> None:
    with pytest.raises(ActionRefused, match="is not a job of this version"):
        actions.retry_run(run_id=ended(job="of_yesterday").pk, actor="ann", reason="", now=clock.now())


def test_waiting_run_is_cancelled_at_once_with_its_reason() -> None:
    run = ask_for("quick")
    assert actions.cancel_or_stop(run_id=run.pk, actor="ann", reason="wrong day", now=clock.now())
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.CANCELLED, "cancelled by ann: wrong day")
    with pytest.raises(ActionRefused, match="has ended already: cancelled"):
        actions.cancel_or_stop(run_id=run.pk, actor="ann", reason="", now=clock.now())


def test_cancelling_wants_a_reason() -> None:
    run, client = ask_for("quick"), signed_in("trader")
    address = reverse("admin:jobs_jobrun_cancel", args=[run.pk])
    page = client.post(address, {"confirmed": "yes", "reason": "  "}).content.decode()
    assert "Say why in a few words." in page
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    client.post(address, {"confirmed": "yes", "reason": "wrong day"})
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_stop_reaches_the_job_at_its_next_step_but_not_its_log() -> None:
    context = JobContext(ask_for("quick"), clock.now())
    context.stop_requested.set()
    context.log("stored")
    assert "stored" in context.report().log
    with pytest.raises(StopRequested):
        context.progress(1, 2)


@pytest.mark.django_db(transaction=True)
def test_running_job_stops_when_asked_and_is_not_tried_again(workers: Workers) -> None:
    workers.start()
    run = wait_for_state(ask_for("sample_slow"), RunState.RUNNING)
    assert not actions.cancel_or_stop(run_id=run.pk, actor="ann", reason="enough", now=clock.now())
    run = wait_for_state(run, RunState.CANCELLED, seconds=10)
    assert run.attempt == 1
    assert [what for pk, _, what, _ in workers.trace() if pk == run.pk] == ["begin"]
    messages = list(Event.objects.filter(data__run=run.pk).values_list("message", flat=True))
    assert "job asked to stop: sample_slow: enough" in messages
    assert "job cancelled: sample_slow stopped, as ann asked" in messages


@pytest.mark.django_db(transaction=True)
def test_announcements_follow_the_run_not_its_lease() -> None:
    import psycopg

    from tradeops.lib.listen import conninfo

    with psycopg.connect(conninfo(), autocommit=True) as listener:
        listener.execute("LISTEN jobs_run")
        run = ask_for("quick")
        JobRun.objects.filter(pk=run.pk).update(lease_until=clock.now())
        JobRun.objects.filter(pk=run.pk).update(progress_text="AAPL")
        heard = [notice.payload for notice in listener.notifies(timeout=2, stop_after=2)]
        assert heard == [str(run.pk)] * 2
        assert list(listener.notifies(timeout=0.1)) == []


def test_skip_next_records_who_and_why(schedule: JobSchedule) -> None:
    client = signed_in("trader")
    client.post(
        reverse("admin:jobs_overview_skip", args=["sample_quick"]), {"confirmed": "yes", "reason": "bank holiday"}
    )
    schedule.refresh_from_db()
    assert schedule.skip_slot == schedule.next_due_at
    assert last_event().message == "why the next run of sample_quick is skipped: bank holiday"
    page = client.get(reverse("admin:jobs_overview_changelist")).content.decode()
    assert "Will be skipped" in page
    client.post(reverse("admin:jobs_overview_unskip", args=["sample_quick"]), {"confirmed": "yes"})
    schedule.refresh_from_db()
    assert schedule.skip_slot is None


def test_pause_and_resume_are_shown_with_who_and_why(schedule: JobSchedule) -> None:
    client = signed_in("trader")
    client.post(reverse("admin:jobs_overview_pause"), {"confirmed": "yes", "reason": "moving house"})
    page = client.get(reverse("admin:jobs_overview_changelist")).content.decode()
    assert "moving house" in page and "<strong>trader</strong>" in page
    assert (
        client.post(reverse("admin:jobs_overview_resume"), {"confirmed": "yes", "reason": "moved"}).status_code == 302
    )
    assert overview.current_pause() is None
    assert last_event().message == "why the schedules were resumed: moved"


def test_many_runs_are_retried_after_one_question() -> None:
    failed = [ended(slot=SLOT + timedelta(days=day)) for day in range(3)]
    done = ended(RunState.SUCCEEDED, slot=SLOT - timedelta(days=1))
    client, chosen = signed_in("admin"), [run.pk for run in (*failed, done)]
    address = reverse("admin:jobs_jobrun_changelist")
    asked = client.post(address, {"action": "retry", "_selected_action": chosen}).content.decode()
    assert asked.count('name="_selected_action"') == 4
    told = client.post(
        address, {"action": "retry", "_selected_action": chosen, "confirmed": "yes", "reason": "again"}, follow=True
    ).content.decode()
    assert "3 done, 1 left as they are." in told
    assert JobRun.objects.filter(retry_of__in=failed).count() == 3
