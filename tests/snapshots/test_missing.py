"""Which snapshots are missing, which are called null-heavy, and how small prices are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.broker.models import Trade
from apps.snapshots import selectors
from apps.snapshots.domain.position import FIELDS
from apps.snapshots.wording import price
from tests.snapshots.option_builders import AFTER_CLOSE, DAY, DURING, open_trade, option, stored

# Tokyo has closed Friday's session; New York has not begun it.
FRIDAY_MORNING = datetime(2026, 1, 16, 10, 0, tzinfo=UTC)


def tokyo(**values: object) -> Trade:
    on_nikkei = option(2, "C", "3000", exchange="OSE.JPN", currency="JPY", symbol="NKD", trading_class="NKD")
    return open_trade(instrument=on_nikkei, **values)


@pytest.mark.django_db
def test_day_of_another_exchange_is_due_when_new_york_closes() -> None:
    trade = tokyo(opened_at=DURING - timedelta(days=1))
    assert selectors.count_missing(now=FRIDAY_MORNING) == 1
    stored(trade)
    assert selectors.count_missing(now=FRIDAY_MORNING) == 0
    assert selectors.count_missing(now=AFTER_CLOSE + timedelta(days=1)) == 1


@pytest.mark.django_db
def test_trade_that_was_opened_after_the_session_is_not_missing() -> None:
    tokyo(opened_at=DURING)
    late = open_trade(opened_at=AFTER_CLOSE)
    assert selectors.count_missing(now=FRIDAY_MORNING) == 0
    open_trade(3, opened_at=DURING)
    assert selectors.count_missing(now=FRIDAY_MORNING) == 1
    stored(late, DAY + timedelta(days=1))
    assert selectors.count_missing(now=AFTER_CLOSE + timedelta(days=1)) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "is_heavy"), [(6, False), (7, True)])
def test_null_heavy_lacks_at_least_half_of_thirteen_fields(count: int, is_heavy: bool) -> None:
    lacking = FIELDS[:count]
    stored(open_trade(), missing=dict.fromkeys(lacking, "not_sent"), **dict.fromkeys(lacking))
    found = selectors.coverage()
    assert len(FIELDS) == 13
    assert found.null_heavy_total == is_heavy


@pytest.mark.parametrize(
    ("of_unit", "said"),
    [
        ("0.00375000", "0.00375"),
        ("1.5", "1.50"),
        ("1234.5", "1,234.50"),
        ("0.125", "0.125"),
        ("100", "100.00"),
        ("0", "0.00"),
    ],
)
def test_small_prices_are_not_written_as_nothing(of_unit: str, said: str) -> None:
    assert price(Decimal(of_unit)) == said
    assert price(None) == "unknown"
