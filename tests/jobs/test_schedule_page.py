"""Editing a schedule in the control room: seen before it is saved, refused with the field's error."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.jobs import services
from apps.jobs.models import JobSchedule
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


def test_next_run_is_skipped_and_unskipped_from_the_list(client: Client, schedule: JobSchedule) -> None:
    services.update_schedule(schedule=_with_cron(schedule), now=clock.now(), actor="test")
    user = User.objects.create_user("tom", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_jobschedule", "run_job"]))
    client.force_login(user)
    url = reverse("admin:jobs_jobschedule_changelist")

    def act(name: str) -> str:
        return client.post(url, {"action": name, "_selected_action": [schedule.pk]}, follow=True).content.decode()

    page = act("skip_next")
    schedule.refresh_from_db()
    assert schedule.skip_slot == schedule.next_due_at and schedule.skipped_by == "tom"
    assert "The run of sample_quick on" in page and "skipped by tom" in page
    assert 'class="skipped"' in preview_of(client.get(address(schedule)).content.decode())
    assert "1 will run after all." in act("unskip")
    schedule.refresh_from_db()
    assert schedule.skip_slot is None


def test_change_of_the_grace_alone_keeps_what_is_due(admin_client: Client, schedule: JobSchedule) -> None:
    services.update_schedule(schedule=_with_cron(schedule), now=clock.now() - timedelta(days=2), actor="test")
    before = schedule.next_due_at
    assert admin_client.post(address(schedule), {**ENTERED, "grace_minutes": "90"}).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.grace_minutes, schedule.next_due_at) == (90, before)
