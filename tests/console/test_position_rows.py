"""What the desk says of a position: its kind and the source of its price in words, and when the price is stale."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.broker.models import Account, Instrument, Position
from apps.console.selectors.desk import position_row

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def row(source: str = "market", **instrument: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"con_id": 1, "symbol": "SPY", "sec_type": "STK", "currency": "USD", "as_of": NOW}
    position = Position(
        account=Account(code="DU1"),
        instrument=Instrument(**(values | instrument)),
        quantity=Decimal(1),
        average_cost=Decimal(90),
        market_price=Decimal(100) if source else None,
        price_source=source,
        priced_at=NOW if source else None,
        as_of=NOW,
    )
    return position_row(position)


@pytest.mark.parametrize(
    ("instrument", "kind", "name"),
    [
        ({}, "stock", "SPY"),
        ({"sec_type": "IND", "symbol": "VIX"}, "index", "VIX"),
        ({"sec_type": "CASH", "symbol": "EUR"}, "currency", "EUR"),
        (
            {"sec_type": "OPT", "right": "P", "strike": Decimal(400), "expires_on": date(2026, 4, 17)},
            "put",
            "SPY 17 Apr 2026 400 put",
        ),
        (
            {"sec_type": "OPT", "right": "C", "strike": Decimal("402.5"), "expires_on": date(2026, 4, 17)},
            "call",
            "SPY 17 Apr 2026 402.5 call",
        ),
    ],
)
def test_kind_is_said_in_words(instrument: dict[str, Any], kind: str, name: str) -> None:
    shown = row(**instrument)
    assert (shown["kind"], shown["name"]) == (kind, name)


@pytest.mark.parametrize(
    ("source", "word", "stale_after"),
    [
        ("market", "market", 15),
        ("delayed", "delayed", 15),
        ("delayed_last", "delayed", 15),
        ("close", "close", 15),
        ("mid", "mid", 15),
        ("portfolio", "portfolio", 200),
        ("", None, 15),
    ],
)
def test_source_decides_when_a_price_is_stale(source: str, word: str | None, stale_after: int) -> None:
    shown = row(source)
    assert (shown["price_source"], shown["stale_after"]) == (word, stale_after)
