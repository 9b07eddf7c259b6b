"""The schedules that come with the product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client

from apps.jobs import registry, selectors, services
from apps.jobs.choices import CatchUp
from apps.jobs.domain import calendars
from apps.jobs.domain.plans import Plan, following, next_slot
from apps.jobs.models import JobSchedule
from apps.jobs.services import schedule_rules

WINTER, SUMMER = datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
SUNDAY = datetime(2026, 7, 19, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def schedules(db: None) -> dict[str, JobSchedule]:
    JobSchedule.objects.all().delete()
    services.ensure_schedules(now=WINTER)
    return {schedule.job: schedule for schedule in JobSchedule.objects.all()}


@pytest.fixture(params=["Asia/Tokyo", "America/New_York", "Europe/London"])
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def next_of(schedule: JobSchedule, after: datetime) -> datetime | None:
    return next_slot(schedule.plan, after)


@pytest.mark.mission(14)
@pytest.mark.mission(18)
@pytest.mark.parametrize("day", [WINTER, SUMMER])
def test_snapshot_is_due_at_1635_utc_every_day_in_every_zone_of_the_host(
    schedules: dict[str, JobSchedule], day: datetime, host_zone: str
) -> None:
    week = following(schedules["daily_snapshot"].plan, day, 7)
    assert week == [day + timedelta(days=turn, hours=16, minutes=35) for turn in range(7)]


@pytest.mark.mission(15)
@pytest.mark.mission(18)
def test_rebalance_is_due_on_sunday_at_2000_utc(schedules: dict[str, JobSchedule], host_zone: str) -> None:
    assert next_of(schedules["weekly_rebalance"], WINTER) == datetime(2026, 1, 18, 20, tzinfo=UTC)
    assert next_of(schedules["weekly_rebalance"], SUMMER) == SUNDAY + timedelta(hours=20)


@pytest.mark.mission(16)
@pytest.mark.mission(17)
def test_report_follows_the_rebalance_and_both_are_ready_before_monday_opens(
    schedules: dict[str, JobSchedule],
) -> None:
    report = schedules["weekly_report"]
    assert next_of(report, SUMMER) == SUNDAY + timedelta(hours=21)
    assert report.depends_on == "weekly_rebalance"
    london_opens = datetime(2026, 7, 20, 8, tzinfo=ZoneInfo("Europe/London"))
    assert SUNDAY + timedelta(hours=21) + report.grace < london_opens.astimezone(UTC)


def test_monthly_signal_is_run_by_hand_only(schedules: dict[str, JobSchedule]) -> None:
    assert schedules["monthly_signal"].plan.is_empty and schedules["monthly_signal"].next_due_at is None


@pytest.mark.mission(58)
def test_missed_runs_are_caught_up_once_unless_they_would_tell_of_another_time(
    schedules: dict[str, JobSchedule],
) -> None:
    assert {name: schedule.catch_up for name, schedule in schedules.items() if schedule.catch_up != CatchUp.ONCE} == {
        "daily_snapshot": CatchUp.SKIP,
        "halt_drill": CatchUp.SKIP,
        "position_snapshots": CatchUp.SKIP,
        "reconciliation": CatchUp.SKIP,
    }
    snapshot = schedules["daily_snapshot"]
    latest_start = datetime(2026, 1, 14, 16, 35, tzinfo=UTC) + snapshot.grace
    assert latest_start.date() == datetime(2026, 1, 14).date() and latest_start.hour == 23
    options = schedules["position_snapshots"]
    slot = next_of(options, WINTER)
    assert slot is not None
    new_york = ZoneInfo("America/New_York")
    latest_start = (slot + options.grace).astimezone(new_york)
    assert (slot.astimezone(new_york).date(), latest_start.hour) == (latest_start.date(), 23)


@pytest.mark.mission(56)
@pytest.mark.mission(71)
@pytest.mark.parametrize("day", [WINTER, SUMMER])
def test_position_snapshots_are_due_at_1605_in_new_york_in_every_zone_of_the_host(
    schedules: dict[str, JobSchedule], day: datetime, host_zone: str
) -> None:
    week = following(schedules["position_snapshots"].plan, day, 3)
    assert {f"{slot.astimezone(ZoneInfo('America/New_York')):%H:%M}" for slot in week} == {"16:05"}


@pytest.mark.mission(71)
def test_schedule_page_says_why_position_snapshots_are_taken_then(
    schedules: dict[str, JobSchedule], admin_client: Client
) -> None:
    address = f"/admin/jobs/jobschedule/{schedules['position_snapshots'].pk}/change/"
    page = admin_client.get(address).content.decode()
    for reason in (
        "5 min after the XNYS close",
        "orders have settled",
        "prices are final",
        "asked less",
        "15 16 * * 1-5",
    ):
        assert reason in page, reason


@pytest.mark.mission(192)
def test_every_shipped_schedule_is_valid_and_each_runs_in_its_own_zone(schedules: dict[str, JobSchedule]) -> None:
    assert set(schedules) == {job.name for job in registry.all_jobs()}
    for schedule in schedules.values():
        assert schedule_rules.find_problems(schedule=schedule, now=WINTER) == {}, schedule.job
    plans = [Plan("0 16 * * *", "UTC"), Plan("0 16 * * *", "America/New_York"), Plan("0 16 * * *", "Europe/London")]
    assert [following(plan, SUMMER, 1)[0].hour for plan in plans] == [16, 20, 15]


@pytest.mark.mission(70)
def test_next_runs_are_told_on_the_clocks_of_utc_schedule_and_exchange_wherever_the_host_stands(
    db: None, host_zone: str
) -> None:
    schedule = JobSchedule(job="daily_snapshot", cron="5 21 * * *", time_zone="Europe/London", calendar="XNYS")
    [winter] = selectors.next_slots(schedule, 1, WINTER)
    assert (winter.utc_text, winter.local_text, winter.exchange_text) == (
        "Wed 2026-01-14 21:05",
        "Wed 2026-01-14 21:05 GMT",
        "Wed 2026-01-14 16:05 EST",
    )
    [summer] = selectors.next_slots(schedule, 1, SUMMER)
    assert (summer.utc_text, summer.local_text, summer.exchange_text) == (
        "Wed 2026-07-15 20:05",
        "Wed 2026-07-15 21:05 BST",
        "Wed 2026-07-15 16:05 EDT",
    )


@pytest.mark.mission(70)
def test_command_shows_both_clocks_the_pause_and_what_is_late(db: None) -> None:
    schedule = JobSchedule.objects.get(job="daily_snapshot")
    schedule.cron, schedule.time_zone = "5 16 * * *", "America/New_York"
    services.update_schedule(schedule=schedule, now=WINTER, actor="test")
    JobSchedule.objects.filter(job="weekly_rebalance").update(next_due_at=WINTER)
    services.pause_jobs(actor="ann", reason="moving house", now=WINTER)
    output = StringIO()
    call_command("jobs", stdout=output)
    text = output.getvalue()
    assert "16:05 EST" in text and "21:05" in text
    assert "All schedules are paused since 2026-01-14 00:00 UTC by ann: moving house" in text


def test_calendars_are_read_ahead_of_their_slot(db: None) -> None:
    """The library takes a second to load: the wake-up must not wait for it."""
    calendars.closes_of.cache_clear()
    JobSchedule.objects.update(enabled=False)
    JobSchedule.objects.filter(job="daily_snapshot").update(
        enabled=True, calendar="XLON", minutes_after_close=5, next_due_at=WINTER + MINUTE
    )
    assert services.next_wake_up(now=WINTER) == WINTER + MINUTE
    read = calendars.closes_of.cache_info().currsize
    assert read
    services.dispatch_due(now=WINTER + MINUTE)
    assert calendars.closes_of.cache_info().currsize == read
