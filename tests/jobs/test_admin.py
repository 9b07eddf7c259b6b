"""The control room's pages of the jobs."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success

from apps.jobs import services
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun, JobSchedule
from tests.jobs.conftest import ask_for
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sample_jobs")]


def sign_in(client: Client, *permissions: str) -> User:
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return user


@pytest.fixture
def schedule() -> JobSchedule:
    services.ensure_schedules(now=clock.now())
    return JobSchedule.objects.get(job="sample_quick")


def post_action(client: Client, action: str, model: str, pk: int, **answers: str) -> str:
    url = reverse(f"admin:jobs_{model}_changelist")
    return client.post(url, {"action": action, "_selected_action": [pk], **answers}, follow=True).content.decode()


@pytest.mark.parametrize("model", [Failure, OrmQ, Schedule, Success])
def test_tables_of_the_queue_are_not_in_the_control_room(admin_client: Client, model: type) -> None:
    assert model.__name__ not in admin_client.get(reverse("admin:index")).content.decode()
    assert admin_client.get(f"/admin/django_q/{model.__name__.lower()}/").status_code == 404


def test_run_shows_result_error_and_log(admin_client: Client) -> None:
    run = ask_for("quick")
    JobRun.objects.update(
        state=RunState.ERRORED, result={"rows": 17}, error="<b>bold</b> words", log="12:00:00 hello", traceback="line 5"
    )
    page = admin_client.get(reverse("admin:jobs_jobrun_change", args=[run.pk])).content.decode()
    for text in ("<dt>rows</dt><dd>17</dd>", "&lt;b&gt;bold&lt;/b&gt; words", "12:00:00 hello", "line 5", "0 of 3"):
        assert text in page
    listed = admin_client.get(reverse("admin:jobs_jobrun_changelist")).content.decode()
    assert "Errored" in listed


def test_runs_cannot_be_added_changed_or_deleted_even_by_a_superuser(admin_client: Client) -> None:
    run = ask_for("quick")
    assert admin_client.get(reverse("admin:jobs_jobrun_add")).status_code == 403
    assert admin_client.post(reverse("admin:jobs_jobrun_change", args=[run.pk]), {"state": "failed"}).status_code == 403
    assert admin_client.post(reverse("admin:jobs_jobrun_delete", args=[run.pk]), {"post": "yes"}).status_code == 403
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


@pytest.mark.mission(30)
def test_run_now_queues_a_run_and_says_when_no_worker_lives(client: Client, schedule: JobSchedule) -> None:
    sign_in(client, "view_jobschedule", "run_job")
    page = post_action(client, "run_now", "jobschedule", schedule.pk)
    assert "No worker is running" in page and not JobRun.objects.exists()
    page = post_action(client, "run_now", "jobschedule", schedule.pk, confirmed="yes")
    assert "1 done, 0 left as they are." in page
    run = JobRun.objects.get()
    assert (run.job, run.started_by, run.slot) == ("sample_quick", "ann", None)


def test_run_now_is_not_offered_without_the_permission(client: Client, schedule: JobSchedule) -> None:
    sign_in(client, "view_jobschedule", "change_jobschedule")
    assert "Run now" not in client.get(reverse("admin:jobs_jobschedule_changelist")).content.decode()
    post_action(client, "run_now", "jobschedule", schedule.pk)
    assert not JobRun.objects.exists()


def test_cancel_needs_the_permission(client: Client) -> None:
    run = ask_for("quick")
    user = sign_in(client, "view_jobrun")
    post_action(client, "cancel", "jobrun", run.pk)
    assert JobRun.objects.get().state == RunState.QUEUED
    user.user_permissions.add(Permission.objects.get(codename="run_job"))
    assert "Cancel these runs?" in post_action(client, "cancel", "jobrun", run.pk)
    assert JobRun.objects.get().state == RunState.QUEUED
    assert "1 done, 0 left as they are." in post_action(
        client, "cancel", "jobrun", run.pk, confirmed="yes", reason="no longer wanted"
    )
    assert JobRun.objects.get().state == RunState.CANCELLED


def test_worker_page_opens(admin_client: Client) -> None:
    services.register_worker(name="w", host="h", pid=1, workers=2, now=clock.now())
    assert "w" in admin_client.get(reverse("admin:jobs_workerheartbeat_changelist")).content.decode()
