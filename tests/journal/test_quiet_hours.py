"""Quiet hours by the clocks of their zone, and the pace of reminders."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.journal.domain.quiet_hours import QuietHours

NIGHT = QuietHours(time(22), time(7), "Europe/London")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-01-10 21:59", None),
        ("2026-01-10 22:00", "2026-01-11 07:00"),
        ("2026-01-11 06:59", "2026-01-11 07:00"),
        ("2026-01-11 07:00", None),
        ("2026-07-10 21:30", "2026-07-11 06:00"),
        ("2026-07-10 20:59", None),
        ("2026-03-28 23:00", "2026-03-29 06:00"),  # the night in which the clocks go forward
        ("2026-10-24 23:00", "2026-10-25 07:00"),  # and back
    ],
)
def test_night_ends_in_the_morning_of_its_zone(now: str, ends: str | None) -> None:
    assert NIGHT.ends_after(utc(now)) == (utc(ends) if ends else None)


def test_quiet_hours_within_a_day() -> None:
    lunch = QuietHours(time(12), time(13), "UTC")
    assert lunch.ends_after(utc("2026-01-10 12:30")) == utc("2026-01-10 13:00")
    assert lunch.ends_after(utc("2026-01-10 13:00")) is None


def test_equal_ends_are_no_quiet_hours() -> None:
    assert QuietHours(time(8), time(8), "UTC").ends_after(utc("2026-01-10 08:00")) is None


@given(
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe"]),
    st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2029, 1, 1), timezones=st.just(UTC)),
)
def test_end_lies_within_25_hours_and_outside_the_quiet_hours(start: time, end: time, zone: str, now: datetime) -> None:
    hours = QuietHours(start, end, zone)
    ends = hours.ends_after(now)
    if ends is not None:
        assert now <= ends <= now + timedelta(hours=25)
        local = ends.astimezone(ZoneInfo(zone))
        late = local.hour * 60 + local.minute - end.hour * 60 - end.minute
        assert ends == now or late % 1440 in (0, 30, 60)  # the clocks may skip the end itself
