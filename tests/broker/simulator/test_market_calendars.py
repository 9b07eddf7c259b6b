"""Trading days and hours, compared with an independent calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import exchange_calendars
import pytest

from apps.broker.simulator.market.calendars import venues
from apps.broker.simulator.market.holidays import easter_sunday

from .market_support import bars, euro, new_market, stock

YEARS = (date(2024, 1, 1), date(2027, 11, 19))


@pytest.mark.filterwarnings("ignore:Series.values returning:DeprecationWarning")  # inside exchange_calendars
@pytest.mark.parametrize(("venue", "code"), [("US", "XNYS"), ("LSE", "XLON")])
def test_sessions_equal_those_of_an_independent_calendar(venue: str, code: str) -> None:
    reference = exchange_calendars.get_calendar(code, start=str(YEARS[0]), end=str(YEARS[1]))
    expected = {
        session.date(): (int(row["open"].timestamp()), int(row["close"].timestamp()))
        for session, row in reference.schedule.iterrows()
    }
    ours = {}
    for n in range((YEARS[1] - YEARS[0]).days + 1):
        day = YEARS[0] + timedelta(days=n)
        if (regular := venues()[venue].regular(day)) is not None:
            ours[day] = (regular.start, regular.end)
    assert ours == expected


@pytest.mark.parametrize("name", ["US", "LSE", "INDEX", "FX"])
def test_calendar_has_no_holes_and_no_overlaps(name: str) -> None:
    venue = venues()[name]
    day, end = date(2026, 1, 1), None
    for _ in range(800):
        for segment in venue.segments(day):
            assert end is None or segment.start == end
            assert segment.end > segment.start
            assert segment.start % 1800 == segment.end % 1800 == 0
            end = segment.end
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5)), (2027, date(2027, 3, 28))],
)
def test_easter(year: int, day: date) -> None:
    assert easter_sunday(year) == day


def test_open_keeps_to_local_time_when_clocks_change_on_different_days() -> None:
    market = new_market(datetime(2026, 3, 31, 20, 30, tzinfo=UTC))
    opens = {
        symbol: {bar.start.date(): bar.start.hour * 60 + bar.start.minute
                 for bar in bars(market, stock(market, symbol), "40 D", "8 hours")[::-1]}
        for symbol in ("SPY", "SXLK")
    }  # fmt: skip
    assert (opens["SPY"][date(2026, 3, 6)], opens["SPY"][date(2026, 3, 9)]) == (14 * 60 + 30, 13 * 60 + 30)
    assert (opens["SXLK"][date(2026, 3, 27)], opens["SXLK"][date(2026, 3, 30)]) == (8 * 60, 7 * 60)


def test_half_day_is_short_in_bars_and_hours() -> None:
    market = new_market(datetime(2026, 11, 28, 12, 0, tzinfo=UTC))
    spy = stock(market, "SPY")
    hourly = [bar for bar in bars(market, spy, "1 D", "30 mins")]
    assert len(hourly) == 7 and hourly[0].start == datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    assert {bar.start.date() for bar in bars(market, spy, "3 D", "1 day")} == {
        date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 27)}  # fmt: skip


def test_trading_hours_text_names_closed_and_extended_days() -> None:
    market = new_market(datetime(2026, 11, 25, 15, 0, tzinfo=UTC))
    trading, liquid = market.trading_hours(stock(market, "SPY"))
    assert trading.split(";")[:4] == [
        "20261125:0400-20261125:2000", "20261126:CLOSED", "20261127:0400-20261127:1700", "20261128:CLOSED"]  # fmt: skip
    assert liquid.split(";")[2] == "20261127:0930-20261127:1300"
    assert market.trading_hours(stock(market, "SXLK"))[0].startswith("20261125:0800-20261125:1630")
    assert market.trading_hours(euro(market))[0].startswith("20261124:1700-20261125:1700")


def test_sessions_overlap_the_asked_time() -> None:
    market = new_market()
    spy = stock(market, "SPY")
    found = market.sessions(spy, datetime(2026, 11, 24, 22, 0, tzinfo=UTC), datetime(2026, 12, 1, 15, 0, tzinfo=UTC))
    assert [session.date for session in found] == ["20261125", "20261127", "20261130", "20261201"]
    assert found[1].closes_at == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    assert market.schedule(spy, None, "2 D", True)[-1].date == "20261120"
