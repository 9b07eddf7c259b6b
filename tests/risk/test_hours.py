"""When instruments trade, by their exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from apps.broker.domain.trading_calendars import CALENDARS
from apps.jobs.domain.calendars import EXCHANGES
from apps.risk.domain.hours import market_is_open, trades_by
from tradeops.lib.known import Known, Unknown


def is_open(
    at: str, *, sec_type: str = "STK", primary: str = "", exchange: str = "SMART", currency: str = "USD"
) -> bool:
    found = market_is_open(
        sec_type=sec_type,
        primary_exchange=primary,
        exchange=exchange,
        currency=currency,
        now=datetime.fromisoformat(at).replace(tzinfo=UTC),
    )
    assert isinstance(found, Known), found
    return found.value


@pytest.mark.parametrize(
    ("at", "where", "expected"),
    [
        ("2026-03-02T14:29:59", {"primary": "ARCA"}, False),
        ("2026-03-02T14:30:00", {"primary": "ARCA"}, True),
        ("2026-03-02T20:59:59", {}, True),
        ("2026-03-02T21:00:00", {}, False),
        ("2026-11-27T17:59:00", {"primary": "NASDAQ"}, True),
        ("2026-11-27T18:00:00", {"primary": "NASDAQ"}, False),
        ("2026-12-25T16:00:00", {}, False),
        ("2026-03-09T13:30:00", {}, True),
        ("2026-03-02T08:00:00", {"primary": "LSEETF", "currency": "USD"}, True),
        ("2026-03-02T16:30:00", {"primary": "LSE", "currency": "GBP"}, False),
        ("2026-03-02T03:00:00", {"primary": "TSEJ", "currency": "JPY"}, False),
        ("2026-03-02T04:00:00", {"primary": "TSEJ", "currency": "JPY"}, True),
        ("2026-03-01T22:14:00", {"sec_type": "CASH"}, False),
        ("2026-03-01T22:15:00", {"sec_type": "CASH"}, True),
        ("2026-03-03T22:05:00", {"sec_type": "CASH"}, False),
        ("2026-03-06T21:59:00", {"sec_type": "CASH"}, True),
        ("2026-03-06T22:00:00", {"sec_type": "CASH"}, False),
        ("2026-03-07T12:00:00", {"sec_type": "CASH"}, False),
        ("2026-03-07T12:00:00", {"sec_type": "CRYPTO"}, True),
        ("2026-03-02T03:00:00", {"sec_type": "FUT", "exchange": "CME"}, True),
        ("2026-03-07T12:00:00", {"sec_type": "FUT", "exchange": "CME"}, False),
    ],
)
def test_market_hours(at: str, where: dict[str, str], expected: bool) -> None:
    assert is_open(at, **where) is expected


@pytest.mark.parametrize(
    "where", [{"currency": "EUR"}, {"sec_type": "FUT", "exchange": "EUREX"}, {"exchange": "SGX", "currency": "SGD"}]
)
def test_market_of_unknown_hours_is_unknown(where: dict[str, str]) -> None:
    values = {"sec_type": "STK", "primary_exchange": "", "exchange": "SMART", "currency": "USD"} | where
    found = market_is_open(**values, now=datetime(2026, 3, 2, 15, tzinfo=UTC))
    assert isinstance(found, Unknown) and "no calendar is known" in found.reason


def test_year_that_no_calendar_knows_is_unknown() -> None:
    values = {"sec_type": "STK", "primary_exchange": "SEHK", "exchange": "SMART", "currency": "HKD"}
    found = market_is_open(**values, now=datetime(1950, 3, 2, 5, tzinfo=UTC))
    assert isinstance(found, Unknown)


def test_calendars_are_those_of_the_schedules() -> None:
    assert set(EXCHANGES) - set(CALENDARS) == {"XNAS"}


HOURS = "20260302:0930-20260302:1600;20260303:CLOSED;20260304:0930-20260304:1300;20260305:1800-20260306:1700"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T14:29:59", False),
        ("2026-03-02T14:30:00", True),
        ("2026-03-02T20:59:59", True),
        ("2026-03-02T21:00:00", False),
        ("2026-03-03T16:00:00", False),
        ("2026-03-04T17:59:59", True),
        ("2026-03-04T18:00:00", False),
        ("2026-03-06T06:00:00", True),
        ("2026-03-09T16:00:00", None),
    ],
)
def test_hours_of_the_broker_are_read_in_their_zone(at: str, expected: bool | None) -> None:
    """Closed days, a half-day and a night session; of a day that is not named they say nothing."""
    assert trades_by(HOURS, ZoneInfo("US/Eastern"), datetime.fromisoformat(at).replace(tzinfo=UTC)) is expected


@pytest.mark.parametrize("stated", ["nonsense", "20260302:0930", "20260302:0930-20260302:2561", "2026:CLOSED"])
def test_hours_that_cannot_be_read_are_an_error(stated: str) -> None:
    with pytest.raises(ValueError):
        trades_by(stated, UTC, datetime(2026, 3, 2, 15, tzinfo=UTC))
