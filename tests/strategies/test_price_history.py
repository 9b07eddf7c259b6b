"""The cache of closes against answers that are chosen."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from apps.journal.models import Event
from apps.strategies import price_history
from apps.strategies.domain.universe import SECTOR_FUNDS
from apps.strategies.exceptions import BrokerUnknown, UnusableHistory
from apps.strategies.models import DailyBar, PriceSeries
from apps.strategies.progress import unseen
from tests.strategies.answers import Rows, answering

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 1, 16, 12, 0, tzinfo=UTC)
DETAILS = {"con_id": 7, "symbol": "SXLK", "local_symbol": "SXLK", "long_name": "Technology", "price_magnifier": 1}
FUND = SECTOR_FUNDS[0]


class Market:
    """Weekdays up to and with `today`; closes grow by one a day; `factor` rewrites all of them."""

    def __init__(self) -> None:
        self.today = NOW.date()
        self.factor = 1.0
        self.missing: set[date] = set()
        self.answers = True

    def __call__(self, kind: str, payload: dict[str, Any]) -> Rows | None:
        if not self.answers:
            return None
        if kind == "contract_details":
            return [DETAILS] if payload["query"]["currency"] == "USD" else []
        assert kind == "history"
        days = 730 if payload["duration"] == "2 Y" else int(payload["duration"].split()[0])
        wanted = [self.today - timedelta(days=back) for back in range(days, -1, -1)]
        return [self.bar(day) for day in wanted if day.weekday() < 5 and day not in self.missing]

    def bar(self, day: date) -> dict[str, Any]:
        close = f"{(day.toordinal() - 730_000) * self.factor:.2f}"
        return {"start": day.isoformat(), "open": close, "high": close, "low": close, "close": close, "volume": "5"}


def bring(now: datetime) -> PriceSeries:
    series = price_history.find_series(FUND, "USD", now)
    price_history.bring_up_to_date(series, now)
    return series


def stored_days() -> list[date]:
    return list(DailyBar.objects.order_by("date").values_list("date", flat=True))


def test_first_load_takes_two_years_of_completed_days_and_is_recorded() -> None:
    with answering(Market()) as asked:
        series = bring(NOW)
    [_, (_, question)] = asked
    wanted = {"con_id": 7, "duration": "2 Y", "bar_size": "1 day", "what": "ADJUSTED_LAST", "use_rth": True, "end": ""}
    assert question == wanted
    assert stored_days()[-1] == NOW.date() - timedelta(days=1)
    assert 515 < len(stored_days()) < 525
    event = Event.objects.get(step="Price history")
    assert (event.symbol, event.level) == ("SXLK", "INFO")
    assert price_history.stored_closes(series)[-1].value == stored_days()[-1].toordinal() - 730_000


def test_history_is_asked_with_the_lowest_priority() -> None:
    from apps.broker.models import Request

    with answering(Market()):
        bring(NOW)
    assert dict(Request.objects.values_list("kind", "priority"))["history"] == 40


def test_later_only_the_new_days_are_fetched() -> None:
    market = Market()
    with answering(market) as asked:
        bring(NOW)
        market.today = NOW.date() + timedelta(days=4)
        bring(NOW + timedelta(days=4))
    assert [payload.get("duration") for kind, payload in asked if kind == "history"] == ["2 Y", "15 D"]
    assert stored_days()[-2:] == [date(2026, 1, 16), date(2026, 1, 19)]
    assert len(stored_days()) == len(set(stored_days()))
    assert Event.objects.filter(step="Price history").count() == 1


def test_within_ten_minutes_the_broker_is_not_asked_again() -> None:
    with answering(Market()) as asked:
        bring(NOW)
        bring(NOW + timedelta(minutes=9))
        assert len(asked) == 2
        bring(NOW + timedelta(minutes=11))
    assert len(asked) == 3


def test_split_loads_everything_again_and_is_told() -> None:
    market = Market()
    with answering(market) as asked:
        bring(NOW)
        before = len(stored_days())
        market.factor = 0.5
        later = NOW + timedelta(hours=1)
        series = bring(later)
    assert [payload.get("duration") for kind, payload in asked if kind == "history"] == ["2 Y", "11 D", "2 Y"]
    closes = price_history.stored_closes(series)
    assert all(close.value == pytest.approx((close.on.toordinal() - 730_000) / 2, abs=0.006) for close in closes)
    assert len(closes) == before
    warning = Event.objects.get(step="Price history", level="WARN")
    assert "factor 0.5" in warning.message and "All days were loaded again" in warning.message
    assert PriceSeries.objects.get().restated_at == later


def test_gap_at_the_broker_is_told_once() -> None:
    market = Market()
    market.missing = {date(2025, 11, 10) + timedelta(days=day) for day in range(5)}
    with answering(market):
        bring(NOW)
        bring(NOW + timedelta(hours=1))
    warning = Event.objects.get(step="Price history", level="WARN")
    assert "no days between 2025-11-07 and 2025-11-17" in warning.message


def test_gap_that_the_broker_fills_later_is_filled() -> None:
    market = Market()
    market.missing = {date(2026, 1, 13)}
    with answering(market):
        bring(NOW)
        assert date(2026, 1, 13) not in stored_days()
        market.missing = set()
        bring(NOW + timedelta(hours=1))
    assert date(2026, 1, 13) in stored_days()


def test_long_absence_fetches_everything() -> None:
    market = Market()
    with answering(market) as asked:
        bring(NOW)
        market.today = NOW.date() + timedelta(days=500)
        bring(NOW + timedelta(days=500))
    assert [payload.get("duration") for kind, payload in asked if kind == "history"] == ["2 Y", "2 Y"]
    assert stored_days()[-1] == market.today - timedelta(days=1) or market.today.weekday() in (5, 6, 0)


def test_broker_that_cannot_say_leaves_the_cache_as_it_was() -> None:
    market = Market()
    with answering(market):
        bring(NOW)
        days = stored_days()
        market.answers = False
        with pytest.raises(BrokerUnknown, match="historical bars of SXLK USD: not connected"):
            bring(NOW + timedelta(hours=1))
    assert stored_days() == days
    assert PriceSeries.objects.get().checked_at == NOW


def test_without_a_gateway_the_remedy_is_named() -> None:
    with pytest.raises(BrokerUnknown, match="gateway not running: start it with"):
        price_history.load_histories(now=NOW, currency="USD", progress=unseen)


def test_line_that_the_broker_does_not_know_is_named() -> None:
    with answering(Market()), pytest.raises(UnusableHistory, match="knows no SXLK or GXLK in GBP on LSEETF"):
        price_history.find_series(FUND, "GBP", NOW)


def test_progress_counts_the_funds() -> None:
    seen: list[tuple[int, int, str]] = []

    def answer(kind: str, payload: dict[str, Any]) -> Rows | None:
        if kind == "contract_details":
            symbol = payload["query"]["symbol"]
            return [{**DETAILS, "symbol": symbol, "con_id": sum(map(ord, symbol)) + ord(symbol[-1]) * 1000}]
        return Market()(kind, payload)

    with answering(answer):
        found = price_history.load_histories(
            now=NOW, currency="USD", progress=lambda done, total, text: seen.append((done, total, text))
        )
    assert len(found) == 9
    assert seen[0] == (0, 9, "history of SXLK") and seen[-1] == (9, 9, "history complete") and len(seen) == 10
