"""Five years of slots in New York and London, against the calendars themselves and against slow computations."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.jobs.domain import calendars
from apps.jobs.domain.plans import INSTANT, Plan, check, following, last_slot, newest_between, next_slot, problems
from apps.jobs.exceptions import InvalidSchedule

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = {"XNYS": "America/New_York", "XLON": "Europe/London"}


@cache
def closes(code: str) -> dict[date, datetime]:
    """Of five years at once, straight from the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars

        calendar = exchange_calendars.get_calendar(code, start="2023-12-01", end="2029-01-31")
        return {day.date(): close.to_pydatetime().astimezone(UTC) for day, close in calendar.closes.items()}


def slots_of(plan: Plan, start: datetime = START, end: datetime = END) -> list[datetime]:
    slots: list[datetime] = []
    slot = next_slot(plan, start - INSTANT)
    while slot is not None and slot < end:
        slots.append(slot)
        slot = next_slot(plan, slot)
    return slots


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("code", ["XNYS", "XLON"])
@pytest.mark.parametrize("at", [time(16, 5), time(23, 59), time(0, 0)])
def test_cron_on_trading_days_is_due_once_on_each_of_five_years(code: str, at: time) -> None:
    zone = ZoneInfo(ZONES[code])
    plan = Plan(f"{at.minute} {at.hour} * * *", ZONES[code], code)
    expected = [datetime.combine(day, at, zone).astimezone(UTC) for day in closes(code)]
    assert slots_of(plan) == [slot for slot in expected if START <= slot < END]


@pytest.mark.parametrize("code", ["XNYS", "XLON"])
@pytest.mark.parametrize("minutes", [0, 5, 90, 720])
def test_minutes_after_close_follow_every_close_of_five_years(code: str, minutes: int) -> None:
    plan = Plan("", "UTC", code, minutes)
    expected = [close + timedelta(minutes=minutes) for close in closes(code).values()]
    assert slots_of(plan) == [slot for slot in expected if START <= slot < END]


@pytest.mark.mission(192)
def test_half_days_end_early() -> None:
    """The day after Thanksgiving trading ends at 13:00 in New York, on Christmas Eve at 12:30 in London."""
    assert next_slot(Plan("", "UTC", "XNYS", 5), utc("2026-11-27 00:00")) == utc("2026-11-27 18:05")
    assert next_slot(Plan("", "UTC", "XNYS", 5), utc("2026-11-30 00:00")) == utc("2026-11-30 21:05")
    assert next_slot(Plan("", "UTC", "XLON", 5), utc("2026-12-24 00:00")) == utc("2026-12-24 12:35")
    new_york = ZoneInfo("America/New_York")
    early = [slot for slot in slots_of(Plan("", "UTC", "XNYS", 5)) if slot.astimezone(new_york).time() != time(16, 5)]
    assert len(early) >= 10 and {slot.astimezone(new_york).time() for slot in early} == {time(13, 5)}


@pytest.mark.parametrize(
    ("code", "closed", "following_day"),
    [
        ("XNYS", "2026-01-01", "2026-01-02"),
        ("XNYS", "2026-11-26", "2026-11-27"),
        ("XNYS", "2027-12-24", "2027-12-27"),
        ("XLON", "2026-12-25", "2026-12-29"),
        ("XLON", "2027-12-31", "2027-12-31"),
    ],
)
def test_holidays_and_year_ends(code: str, closed: str, following_day: str) -> None:
    slot = next_slot(Plan("30 11 * * *", ZONES[code], code), utc(f"{closed} 00:00"))
    assert slot is not None and slot.date() == date.fromisoformat(following_day)


def test_slot_after_midnight_belongs_to_the_trading_day_before() -> None:
    """Twelve hours after the New York close it is Saturday in UTC, and that is Friday's slot."""
    assert next_slot(Plan("", "UTC", "XNYS", 720), utc("2026-01-17 00:00")) == utc("2026-01-17 09:00")
    assert last_slot(Plan("", "UTC", "XNYS", 720), utc("2026-01-19 12:00")) == utc("2026-01-17 09:00")


def test_day_is_told_by_the_exchange_and_not_by_the_clock_of_the_schedule() -> None:
    """01:00 UTC on a Saturday is Friday evening in New York."""
    assert next_slot(Plan("0 1 * * *", "UTC", "XNYS"), utc("2026-01-17 00:00")) == utc("2026-01-17 01:00")
    assert next_slot(Plan("0 1 * * *", "UTC", "XNYS"), utc("2026-01-17 02:00")) == utc("2026-01-21 01:00")


@given(
    code=st.sampled_from(["", "XNYS", "XLON"]),
    zone=st.sampled_from(["UTC", "America/New_York", "Europe/London"]),
    line=st.sampled_from(["0 16 * * *", "30 1 * * *", "30 2 * * *", "*/20 * * * *", "5 9-17 * * mon-fri", "0 0 1 * *"]),
    minutes=st.sampled_from([None, None, 5, 720]),
    offset=st.integers(0, 3 * 366 * 24 * 60 * 60),
)
@settings(max_examples=100)
def test_last_is_the_latest_before_the_next(code: str, zone: str, line: str, minutes: int | None, offset: int) -> None:
    plan = Plan(line, zone, code, minutes if code else None)
    moment = START + timedelta(days=366, seconds=offset)
    last, following_slot = last_slot(plan, moment), next_slot(plan, moment)
    assert last is not None and following_slot is not None
    assert last <= moment < following_slot
    assert next_slot(plan, last) == following_slot and next_slot(plan, last - INSTANT) == last
    assert last_slot(plan, following_slot) == following_slot and last_slot(plan, following_slot - INSTANT) == last


