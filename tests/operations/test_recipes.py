"""Recipes for cron, launchd and systemd say what the schedule says."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobSchedule
from tradeops.recipes import cron, launchd, systemd
from tradeops.recipes.entries import Entry, Place
from tradeops.recipes.fields import read_fields

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "deploy" / "recipes"
PLACE = Place(Path("/opt/trade ops"), Path("/opt/trade ops/.venv/bin/python"), Path("/var/log/100%"))


def entry(expression: str, zone: str = "UTC") -> Entry:
    return Entry("daily_snapshot", "snapshot", "Portfolio snapshot", expression, zone, read_fields(expression))


@pytest.mark.mission(59)
def test_weekdays_make_five_launchd_entries_and_two_log_files() -> None:
    [content] = launchd.render([entry("35 16 * * 1-5")], PLACE).values()
    agent = plistlib.loads(content.encode())
    assert agent["StartCalendarInterval"] == [{"Weekday": day, "Hour": 16, "Minute": 35} for day in range(1, 6)]
    assert agent["StandardOutPath"] == "/var/log/100%/snapshot_launchd.log"
    assert agent["StandardErrorPath"] == "/var/log/100%/snapshot_launchd.error.log"
    assert agent["WorkingDirectory"] == "/opt/trade ops"
    assert agent["ProgramArguments"][-2:] == ["run_job", "daily_snapshot"]


@pytest.mark.mission(59)
@pytest.mark.parametrize(
    ("expression", "zone", "moments"),
    [
        ("35 16 * * *", "UTC", ["*-*-* 16:35:00 UTC"]),
        ("0 20 * * 0", "Europe/London", ["Sun *-*-* 20:00:00 Europe/London"]),
        ("*/30 9-10 * * 1-5", "UTC", ["Mon,Tue,Wed,Thu,Fri *-*-* 09,10:00,30:00 UTC"]),
        ("0 8 1 1,7 *", "UTC", ["*-01,07-01 08:00:00 UTC"]),
        ("5 * * * *", "UTC", ["*-*-* *:05:00 UTC"]),
        ("0 8 1 * 1", "UTC", ["*-*-01 08:00:00 UTC", "Mon *-*-* 08:00:00 UTC"]),
    ],
)
def test_timer_moments_follow_the_cron_expression(expression: str, zone: str, moments: list[str]) -> None:
    assert systemd.calendar_moments(entry(expression, zone)) == moments


def test_day_or_weekday_makes_launchd_entries_for_either() -> None:
    assert launchd.intervals(entry("0 8 1 * 1")) == [
        {"Day": 1, "Hour": 8, "Minute": 0},
        {"Weekday": 1, "Hour": 8, "Minute": 0},
    ]


def test_odd_paths_are_quoted_for_each_scheduler() -> None:
    [crontab] = cron.render([entry("35 16 * * *")], PLACE).values()
    assert "35 16 * * * cd '/opt/trade ops' && '/opt/trade ops/.venv/bin/python' -m" in crontab
    assert r"/var/log/100\%/snapshot_cron.log" in crontab
    service = systemd.render([entry("35 16 * * *")], PLACE)["tradeops-snapshot.service"]
    assert 'ExecStart="/opt/trade ops/.venv/bin/python" -m' in service
    assert "/var/log/100%%/snapshot_timer.log" in service
    assert "WorkingDirectory=/opt/trade ops" in service


def test_zones_are_named_once_each() -> None:
    text = cron.render([entry("1 1 * * *", "Europe/London"), entry("2 2 * * *"), entry("3 3 * * *")], PLACE)
    [crontab] = text.values()
    zones = [line for line in crontab.splitlines() if line.startswith("CRON_TZ=")]
    assert zones == ["CRON_TZ=Europe/London", "CRON_TZ=UTC"]


@pytest.mark.parametrize("expression", ["0 8 l * *", "0 8 * * 5#2"])
def test_words_that_only_few_schedulers_know_are_refused(expression: str) -> None:
    with pytest.raises(InvalidSchedule, match="other schedulers do not know"):
        read_fields(expression)


def test_schedule_that_fills_a_book_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match="launchd is not meant for that"):
        launchd.intervals(entry("1-59/2 0-20 1-28 * *"))


@pytest.mark.django_db
def test_what_only_tradeops_knows_is_left_out_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    JobSchedule.objects.filter(job="daily_snapshot").update(calendar="XLON")
    JobSchedule.objects.filter(job="weekly_report").update(enabled=False)
    call_command("schedule_recipes", kind="systemd", output=tmp_path)
    said = capsys.readouterr().err
    assert "daily_snapshot: it follows the trading calendar XLON" in said
    assert "weekly_report: its schedule is switched off" in said
    assert not (tmp_path / "tradeops-snapshot.timer").exists()
    assert (tmp_path / "tradeops-rebalance.timer").exists()
    call_command("schedule_recipes", kind="systemd", output=tmp_path, job=["report"])
    assert (tmp_path / "tradeops-report.timer").exists()


@pytest.mark.django_db
def test_unknown_job_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Choose one of: .*daily_snapshot / snapshot"):
        call_command("schedule_recipes", kind="cron", output=tmp_path, job=["nonsense"])


@pytest.mark.mission(59)
@pytest.mark.django_db
def test_shipped_recipes_are_what_the_default_schedule_gives(tmp_path: Path) -> None:
    """After a change of the default schedule write them anew, with the options below."""
    for kind in ("cron", "launchd", "systemd"):
        call_command(
            "schedule_recipes",
            kind=kind,
            output=tmp_path / kind,
            job=["daily_snapshot"],
            base_dir=Path("/opt/tradeops"),
            python=Path("/opt/tradeops/.venv/bin/python"),
            log_dir=Path("/opt/tradeops/var/logs"),
        )
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()}
    shipped = {path.relative_to(SHIPPED): path.read_text() for path in SHIPPED.rglob("*.*") if path.is_file()}
    assert made == shipped


def test_shipped_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    timers = sorted((SHIPPED / "systemd").glob("*.timer"))
    assert timers
    for timer in timers:
        moments = [line.removeprefix("OnCalendar=") for line in timer.read_text().splitlines() if "OnCalendar=" in line]
        assert moments
        if analyze is not None:
            parsed = subprocess.run([analyze, "calendar", *moments], capture_output=True, text=True, check=False)
            assert parsed.returncode == 0, parsed.stderr
