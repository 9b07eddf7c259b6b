"""The pages of the jobs: what they show, that they stay quick, and that they tell why nothing runs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.jobs import causes, diagnosis, overview, registry, selectors, services
from apps.jobs.choices import RunState
from apps.jobs.domain import sparkline
from apps.jobs.domain.condition import Condition, JobFacts, RunFacts, condition_of
from apps.jobs.domain.wording import span
from apps.jobs.models import JobRun, JobSchedule
from tests.jobs.conftest import ask_for
from tests.jobs.test_actions import SLOT, ended
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sample_jobs")]

OVERVIEW = "/admin/jobs/overview/"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son[a-z]+\s*=|\sstyle\s*=|javascript:", re.IGNORECASE)
HOUR = timedelta(hours=1)


def page(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def facts(run: RunFacts | None = None, **values: Any) -> JobFacts:
    defaults = {"is_planned": True, "is_enabled": True, "is_paused": False, "due_at": None, "grace": HOUR}
    return JobFacts(**{**defaults, **values}, run=run)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (facts(), Condition.NEVER),
        (facts(is_enabled=False), Condition.OFF),
        (facts(is_planned=False, is_enabled=False), Condition.NEVER),
        (facts(is_paused=True), Condition.PAUSED),
        (facts(due_at=SLOT - HOUR / 2), Condition.LATE),
        (facts(due_at=SLOT - 2 * HOUR), Condition.OVERDUE),
        (facts(due_at=SLOT - 2 * HOUR, is_paused=True), Condition.PAUSED),
        (facts(due_at=SLOT - 2 * HOUR, is_enabled=False), Condition.OFF),
        (facts(due_at=SLOT + HOUR), Condition.NEVER),
        (facts(RunFacts(RunState.RUNNING, SLOT - HOUR / 2, SLOT - HOUR / 2, None)), Condition.RUNNING),
        (facts(RunFacts(RunState.RUNNING, SLOT - 2 * HOUR, SLOT - 2 * HOUR, None)), Condition.OVERDUE),
        (facts(RunFacts(RunState.RUNNING, None, SLOT - 9 * HOUR, None)), Condition.RUNNING),
        (facts(RunFacts(RunState.QUEUED, SLOT - HOUR / 2, None, None)), Condition.LATE),
        (facts(RunFacts(RunState.QUEUED, None, None, None)), Condition.WAITING),
        (facts(RunFacts(RunState.WAITING_RETRY, SLOT, SLOT, None)), Condition.RETRYING),
        (facts(RunFacts(RunState.SUCCEEDED, SLOT, SLOT, SLOT)), Condition.OK),
        (facts(RunFacts(RunState.SUCCEEDED, SLOT, SLOT, SLOT), is_paused=True), Condition.PAUSED),
        (facts(RunFacts(RunState.ERRORED, SLOT, SLOT, SLOT), is_paused=True), Condition.FAILED),
        (facts(RunFacts(RunState.MISSED, SLOT, None, SLOT)), Condition.MISSED),
        (facts(RunFacts(RunState.SKIPPED, SLOT, None, SLOT)), Condition.SKIPPED),
        (facts(RunFacts(RunState.CANCELLED, None, SLOT, SLOT)), Condition.CANCELLED),
    ],
)
def test_condition_tells_the_worst_first_by_the_clock(job: JobFacts, expected: Condition) -> None:
    assert condition_of(job, SLOT) is expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "40 ms"), (2.53, "2.5 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (400_000, "4 days")],
)
def test_span_is_said_as_people_do(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_sparkline_keeps_inside_its_box_and_marks_failures() -> None:
    drawn = sparkline.draw([(1.0, True), (4.0, False), (2.0, True)])
    assert drawn is not None
    points = [tuple(map(float, point.split(","))) for point in drawn.path.split()]
    assert [x for x, _ in points] == [3.0, 66.0, 129.0]
    assert points[1][1] == sparkline.MARGIN
    assert all(0 <= y <= sparkline.HEIGHT for _, y in points)
    assert [dot.is_bad for dot in drawn.dots] == [True, False]
    assert drawn.label == "Duration of the last 3 runs: median 2.0 s, last 2.0 s"
    assert sparkline.draw([]) is None
    assert sparkline.draw([(0.0, True)]) is not None


def fill(names: list[str], each: int) -> None:
    """Ended runs of every name, the newest a minute ago, each third failed."""
    now = clock.now()
    JobRun.objects.bulk_create(
        JobRun(
            job=name,
            slot=now - timedelta(minutes=number + 1),
            state=RunState.FAILED if number % 3 == 0 else RunState.SUCCEEDED,
            attempt=1,
            max_attempts=3,
            started_by="schedule",
            error="Failed to connect to IBKR" if number % 3 == 0 else "",
            log="x" * 100,
            result={"rows": number},
            created_at=now - timedelta(minutes=number + 1),
            attempt_started_at=now - timedelta(minutes=number + 1),
            ended_at=now - timedelta(minutes=number + 1) + timedelta(seconds=number % 5),
        )
        for name in names
        for number in range(each)
    )


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.mission(60)
def test_overview_takes_as_many_queries_for_thirty_jobs_and_ten_thousand_runs(admin_client: Client) -> None:
    JobSchedule.objects.all().delete()
    JobSchedule.objects.create(job="sample_quick", cron="0 12 * * *", next_due_at=clock.now() + HOUR)
    few = queries(admin_client, OVERVIEW)
    names = [f"job_{number}" for number in range(29)]
    JobSchedule.objects.bulk_create(JobSchedule(job=name, cron="0 12 * * *", next_due_at=clock.now()) for name in names)
    fill(["sample_quick", *names], 334)
    assert JobRun.objects.count() > 10_000
    assert queries(admin_client, OVERVIEW) == few
    card = next(card for card in overview.job_cards(now=clock.now(), pause=None) if card.name == "sample_quick")
    assert (card.succeeded, card.rated, card.rate_text) == (20, 30, "67 %")
    assert card.curve is not None and card.curve.median_text == "2.0 s"


def test_overview_shows_next_slot_in_utc_and_at_the_exchange(admin_client: Client) -> None:
    services.ensure_schedules(now=clock.now())
    schedule = JobSchedule.objects.get(job="sample_quick")
    schedule.cron, schedule.time_zone, schedule.calendar = "5 16 * * *", "America/New_York", "XNYS"
    services.update_schedule(schedule=schedule, now=clock.now(), actor="test")
    shown = page(admin_client, OVERVIEW)
    assert f"{schedule.next_due_at:%a %Y-%m-%d %H:%M} UTC" in shown
    assert "16:05 America/New_York" in shown


def test_missed_slot_is_told_beside_the_last_run(admin_client: Client) -> None:
    ended(RunState.SUCCEEDED, created_at=SLOT - HOUR, slot=SLOT - HOUR, result={"rows": 17})
    missed = ended(RunState.MISSED, error="the host was down", attempt=0)
    shown = page(admin_client, OVERVIEW)
    assert "Missed: slot of Sun 2026-11-15 21:00 UTC</a>, the host was down" in shown
    assert reverse("admin:jobs_jobrun_change", args=[missed.pk]) in shown
    assert "rows 17" in shown
    status = next(job for job in selectors.job_overview(now=clock.now()) if job.name == "sample_quick")
    assert (status.status, status.condition, status.unrun) == ("success", Condition.MISSED, missed)


def test_schedule_that_cannot_be_used_does_not_break_the_page(admin_client: Client) -> None:
    JobSchedule.objects.create(job="broken", cron="99 99 * * *", time_zone="Mars/Olympus", next_due_at=clock.now())
    shown = page(admin_client, OVERVIEW)
    assert "Unknown time zone" in shown
    assert "Not in this version" in shown


def test_empty_platform_is_told_what_to_do(admin_client: Client) -> None:
    for job in registry.all_jobs():
        registry.unregister(job.name)
    try:
        JobSchedule.objects.all().delete()
        shown = page(admin_client, OVERVIEW)
    finally:
        for job in ALL_JOBS:
            registry.register(job)
    assert "No job is declared in this version" in shown
    assert "manage.py migrate" in shown
    assert "No job has run yet." in page(admin_client, reverse("admin:jobs_jobrun_changelist"))


ALL_JOBS: list[registry.Job] = []


@pytest.fixture(autouse=True)
def remember_jobs(sample_jobs: None) -> None:
    ALL_JOBS[:] = registry.all_jobs()


@pytest.mark.parametrize("address", [OVERVIEW, "run", "/admin/jobs/overview/sample_quick/run/"])
def test_page_keeps_the_strict_policy(admin_client: Client, address: str) -> None:
    if address == "run":
        address = reverse("admin:jobs_jobrun_change", args=[ask_for("quick").pk])
    answer = admin_client.get(address)
    assert "unsafe-inline" not in answer["Content-Security-Policy"]
    assert INLINE.findall(answer.content.decode()) == []


@pytest.mark.mission(35)
def test_error_of_a_failed_run_is_on_its_page_and_in_the_overview(admin_client: Client) -> None:
    run = ended(error="Failed to connect to IBKR: is TWS running?", traceback="line 5", log="12:00:00 trying")
    shown = page(admin_client, reverse("admin:jobs_jobrun_change", args=[run.pk]))
    for text in ("Failed to connect to IBKR: is TWS running?", "line 5", "12:00:00 trying", "3 of 3", "Failed"):
        assert text in shown
    assert "Failed to connect to IBKR" in page(admin_client, OVERVIEW)


def test_run_page_and_what_it_fetches_say_the_same(admin_client: Client) -> None:
    run = ended(
        RunState.SUCCEEDED,
        started_at=SLOT + timedelta(seconds=90),
        attempt_started_at=SLOT + timedelta(seconds=90),
        ended_at=SLOT + timedelta(seconds=95),
        result={"rows": 17, "by": {"AAPL": 1}},
    )
    live = admin_client.get(reverse("admin:jobs_jobrun_live", args=[run.pk])).json()
    shown = page(admin_client, reverse("admin:jobs_jobrun_change", args=[run.pk]))
    assert live["fields"]["headline"] == "Took 5.0 s"
    assert live["fields"]["timing"] == "1 min 30 s late"
    assert ["rows", "17"] in live["result"]
    assert not live["flags"]["unfinished"] and not live["flags"]["can_retry"]
    for name in ("headline", "timing", "attempts", "state"):
        assert live["fields"][name] in shown
    assert "<noscript><meta" not in shown


def test_unfinished_run_follows_itself_with_and_without_scripts(admin_client: Client) -> None:
    shown = page(admin_client, reverse("admin:jobs_jobrun_change", args=[ask_for("quick").pk]))
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in shown
    assert "jobs/run.js" in shown and 'aria-live="polite"' in shown


def test_retry_and_its_original_link_to_each_other(admin_client: Client) -> None:
    first = ended()
    again = services.actions.retry_run(run_id=first.pk, actor="ann", reason="", now=clock.now())
    assert "Done again by" in page(admin_client, reverse("admin:jobs_jobrun_change", args=[first.pk]))
    assert f"run {first.pk}</a>" in page(admin_client, reverse("admin:jobs_jobrun_change", args=[again.pk]))


@pytest.mark.parametrize("pk", ["0", "999999999", "abc"])
def test_unknown_run_is_not_found(admin_client: Client, pk: str) -> None:
    assert admin_client.get(f"/admin/jobs/jobrun/{pk}/change/").status_code == 404


def test_runs_are_found_by_number_name_and_error(admin_client: Client) -> None:
    run, other = ended(error="no entitlement"), ended(RunState.SUCCEEDED, job="weekly_report")
    for term, found, hidden in (
        (str(run.pk), run, other),
        ("entitle", run, other),
        ("weekly", other, run),
    ):
        shown = page(admin_client, f"/admin/jobs/jobrun/?q={term}")
        assert reverse("admin:jobs_jobrun_change", args=[found.pk]) in shown
        assert reverse("admin:jobs_jobrun_change", args=[hidden.pk]) not in shown


@pytest.mark.parametrize(
    "query", ["", "?job=sample_quick", "?state__exact=failed", "?state__exact=missed", "?q=sample", "?q=7"]
)
def test_list_of_runs_reads_indexes_only(admin_client: Client, query: str) -> None:
    """Over any number of rows: with sequential scans forbidden where an index would do, none is left to be chosen."""
    fill(["sample_quick"], 3)
    with CaptureQueriesContext(connection) as captured:
        assert admin_client.get(f"/admin/jobs/jobrun/{query}").status_code == 200
    reads = [
        entry["sql"] for entry in captured if '"jobs_jobrun"' in entry["sql"] and entry["sql"].startswith("SELECT")
    ]
    assert reads
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        for sql in reads:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on jobs_jobrun" not in plan, f"{sql}\n{plan}"


def checks_by_question() -> dict[str, diagnosis.Check]:
    now = clock.now()
    found = diagnosis.checks(worker=selectors.worker_state(now=now), pause=overview.current_pause(), now=now)
    return {check.question: check for check in found}


@pytest.mark.mission(66)
def test_panel_tells_that_no_worker_lives_and_how_to_start_one(admin_client: Client) -> None:
    services.ensure_schedules(now=clock.now())
    alive = checks_by_question()["Is the scheduler service alive?"]
    assert alive.is_good is False
    assert alive.command == f"{diagnosis.sys.executable} {diagnosis.manage_file()} worker"
    shown = page(admin_client, OVERVIEW)
    assert "<details open>" in shown
    assert "No worker has ever run." in shown
    now = clock.now()
    services.register_worker(name="w", host="h", pid=1, workers=2, now=now)
    services.hear_canary(worker="w")
    assert {check.question for check in checks_by_question().values() if check.is_good is False} == set()
    assert "<details>" in page(admin_client, OVERVIEW)


@pytest.mark.mission(66)
def test_panel_names_each_trouble_with_its_remedy() -> None:
    now = clock.now()
    JobSchedule.objects.all().delete()
    assert checks_by_question()["Is every job registered?"].command.endswith("manage.py migrate")
    assert checks_by_question()["Is anything planned?"].is_good is False
    services.ensure_schedules(now=now)
    assert checks_by_question()["Is every job registered?"].is_good
    JobSchedule.objects.create(job="of_yesterday", cron="0 1 * * *")
    assert "of_yesterday" in checks_by_question()["Is every job registered?"].found
    run = ask_for("quick")
    assert checks_by_question()["Does a run wait that should not?"].is_good
    JobRun.objects.filter(pk=run.pk).update(next_attempt_at=now - HOUR)
    waiting = checks_by_question()["Does a run wait that should not?"]
    assert waiting.is_good is False and "1 h" in waiting.found
    JobRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING, lease_until=now - HOUR)
    assert checks_by_question()["Is a run stuck?"].is_good is False
    services.pause_jobs(actor="ann", reason="moving house", now=now)
    paused = checks_by_question()["Is everything paused?"]
    assert paused.is_good is False and "moving house" in paused.found


@pytest.mark.mission(66)
def test_panel_shows_the_log_and_a_manual_run_by_absolute_path(admin_client: Client) -> None:
    from apps.journal import services as journal

    journal.record(step="Job", message="job failed: sample_quick: no", scope="jobs")
    shown = page(admin_client, OVERVIEW)
    assert f"{diagnosis.manage_file()} run_job job_cleanup" in shown
    assert f"{diagnosis.manage_file()} logs scheduler --follow" in shown


def test_clock_that_is_off_is_seen() -> None:
    now = clock.now() - timedelta(minutes=3)
    found = {
        check.question: check for check in diagnosis.checks(worker=selectors.worker_state(now=now), pause=None, now=now)
    }
    assert found["Do the clocks agree?"].is_good is False
    assert "3 min" in found["Do the clocks agree?"].found


@pytest.mark.mission(67)
def test_common_causes_are_listed_with_fixes_by_absolute_path(
    admin_client: Client, settings: Any, tmp_path: Any
) -> None:
    assert [cause.name for cause in causes.common_causes()] == [
        "Path",
        "Environment file",
        "Virtual environment",
        "Permissions",
    ]
    shown = page(admin_client, OVERVIEW)
    for cause in causes.common_causes():
        assert cause.name in shown
        assert re.search(r"\s/\S+", cause.fix) or cause.fix.startswith("/")
    assert causes.crontab_line().split(" ", 5)[5].startswith("/")
    settings.BASE_DIR = tmp_path
    path, environment, *_ = causes.common_causes()
    assert not path.is_good and f"{tmp_path}/manage.py is missing" in path.found
    assert environment.fix.startswith(f"cp {tmp_path}/.env.example {tmp_path}/.env")