def matches(line: str, wall: datetime) -> bool:
    """Stars, numbers and steps only; weekday 0 is Sunday."""
    parts = (wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7)
    return all(_matches(field, value) for field, value in zip(line.split(), parts, strict=True))


def _matches(field: str, value: int) -> bool:
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    return field == "*" or value in [int(part) for part in field.split(",")]


def slowly(line: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every minute looked at: of elapsed time where the hour is free, else of the wall, its first occurrence counts."""
    count = int((end - start) / MINUTE)
    if line.split()[1].startswith("*"):
        instants = (start + turn * MINUTE for turn in range(count))
        return [at for at in instants if matches(line, at.astimezone(zone).replace(tzinfo=None))]
    first = start.astimezone(zone).replace(tzinfo=None) - 3 * 60 * MINUTE
    walls = (first + turn * MINUTE for turn in range(count + 6 * 60))
    found = {wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls if matches(line, wall)}
    return sorted(at for at in found if start <= at < end)


# Both nights of both zones, Lord Howe's half hour, and a zone that changes at midnight.
NIGHTS = [
    ("America/New_York", "2026-03-07"),
    ("America/New_York", "2026-10-31"),
    ("Europe/London", "2026-03-28"),
    ("Europe/London", "2026-10-24"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("America/Santiago", "2026-09-05"),
    ("UTC", "2026-12-30"),
]
LINES = [
    "0 16 * * *",
    "30 1 * * *",
    "30 2 * * *",
    "0 0 * * *",
    "15 1,2,3 * * *",
    "*/7 * * * *",
    "40 */2 * * *",
    "* 1 * * *",
    "0 2 * * 0",
]


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_nights_when_clocks_change_agree_with_looking_at_every_minute(zone: str, day: str) -> None:
    start = utc(f"{day} 00:00")
    end = start + 3 * DAY
    for line in LINES:
        assert slots_of(Plan(line, zone), start, end) == slowly(line, ZoneInfo(zone), start, end), line


@given(
    zone=st.sampled_from(["America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC"]),
    minute=st.sampled_from(["*", "*/15", "0", "5,50", "59"]),
    hour=st.sampled_from(["*", "*/5", "0", "1,2", "16", "23"]),
    weekday=st.sampled_from(["*", "0", "1,3,5"]),
    day=st.integers(0, 5 * 365),
)
@settings(max_examples=20)
def test_any_two_days_agree_with_looking_at_every_minute(
    zone: str, minute: str, hour: str, weekday: str, day: int
) -> None:
    line, start = f"{minute} {hour} * * {weekday}", START + day * DAY
    assert slots_of(Plan(line, zone), start, start + 2 * DAY) == slowly(line, ZoneInfo(zone), start, start + 2 * DAY)


@pytest.mark.parametrize("code", sorted(calendars.EXCHANGES))
def test_every_offered_exchange_is_known_to_the_library_in_its_zone(code: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars

        calendar = exchange_calendars.get_calendar(code, start="2026-01-01", end="2026-12-31")
        assert str(calendar.tz) == calendars.EXCHANGES[code].time_zone
        assert {day.date() for day in calendar.sessions} == set(calendars.closes_of(code, 2026))


def test_years_beyond_the_library_s_own_end_are_known() -> None:
    """Its calendars end a year ahead; each asked year is built."""
    far = datetime(2031, 7, 3, 12, tzinfo=UTC)
    assert next_slot(Plan("", "UTC", "XNYS", 5), far) == utc("2031-07-03 17:05")


def test_newest_between_gives_the_newest_in_order() -> None:
    plan = Plan("0 * * * *")
    found = newest_between(plan, utc("2026-01-01 00:00"), utc("2026-01-03 00:00"), 3)
    assert found == [utc("2026-01-02 22:00"), utc("2026-01-02 23:00"), utc("2026-01-03 00:00")]
    assert len(newest_between(plan, utc("2026-01-01 00:00"), utc("2026-01-03 00:00"), 100)) == 49
    assert newest_between(Plan(""), START, END, 5) == []


def test_nothing_is_planned_without_cron_or_close() -> None:
    assert next_slot(Plan(""), START) is None and last_slot(Plan(""), START) is None
    assert str(Plan("")) == "by hand only"


def test_plan_names_itself() -> None:
    assert str(Plan("0 16 * * *", "Europe/London", "XLON")) == "0 16 * * * Europe/London, XLON trading days"
    assert str(Plan("0 16 * * *", "UTC", "XNYS", 5)) == "5 min after the XNYS close"


def test_cron_that_meets_no_trading_day_has_no_slot() -> None:
    saturday = Plan("0 12 * * sat", "America/New_York", "XNYS")
    assert next_slot(saturday, START) is None and last_slot(saturday, END) is None


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (Plan("61 * * * *"), "cron"),
        (Plan("0 1 * * *", "Mars/Olympus"), "time_zone"),
        (Plan("0 1 * * *", "UTC", "NYSE"), "calendar"),
        (Plan("", "UTC", "", 5), "minutes_after_close"),
        (Plan("", "UTC", "XNYS", 721), "minutes_after_close"),
    ],
)
def test_problem_is_told_of_its_field(plan: Plan, field: str) -> None:
    assert list(problems(plan)) == [field]
    with pytest.raises(InvalidSchedule):
        check(plan)
    with pytest.raises(InvalidSchedule):
        next_slot(plan, START)


def test_minutely_slots_are_a_minute_apart_through_the_night_the_clock_changes() -> None:
    slots = following(Plan("* * * * *", "Europe/London"), utc("2026-10-25 00:00"), 70)
    assert {later - earlier for earlier, later in pairwise(slots)} == {MINUTE}
