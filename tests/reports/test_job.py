"""The weekly job: when it is due, which week it reports, and that it works through the real queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from pytest_django import Settings

from apps.jobs import registry
from apps.jobs.context import JobContext
from apps.jobs.domain import cron
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.journal.models import Delivery
from apps.reports import services
from apps.reports.domain import periods
from apps.reports.models import Report
from apps.reports.tasks import weekly_report
from tests.reports import builders as build
from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.mission(16)
def test_job_is_due_on_sunday_at_nine_in_the_evening_utc() -> None:
    job = registry.find("report")
    assert job.name == "weekly_report"
    wednesday = datetime(2026, 7, 1, 12, tzinfo=UTC)
    due = cron.following(job.cron, ZoneInfo(job.time_zone), wednesday, 2)
    assert due == [datetime(2026, 7, 5, 21, tzinfo=UTC), datetime(2026, 7, 12, 21, tzinfo=UTC)]


@pytest.mark.mission(16)
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("slot", "now", "week"),
    [
        ("2026-02-01T21:00", "2026-02-01T21:00", "2026-W05"),
        ("2026-02-01T21:00", "2026-02-03T08:00", "2026-W05"),  # a retry after the worker was down
        ("2027-01-03T21:00", "2027-01-03T21:02", "2026-W53"),
        (None, "2026-02-04T12:00", "2026-W05"),  # by hand on a Wednesday
        (None, "2026-02-01T09:00", "2026-W05"),
    ],
)
def test_job_reports_the_week_that_ends_on_its_sunday(slot: str | None, now: str, week: str) -> None:
    build.account()
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    row = build.run("weekly_report", "running", at)
    JobRun.objects.filter(pk=row.pk).update(slot=datetime.fromisoformat(slot).replace(tzinfo=UTC) if slot else None)
    row.refresh_from_db()
    result = weekly_report(JobContext(row, now=at))
    report = Report.objects.get()
    assert (result["period"], report.period, report.job_run) == (week, week, row.pk)
    json.dumps(result, allow_nan=False)


@pytest.mark.django_db
def test_job_announces_its_report_with_a_link_and_a_person_does_not(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://desk.example"
    desk = build.account()
    row = build.run("weekly_report", "running", build.NOW)
    weekly_report(JobContext(row, now=build.NOW))
    report = Report.objects.get()
    notice = Delivery.objects.get()
    assert notice.subject == "Weekly report 2026-W05 of DU123 is ready"
    assert f"https://desk.example/admin/reports/report/{report.pk}/download/" in notice.body
    assert report.sha256[:12] in notice.body
    services.make_report(account=desk, period=periods.week("2026-W05"), now=build.NOW, created_by="ann")
    assert Delivery.objects.count() == 1 and Report.objects.count() == 2


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A real `manage.py worker` on the test's database; its environment."""
    parts = connection.settings_dict
    dsn = f"postgresql://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
    environment = {**os.environ, "DATABASE_URL": dsn}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(
            lambda: process.poll() is not None or WorkerHeartbeat.objects.filter(canaries__gt=0).exists(),
            seconds=60,
            what="a worker that works",
        )
        yield environment
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.mission(16)
def test_run_job_report_makes_the_pdf_through_the_queue(worker: dict[str, str]) -> None:
    desk = build.account()
    build.snapshots(desk, date(2026, 1, 1), ["100"] * 60)
    command = [sys.executable, "manage.py", "run_job", "report", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=worker, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer, report = json.loads(done.stdout), Report.objects.get()
    assert (answer["state"], answer["result"]["sha256"]) == ("succeeded", report.sha256)
    assert bytes(report.content).startswith(b"%PDF-")
    assert report.created_by == "job weekly_report"
