"""When a schedule is due, also in the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.jobs.domain.cron import check_cron, find_zone, following, last_due, next_due
from apps.jobs.domain.retries import delay_before
from apps.jobs.exceptions import InvalidSchedule

NEW_YORK, LONDON, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")
# Lord Howe shifts its clock by half an hour.
ZONES = (ZoneInfo("UTC"), NEW_YORK, LONDON, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Tokyo"))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.mission(14)
def test_daily_snapshot_time_is_the_same_in_summer_and_winter_in_utc() -> None:
    assert next_due("35 16 * * *", ZoneInfo("UTC"), utc("2026-01-15 16:34")) == utc("2026-01-15 16:35")
    assert next_due("35 16 * * *", ZoneInfo("UTC"), utc("2026-07-15 16:35")) == utc("2026-07-16 16:35")


def test_exchange_time_moves_with_its_zone() -> None:
    assert next_due("0 16 * * mon-fri", NEW_YORK, utc("2026-01-15 00:00")) == utc("2026-01-15 21:00")
    assert next_due("0 16 * * mon-fri", NEW_YORK, utc("2026-07-15 00:00")) == utc("2026-07-15 20:00")


def test_weekday_schedule_skips_the_weekend() -> None:
    friday_evening = utc("2026-01-16 22:00")
    assert next_due("0 16 * * mon-fri", NEW_YORK, friday_evening) == utc("2026-01-19 21:00")


def test_hour_that_the_spring_skips_is_run_once_an_hour_later() -> None:
    """New York, 8 March 2026: 02:00 becomes 03:00."""
    instants = following("30 2 * * *", NEW_YORK, utc("2026-03-07 12:00"), 2)
    assert instants == [utc("2026-03-08 07:30"), utc("2026-03-09 06:30")]


def test_hour_that_the_autumn_repeats_is_run_once() -> None:
    """New York, 1 November 2026: 02:00 becomes 01:00."""
    instants = following("30 1 * * *", NEW_YORK, utc("2026-10-31 12:00"), 2)
    assert instants == [utc("2026-11-01 05:30"), utc("2026-11-02 06:30")]


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01", "2026-06-01"])
def test_quarter_hourly_schedule_follows_elapsed_time(day: str) -> None:
    start = utc(f"{day} 00:00")
    instants = following("*/15 * * * *", NEW_YORK, start, 96)
    assert instants == [start + timedelta(minutes=15 * turn) for turn in range(1, 97)]


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    year=st.integers(2020, 2039),
)
@settings(max_examples=25)
def test_daily_schedule_runs_once_on_every_local_date_of_a_year(
    zone: ZoneInfo, hour: int, minute: int, year: int
) -> None:
    start = datetime(year, 1, 1, tzinfo=zone) - timedelta(seconds=1)
    instants = following(f"{minute} {hour} * * *", zone, start, 365)
    assert [instant.astimezone(zone).date() for instant in instants] == [
        (datetime(year, 1, 1) + timedelta(days=day)).date() for day in range(365)
    ]


@given(
    zone=st.sampled_from(ZONES),
    cron=st.sampled_from(["35 16 * * *", "30 1 * * *", "30 2 * * *", "*/20 * * * *", "15 1-3 * * *", "0 9 * * sun"]),
    seconds=st.integers(0, 366 * 24 * 3600),
)
@settings(max_examples=60)
def test_last_due_is_the_latest_before_the_next(zone: ZoneInfo, cron: str, seconds: int) -> None:
    moment = utc("2026-01-01 00:00") + timedelta(seconds=seconds)
    last = last_due(cron, zone, moment)
    assert last <= moment < next_due(cron, zone, moment)
    assert next_due(cron, zone, last - timedelta(seconds=1)) == last
    assert next_due(cron, zone, last) == next_due(cron, zone, moment)


def test_last_due_includes_its_own_moment() -> None:
    assert last_due("35 16 * * *", ZoneInfo("UTC"), utc("2026-01-15 16:35")) == utc("2026-01-15 16:35")


@pytest.mark.parametrize(
    "cron", ["", "35 16 * *", "61 * * * *", "* * * * * *", "0 0 30 2 *", "@daily", "soon", "H * * * *"]
)
def test_bad_cron_is_refused_with_an_example_or_a_reason(cron: str) -> None:
    with pytest.raises(InvalidSchedule, match="five fields|never comes"):
        check_cron(cron)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime"])
def test_bad_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidSchedule, match="Unknown time zone"):
        find_zone(name)


@pytest.mark.mission(22)
def test_attempts_follow_after_zero_sixty_and_a_hundred_and_twenty_seconds() -> None:
    delays = [delay_before(attempt, (0, 60, 120)).total_seconds() for attempt in (1, 2, 3, 4)]
    assert delays == [0, 60, 120, 120]
