"""Editing a schedule in the control room: seen before it is saved, refused with the field's error."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse, reverse_lazy

from apps.jobs import services
from apps.jobs.models import JobRun, JobSchedule
from apps.journal.models import Event
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sample_jobs")]

NEW_YORK_CLOSE = {"cron": "0 16 * * mon-fri", "time_zone": "America/New_York"}
ENTERED = {"cron": "35 16 * * *", "time_zone": "UTC", "catch_up": "once", "grace_minutes": "60", "enabled": "on"}


@pytest.fixture
def schedule() -> JobSchedule:
    services.ensure_schedules(now=clock.now())
    return JobSchedule.objects.get(job="sample_quick")


def address(schedule: JobSchedule) -> str:
    return reverse("admin:jobs_jobschedule_change", args=[schedule.pk])


def preview_of(page: str) -> str:
    found = re.search(r'<section id="schedule-preview".*?</section>', page, re.DOTALL)
    assert found, "the page has no preview"
    return found[0]


def test_saved_schedule_is_due_again_and_shows_its_next_five_runs(admin_client: Client, schedule: JobSchedule) -> None:
    assert admin_client.post(address(schedule), {**ENTERED, **NEW_YORK_CLOSE}).status_code == 302
    schedule.refresh_from_db()
    assert schedule.next_due_at is not None and schedule.next_due_at > clock.now()
    shown = preview_of(admin_client.get(address(schedule)).content.decode())
    assert len(re.findall(r"16:00 E[SD]T", shown)) == 5
    assert shown.count("<time ") == 5


def test_preview_shows_what_is_entered_and_saves_nothing(admin_client: Client, schedule: JobSchedule) -> None:
    entered = {**ENTERED, "cron": "", "calendar": "XNYS", "minutes_after_close": "5", "_preview": "1"}
    page = admin_client.post(address(schedule), entered).content.decode()
    shown = preview_of(page)
    assert len(re.findall(r"(16|13):05 E[SD]T", shown)) == 5
    assert "At the exchange" in shown and "errornote" not in page
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.calendar, schedule.minutes_after_close) == ("", "", None)


def test_preview_of_something_wrong_names_the_field_and_shows_no_runs(
    admin_client: Client, schedule: JobSchedule
) -> None:
    page = admin_client.post(address(schedule), {**ENTERED, "cron": "61 * * * *", "_preview": "1"}).content.decode()
    assert "is not a cron expression" in page
    assert "<time" not in preview_of(page) and "Mend the errors above" in preview_of(page)


def test_preview_says_what_else_must_be_known(admin_client: Client, schedule: JobSchedule) -> None:
    entered = {**ENTERED, "depends_on": "sample_slow", "_preview": "1"}
    del entered["enabled"]
    shown = preview_of(admin_client.post(address(schedule), entered).content.decode())
    assert "It is off" in shown and "Each waits until sample_slow has succeeded." in shown
    nothing = {**ENTERED, "cron": "", "_preview": "1"}
    assert "runs only when somebody asks" in admin_client.post(address(schedule), nothing).content.decode()


@pytest.mark.parametrize(
    ("wrong", "field", "complaint"),
    [
        ({"cron": "61 * * * *"}, "cron", "is not a cron expression"),
        ({"cron": "0 0 30 2 *"}, "cron", "names a date that never comes"),
        ({"cron": "0 16 * * sat", "calendar": "XNYS"}, "cron", "never falls on a trading day of XNYS"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "Unknown time zone"),
        ({"calendar": "XXXX"}, "calendar", "XXXX is not one of the available choices"),
        ({"minutes_after_close": "5"}, "minutes_after_close", "need a calendar"),
        ({"minutes_after_close": "721", "calendar": "XLON"}, "minutes_after_close", "between 0 and 720"),
        ({"grace_minutes": "-1"}, "grace_minutes", "greater than or equal to 0"),
        ({"grace_minutes": "9999999"}, "grace_minutes", "between 0 minutes and a year"),
        ({"catch_up": "perhaps"}, "catch_up", "perhaps is not one of the available choices"),
        ({"depends_on": "sample_quick"}, "depends_on", "sample_quick is not one of the available choices"),
        ({"depends_on": "sample_slow_2"}, "depends_on", "sample_quick -&gt; sample_slow_2 -&gt; sample_quick"),
    ],
)
def test_bad_schedule_is_refused_at_its_field(
    admin_client: Client, schedule: JobSchedule, wrong: dict[str, str], field: str, complaint: str
) -> None:
    JobSchedule.objects.filter(job="sample_slow_2").update(depends_on="sample_quick")
    page = admin_client.post(address(schedule), {**ENTERED, **wrong}).content.decode()
    assert complaint in page
    assert f'id="id_{field}_error"' in page
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.next_due_at) == ("", None)


def test_viewer_sees_the_next_runs_and_can_change_nothing(client: Client, schedule: JobSchedule) -> None:
    services.update_schedule(schedule=_with_cron(schedule), now=clock.now(), actor="test")
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_jobschedule"))
    client.force_login(user)
    page = client.get(address(schedule)).content.decode()
    assert preview_of(page).count("<time ") == 5
    assert 'name="_preview"' not in page and 'name="_save"' not in page
    assert client.post(address(schedule), ENTERED).status_code == 403


def _with_cron(schedule: JobSchedule) -> JobSchedule:
    schedule.cron = "35 16 * * *"
    return schedule


LIST = reverse_lazy("admin:jobs_jobschedule_changelist")


def tom() -> User:
    user = User.objects.create_user("tom", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_jobschedule", "run_job"]))
    return user


def act(client: Client, name: str, *schedules: JobSchedule, **answer: str) -> str:
    chosen = {"action": name, "_selected_action": [schedule.pk for schedule in schedules]}
    return client.post(str(LIST), {**chosen, **answer}, follow=True).content.decode()


def test_next_run_is_skipped_from_the_list_once_a_reason_is_given(client: Client, schedule: JobSchedule) -> None:
    services.update_schedule(schedule=_with_cron(schedule), now=clock.now(), actor="test")
    client.force_login(tom())
    assert f"sample_quick: {schedule.next_due_at:%a %Y-%m-%d %H:%M} UTC" in act(client, "skip_next", schedule)
    assert "Say why in a few words." in act(client, "skip_next", schedule, confirmed="yes")
    schedule.refresh_from_db()
    assert schedule.skip_slot is None
    page = act(client, "skip_next", schedule, confirmed="yes", reason="bank holiday")
    schedule.refresh_from_db()
    assert schedule.skip_slot == schedule.next_due_at and schedule.skipped_by == "tom"
    assert "1 done, 0 left as they are." in page and "skipped by tom" in page
    assert Event.objects.filter(message__contains="skipped: bank holiday", actor="tom").exists()
    assert 'class="skipped"' in preview_of(client.get(address(schedule)).content.decode())


def test_next_run_is_unskipped_from_the_list_after_a_question(client: Client, schedule: JobSchedule) -> None:
    services.update_schedule(schedule=_with_cron(schedule), now=clock.now(), actor="test")
    services.skip_next(schedule=schedule, actor="ann", now=clock.now())
    client.force_login(tom())
    act(client, "unskip", schedule)
    schedule.refresh_from_db()
    assert schedule.skip_slot == schedule.next_due_at
    assert "1 done, 0 left as they are." in act(client, "unskip", schedule, confirmed="yes")
    schedule.refresh_from_db()
    assert schedule.skip_slot is None
    assert "was not to be skipped" in act(client, "unskip", schedule, confirmed="yes")


def test_jobs_are_run_from_the_list_after_a_question(client: Client, schedule: JobSchedule) -> None:
    client.force_login(tom())
    assert "No worker is running" in act(client, "run_now", schedule)
    assert not JobRun.objects.exists()
    assert "1 done, 0 left as they are." in act(client, "run_now", schedule, confirmed="yes", reason="to see it")
    assert JobRun.objects.get().started_by == "tom"
    assert "waits already" in act(client, "run_now", schedule, confirmed="yes")


@pytest.mark.parametrize("name", ["run_now", "skip_next", "unskip"])
def test_job_with_a_permission_of_its_own_is_left_alone_by_who_lacks_it(
    client: Client, schedule: JobSchedule, name: str
) -> None:
    now = clock.now()
    services.update_schedule(schedule=_with_cron(schedule), now=now, actor="test")
    theirs = JobSchedule.objects.get(job="reconciliation")
    if name == "unskip":
        for one in (schedule, theirs):
            services.skip_next(schedule=one, actor="ann", now=now)
    before = JobSchedule.objects.filter(pk=theirs.pk).values().get()
    client.force_login(tom())
    told = act(client, name, schedule, theirs, confirmed="yes", reason="because")
    assert "You may not act on reconciliation." in told and "1 done, 1 left as they are." in told
    assert JobSchedule.objects.filter(pk=theirs.pk).values().get() == before
    assert not JobRun.objects.filter(job="reconciliation").exists()


def test_list_asks_the_database_as_often_for_many_schedules_as_for_one(
    admin_client: Client, schedule: JobSchedule
) -> None:
    JobSchedule.objects.exclude(pk=schedule.pk).delete()
    admin_client.get(str(LIST))
    with CaptureQueriesContext(connection) as one:
        admin_client.get(str(LIST))
    JobSchedule.objects.bulk_create(JobSchedule(job=f"job_{number}") for number in range(20))
    with CaptureQueriesContext(connection) as many:
        admin_client.get(str(LIST))
    assert len(many) == len(one)


def test_change_of_the_grace_alone_keeps_what_is_due(admin_client: Client, schedule: JobSchedule) -> None:
    services.update_schedule(schedule=_with_cron(schedule), now=clock.now() - timedelta(days=2), actor="test")
    before = schedule.next_due_at
    assert admin_client.post(address(schedule), {**ENTERED, "grace_minutes": "90"}).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.grace_minutes, schedule.next_due_at) == (90, before)
