"""The weekly login: when it is, also in the nights when clocks change, what proves it, and what it must not meet."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.checks import run_checks
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.broker.domain.restart_window import Region, RestartCalendar, RestartWindow
from apps.broker.domain.weekly_login import LOGIN_MAY_PRECEDE, WEEKDAYS, WeeklyLogin, without_login
from tests.broker.gateway.running import config_for

ZURICH = ZoneInfo("Europe/Zurich")
SUNDAY = WeeklyLogin.parse("SUN 18:00 Europe/Zurich")
ZONES = ("Europe/Zurich", "America/New_York", "Asia/Hong_Kong", "Australia/Lord_Howe", "UTC")
WEEK = timedelta(weeks=1)
SHIFT = timedelta(hours=1)


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type, misc]


@given(
    st.integers(0, 6),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
)
def test_every_moment_lies_between_two_appointments_of_one_week(
    weekday: int, at: time, zone: str, now: datetime
) -> None:
    login = WeeklyLogin(weekday, at, ZoneInfo(zone))
    last, coming = login.latest(now), login.following(now)
    assert last <= now < coming
    assert WEEK - SHIFT <= coming - last <= WEEK + SHIFT
    assert login.latest(coming) == coming and login.following(last) == coming
    for moment in (last, coming):
        assert moment.utcoffset() == timedelta(0)
        local = moment.astimezone(ZoneInfo(zone))
        # A time that does not exist that night comes out later on the clock, never on another day's evening.
        assert local.weekday() == weekday or local.time() < time(4)
        assert local.time() == at or local.replace(tzinfo=None) > datetime.combine(local.date(), at)


def test_clock_of_the_appointment_counts_on_both_sides_of_a_change() -> None:
    assert SUNDAY.following(utc(2026, 3, 23)) == utc(2026, 3, 29, 16), "the clocks went forward that morning"
    assert SUNDAY.latest(utc(2026, 3, 23)) == utc(2026, 3, 22, 17)
    assert SUNDAY.following(utc(2026, 10, 20)) == utc(2026, 10, 25, 17), "and back that morning"
    assert SUNDAY.latest(utc(2026, 10, 20)) == utc(2026, 10, 18, 16)


def test_time_that_a_night_skips_or_repeats_is_met_once() -> None:
    night = WeeklyLogin.parse("SUN 02:30 Europe/Zurich")
    assert night.following(utc(2026, 3, 28)) == utc(2026, 3, 29, 1, 30), "03:30 summer time: 02:30 was skipped"
    assert night.following(utc(2026, 3, 29, 1, 30)) == utc(2026, 4, 5, 0, 30)
    assert night.following(utc(2026, 10, 24)) == utc(2026, 10, 25, 0, 30), "the first of two"
    assert night.following(utc(2026, 10, 25, 0, 30)) == utc(2026, 11, 1, 1, 30), "not the second"


@given(st.integers(0, 6), st.times().map(lambda at: at.replace(second=0, microsecond=0)), st.sampled_from(ZONES))
def test_setting_is_read_as_it_is_written(weekday: int, at: time, zone: str) -> None:
    assert WeeklyLogin.parse(f"{WEEKDAYS[weekday].lower()} {at:%H:%M} {zone}") == WeeklyLogin(
        weekday, at, ZoneInfo(zone)
    )


@pytest.mark.parametrize(
    "text",
    [
        "18:00",
        "SUN 18:00",
        "SUNDAY 18:00 Europe/Zurich",
        "SUN 25:00 Europe/Zurich",
        "SUN 18:00+01:00 Europe/Zurich",
        "SUN 18:00 Europe/Zuerich",
        "SUN 18:00 Europe",
        "SUN 18:00 ../../etc/localtime",
        "SUN 18:00 Europe/Zurich weekly",
    ],
)
def test_what_cannot_be_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        WeeklyLogin.parse(text)


DUE = utc(2026, 3, 8, 17)


def test_people_think_of_it_from_two_hours_before_until_it_is_proved() -> None:
    week_before = DUE - WEEK
    for minutes, expected in ((-121, None), (-120, DUE), (-1, DUE), (0, DUE), (31, DUE), (3 * 1440, DUE)):
        assert SUNDAY.open_at(DUE + timedelta(minutes=minutes), kept_at=week_before) == expected
    kept = DUE + timedelta(minutes=1)
    assert SUNDAY.open_at(kept, kept_at=kept) is None
    assert SUNDAY.open_at(DUE + WEEK - timedelta(hours=2), kept_at=kept) == DUE + WEEK
    assert SUNDAY.open_at(week_before, kept_at=None) == week_before, "nothing proves that it was kept"


def test_session_proves_only_an_appointment_that_it_outlived_with_a_login_of_that_day() -> None:
    after = DUE + timedelta(minutes=1)
    assert SUNDAY.kept_by(logged_in_at=DUE - LOGIN_MAY_PRECEDE, held_at=after) == DUE
    assert SUNDAY.kept_by(logged_in_at=DUE - LOGIN_MAY_PRECEDE - timedelta(seconds=1), held_at=after) is None
    early = SUNDAY.kept_by(logged_in_at=DUE - timedelta(hours=1), held_at=DUE - timedelta(minutes=1))
    assert early == DUE - WEEK, "that of last week, whatever follows"


def test_name_tells_both_clocks_where_they_differ() -> None:
    assert SUNDAY.name_of(DUE) == "Sun 2026-03-08 18:00 CET (17:00 UTC)"
    assert WeeklyLogin.parse("SUN 17:00 UTC").name_of(DUE) == "Sun 2026-03-08 17:00 UTC"


def test_old_login_may_have_ended_from_the_weekend_reset_to_the_appointment() -> None:
    assert without_login(DUE) == (utc(2026, 3, 7, 8), DUE), "Saturday 03:00 in New York, winter time"
    summer = utc(2026, 3, 15, 17)
    assert without_login(summer) == (utc(2026, 3, 14, 7), summer)
    at_the_end = utc(2026, 3, 7, 8)
    assert without_login(at_the_end) == (at_the_end, at_the_end)
    assert without_login(at_the_end - timedelta(minutes=1))[0] == at_the_end - WEEK


NIGHTLY = RestartWindow(time(23, 45), time(0, 15))
NONE = RestartWindow(time(0), time(0))


def collides(text: str, region: Region = Region.NONE, own: RestartWindow = NONE) -> bool:
    return WeeklyLogin.parse(text).collision(RestartCalendar.of(region, own), utc(2026, 3, 2)) is not None


def test_appointment_inside_a_planned_restart_is_found() -> None:
    assert collides("SUN 00:00 UTC", own=NIGHTLY)
    assert collides("SUN 23:15 UTC", own=NIGHTLY), "the restart begins while the login is expected"
    assert not collides("SUN 23:00 UTC", own=NIGHTLY)
    assert collides("SUN 07:00 Europe/Zurich", Region.EUROPE)
    assert collides("SAT 06:00 Europe/Zurich", Region.AMERICA), "the weekend's reset"
    assert not collides("SUN 18:00 Europe/Zurich", Region.EUROPE, NIGHTLY)


def test_clash_that_begins_with_summer_time_is_found_in_winter() -> None:
    """00:30 in Zurich is 23:30 UTC in winter and 22:30 in summer."""
    summers = RestartWindow(time(22, 25), time(22, 35))
    login = WeeklyLogin.parse("MON 00:30 Europe/Zurich")
    found = login.collision(RestartCalendar.of(Region.NONE, summers), utc(2026, 1, 10))
    assert found is not None and found[0] == utc(2026, 3, 29, 22, 30)
    assert found[1] == (utc(2026, 3, 29, 22, 20), utc(2026, 3, 29, 22, 40))


def test_clash_is_a_warning_of_the_deployment_checks(settings: Settings) -> None:
    def found(text: str) -> dict[str | None, str]:
        settings.BROKER = dataclasses.replace(
            config_for(7497, client_id=2, simulated=False),
            restarts=RestartCalendar.of(Region.NONE, NIGHTLY),
            weekly_login=WeeklyLogin.parse(text),
        )
        return {message.id: message.msg for message in run_checks(tags=["broker"], include_deployment_checks=True)}

    assert found("SUN 18:00 Europe/Zurich") == {}
    said = found("SUN 00:00 UTC")
    assert set(said) == {"broker.W001"} and "planned restart from Sat 23:40 to Sun 00:20 UTC" in said["broker.W001"]
