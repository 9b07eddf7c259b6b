"""Which fetched days continue the stored ones, and which say that the past was rewritten."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.strategies.domain.history import DayBar, compare, describe_gaps, needed_duration, read_bars
from apps.strategies.exceptions import UnusableHistory

MONDAY = date(2026, 1, 5)


def bar(day: int, close: str = "100") -> DayBar:
    price = Decimal(close)
    return DayBar(MONDAY + timedelta(days=day), price, price, price, price, None)


def bars(*days: int, close: str = "100") -> list[DayBar]:
    return [bar(day, close) for day in days]


def row(on: str, **prices: Any) -> dict[str, Any]:
    return {"start": on, "open": "1", "high": "2", "low": "0.5", "close": "1.5", "volume": "10", **prices}


def test_new_days_follow_the_stored_ones() -> None:
    found = compare(bars(0, 1, 2), bars(1, 2, 3, 4))
    assert (found.problem, list(found.new)) == ("", bars(3, 4))


def test_nothing_stored_takes_everything_and_nothing_new_adds_nothing() -> None:
    assert list(compare([], bars(0, 1)).new) == bars(0, 1)
    assert compare(bars(0, 1), bars(0, 1)).new == ()


def test_split_is_noticed_with_its_factor() -> None:
    problem = compare(bars(0, 1), bars(0, 1, 2, close="50")).problem
    assert problem.startswith("the close of 2026-01-05 was 100 and is now 50 (factor 0.5): a split")


def test_rounding_of_the_broker_is_no_split() -> None:
    assert compare([bar(0, "100.00001")], [bar(0, "100.00002"), bar(1)]).problem == ""


@pytest.mark.parametrize(
    ("stored", "fetched", "said"),
    [
        ((0, 1, 3), (0, 1, 2, 3, 4), "2026-01-07 exists only in the fetched"),
        ((0, 1, 2), (0, 2, 3), "2026-01-06 exists only in the stored"),
        ((0, 1), (3, 4), "do not reach back to the last stored day 2026-01-06"),
        ((0, 1), (), "no days at all"),
        ((0, 1), (1, 9), "no days between 2026-01-06 and 2026-01-14"),
    ],
)
def test_days_that_do_not_continue_are_explained(stored: tuple[int, ...], fetched: tuple[int, ...], said: str) -> None:
    assert said in compare(bars(*stored), bars(*fetched)).problem


def test_holidays_of_london_are_no_gap() -> None:
    christmas = [date(2026, 12, 24), date(2026, 12, 29)]
    easter = [date(2026, 4, 2), date(2026, 4, 7)]
    assert describe_gaps(christmas) == describe_gaps(easter) == ""


def test_day_that_still_trades_is_left_out() -> None:
    rows = [row("2026-01-06"), row("2026-01-05"), row("2026-01-07")]
    found = read_bars("SXLK", rows, today=date(2026, 1, 7))
    assert [(each.on.day, each.close, each.volume) for each in found] == [
        (5, Decimal("1.5"), 10),
        (6, Decimal("1.5"), 10),
    ]


@pytest.mark.parametrize("price", [None, "0", "-1", "nan", "text"])
def test_bar_without_a_usable_price_is_refused(price: str | None) -> None:
    with pytest.raises(UnusableHistory, match="close of SXLK on 2026-01-05 is no price"):
        read_bars("SXLK", [row("2026-01-05", close=price)], today=date(2026, 1, 7))


def test_duration_reaches_back_beyond_the_last_stored_day() -> None:
    assert needed_duration(None, MONDAY) == "2 Y"
    assert needed_duration(MONDAY - timedelta(days=3), MONDAY) == "13 D"
    assert needed_duration(MONDAY - timedelta(days=400), MONDAY) == "2 Y"
