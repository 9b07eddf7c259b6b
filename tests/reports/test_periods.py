from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reports.choices import ReportKind
from apps.reports.domain import periods
from apps.reports.exceptions import InvalidPeriod

DAYS = st.dates(date(1991, 1, 1), date(2400, 1, 1))


@pytest.mark.mission(26)
@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-W05", date(2026, 1, 26), date(2026, 2, 1)),
        ("2026-W01", date(2025, 12, 29), date(2026, 1, 4)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ("2020-W53", date(2020, 12, 28), date(2021, 1, 3)),
        ("2024-W01", date(2024, 1, 1), date(2024, 1, 7)),
        (" 2026-w05 ", date(2026, 1, 26), date(2026, 2, 1)),
    ],
)
def test_week_is_the_iso_week(text: str, first: date, last: date) -> None:
    period = periods.week(text)
    assert (period.first, period.last) == (first, last)
    assert period.kind == ReportKind.WEEKLY


@pytest.mark.mission(26)
@pytest.mark.parametrize(
    ("day", "label"),
    [
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 3), "2026-W53"),
        (date(2027, 1, 4), "2027-W01"),
        (date(2025, 12, 29), "2026-W01"),
        (date(2023, 1, 1), "2022-W52"),
    ],
)
def test_week_of_a_day_around_new_year_carries_the_iso_year(day: date, label: str) -> None:
    assert periods.week_of(day).label == label


@pytest.mark.mission(26)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-5",
        "2026-W5",
        "2026W05",
        "2026-W00",
        "2026-W54",
        "2025-W53",
        "W05",
        "2026-W05-1",
        "0000-W01",
        "２０２６-W05",
    ],
)
def test_malformed_week_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InvalidPeriod, match="2026-W05|weeks 01 to 5"):
        periods.week(text)


def test_week_53_of_a_year_with_52_names_the_weeks_there_are() -> None:
    with pytest.raises(InvalidPeriod, match="2025 has the weeks 01 to 52"):
        periods.week("2025-W53")


@pytest.mark.mission(27)
@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2026-01", date(2026, 1, 31)),
        ("2026-02", date(2026, 2, 28)),
        ("2024-02", date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 31)),
    ],
)
def test_month_reaches_to_its_last_day(text: str, last: date) -> None:
    period = periods.month(text)
    assert (period.first, period.last, period.label) == (last.replace(day=1), last, text)


@pytest.mark.mission(27)
@pytest.mark.parametrize("text", ["", "2026", "2026-1", "2026-00", "2026-13", "01-2026", "2026-01-01", "2026-W05"])
def test_malformed_month_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InvalidPeriod, match="2026-01"):
        periods.month(text)


@given(DAYS)
def test_week_holds_its_day_and_reads_back(day: date) -> None:
    period = periods.week_of(day)
    assert period.first <= day <= period.last
    assert (period.first.weekday(), period.last - period.first) == (0, timedelta(days=6))
    assert periods.parse(ReportKind.WEEKLY, period.label) == period


@given(DAYS)
def test_month_holds_its_day_and_reads_back(day: date) -> None:
    period = periods.month_of(day)
    assert period.first <= day <= period.last
    assert (period.last + timedelta(days=1)).day == 1
    assert periods.parse(ReportKind.MONTHLY, period.label) == period


@given(DAYS)
def test_last_week_has_ended_or_ends_today(day: date) -> None:
    period = periods.last_week(day)
    assert period.last <= day < period.last + timedelta(days=7)


def test_title_writes_the_days_out() -> None:
    assert periods.week("2026-W05").title == "Monday 26 January 2026 to Sunday 1 February 2026"
    assert periods.month("2026-01").title == "January 2026"
