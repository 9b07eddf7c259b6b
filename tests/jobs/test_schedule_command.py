"""`manage.py schedule`: the same rules and services as the control room."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.jobs.models import JobSchedule, JobsPause
from apps.journal.models import Event

pytestmark = [pytest.mark.django_db]


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("schedule", *arguments, stdout=output)
    return output.getvalue()


def stored() -> JobSchedule:
    return JobSchedule.objects.get(job="daily_snapshot")


def test_shows_the_next_five_runs_by_name_or_alias() -> None:
    shown = run("snapshot")
    assert shown.count("16:35 UTC") == 5 and "Grace 420 min, catch-up skip." in shown


def test_preview_saves_nothing_and_change_does() -> None:
    change = ("snapshot", "--time-zone", "Europe/London", "--calendar", "XLON", "--minutes-after-close", "5")
    assert "5 min after the XLON close" in run(*change, "--preview")
    assert stored().calendar == ""
    run(*change)
    assert (stored().calendar, stored().minutes_after_close) == ("XLON", 5)
    run("snapshot", "--minutes-after-close", "-1", "--calendar", "", "--disable")
    assert (stored().minutes_after_close, stored().enabled, stored().next_due_at) == (None, False, None)
    run("snapshot", "--enable")
    assert stored().next_due_at is not None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["snapshot", "--cron", "61 * * * *"], "is not a cron expression"),
        (["snapshot", "--cron", "61 * * * *", "--preview"], "is not a cron expression"),
        (["snapshot", "--catch-up", "perhaps"], "Use one of: skip, once, all"),
        (["snapshot", "--depends-on", "daily_snapshot"], "daily_snapshot -> daily_snapshot"),
        (["nonsense"], "There is no job 'nonsense'"),
        (["signal", "--skip-next", "--reason", "quiet"], "has no next run to skip"),
        (["snapshot", "--skip-next"], "Say why"),
        (["snapshot", "--unskip"], "was not to be skipped"),
        ([], "Name a job"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_saved(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run(*arguments)
    assert (stored().cron, stored().depends_on) == ("35 16 * * *", "")


def test_next_run_is_skipped_and_unskipped() -> None:
    assert run("snapshot", "--skip-next", "--reason", "bank holiday").count("skipped") == 1
    assert stored().skip_slot == stored().next_due_at
    said = Event.objects.order_by("-id").values_list("message", flat=True)
    assert said[0] == "why the next run of daily_snapshot is skipped: bank holiday"
    assert "skipped" not in run("snapshot", "--unskip")


def test_everything_is_paused_and_resumed() -> None:
    assert "nothing is handed out" in run("--pause", "moving house")
    assert JobsPause.objects.get().reason == "moving house"
    assert "paused already" in run("--pause", "again")
    assert run("--resume").strip() == "Resumed." and run("--resume").strip() == "It was not paused."


def test_check_names_every_schedule_that_cannot_be_used() -> None:
    assert "schedules can be used" in run("--check")
    JobSchedule.objects.filter(job="weekly_report").update(depends_on="gone")
    JobSchedule.objects.filter(job="daily_snapshot").update(time_zone="Mars")
    with pytest.raises(CommandError) as refused:
        run("--check")
    assert "daily_snapshot, time_zone: Unknown time zone" in str(refused.value)
    assert "weekly_report, depends_on: There is no job 'gone'" in str(refused.value)
