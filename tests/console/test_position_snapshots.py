"""Position snapshots for machines, and what the doctor says of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.broker.models import Trade
from apps.console.doctor.data import check_position_snapshots
from apps.console.doctor.verdicts import Verdict
from apps.snapshots.domain.position import FIELDS
from tests.snapshots.option_builders import AFTER_CLOSE, DAY, open_trade, option, stored
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
ADDRESS = "/api/snapshots/positions/"


@pytest.fixture
def headers(make_token: Callable[..., str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token()}"}


@pytest.fixture
def trades() -> tuple[Trade, Trade]:
    """Three days of a put on ACME, one of a call on BETA."""
    first = open_trade(1)
    second = open_trade(instrument=option(2, "C", "110", symbol="BETA"))
    for number in range(3):
        stored(first, DAY + timedelta(days=number))
    stored(second, missing={"delta": "market_closed"}, delta=None)
    return first, second


def rows(client: Client, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    answer = client.get(ADDRESS + query, headers=headers)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["snapshots"]
    return found


def test_snapshot_has_all_its_fields_and_unknown_is_null(
    client: Client, headers: dict[str, str], trades: tuple[Trade, Trade]
) -> None:
    [row] = rows(client, headers, "?symbol=beta")
    assert set(FIELDS) | {"trade_id", "snapshot_date", "captured_at"} <= set(row)
    assert (row["delta"], row["missing"], row["current_pnl"]) == (None, {"delta": "market_closed"}, 750.0)
    assert (row["trade_id"], row["snapshot_date"], row["dte_remaining"]) == (trades[1].pk, "2026-01-15", 36)


def test_snapshots_are_chosen_by_trade_symbol_account_and_date(
    client: Client, headers: dict[str, str], trades: tuple[Trade, Trade]
) -> None:
    days = [row["snapshot_date"] for row in rows(client, headers, f"?trade={trades[0].pk}")]
    assert days == ["2026-01-17", "2026-01-16", "2026-01-15"]
    assert len(rows(client, headers, "?first=2026-01-16&last=2026-01-16")) == 1
    assert len(rows(client, headers, "?account=du1")) == 4 and rows(client, headers, "?account=DU2") == []
    assert rows(client, headers, "?symbol=NONE") == []


def test_pages_follow_each_other_without_gap_or_repetition(
    client: Client, headers: dict[str, str], trades: tuple[Trade, Trade]
) -> None:
    seen, before = [], ""
    while True:
        document = client.get(f"{ADDRESS}?limit=1{before}", headers=headers).json()
        seen += [row["id"] for row in document["snapshots"]]
        if document["next_before"] is None:
            break
        before = f"&before={document['next_before']}"
    assert len(seen) == len(set(seen)) == 4
    assert seen == [row["id"] for row in rows(client, headers)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?limit=0", "limit must be a whole number from 1 to 200"),
        ("?trade=x", "trade must be a whole number"),
        ("?first=yesterday", "first must be a date as 2026-01-31, not 'yesterday'"),
        ("?before=999999", "there is no snapshot 999999"),
    ],
)
def test_what_cannot_be_understood_is_named(client: Client, headers: dict[str, str], query: str, told: str) -> None:
    answer = client.get(ADDRESS + query, headers=headers)
    assert answer.status_code == 400 and told in answer.json()["detail"]


def test_strangers_learn_nothing(client: Client, trades: tuple[Trade, Trade]) -> None:
    assert client.get(ADDRESS).status_code == 401


def test_as_many_queries_for_four_as_for_one(
    client: Client, headers: dict[str, str], trades: tuple[Trade, Trade], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(50) as one:
        rows(client, headers, "?limit=1")
    with django_assert_max_num_queries(len(one)):
        assert len(rows(client, headers)) == 4


def test_address_is_described(client: Client, headers: dict[str, str]) -> None:
    document = client.get("/api/schema/", headers=headers).json()
    described = document["paths"][ADDRESS]["get"]
    assert {parameter["name"] for parameter in described["parameters"]} >= {
        "trade",
        "symbol",
        "first",
        "last",
        "before",
    }


@pytest.mark.mission(63)
def test_doctor_counts_the_last_day_and_misses_trades_without_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    now = AFTER_CLOSE + timedelta(hours=3)
    monkeypatch.setattr(clock, "now", lambda: now)
    quiet = check_position_snapshots()
    assert (quiet.verdict, quiet.detail) == (Verdict.OK, "0 position snapshots in the last 24 h")
    trade = open_trade()
    missing = check_position_snapshots()
    assert missing.verdict is Verdict.WARN and "snapshot_positions" in missing.remedy
    assert "1 open option trade has none of the last trading day" in missing.detail
    stored(trade)
    assert check_position_snapshots().detail == "1 position snapshot in the last 24 h"


@pytest.mark.mission(63)
@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ("2026-01-15T21:30:00+00:00", Verdict.OK),
        ("2026-01-15T22:30:00+00:00", Verdict.WARN),
        ("2026-01-17T12:00:00+00:00", Verdict.WARN),
    ],
)
def test_doctor_waits_an_hour_after_the_close(monkeypatch: pytest.MonkeyPatch, now: str, verdict: Verdict) -> None:
    moment = AFTER_CLOSE.fromisoformat(now)
    monkeypatch.setattr(clock, "now", lambda: moment)
    stored(open_trade(), date(2026, 1, 14))
    assert check_position_snapshots().verdict is verdict
