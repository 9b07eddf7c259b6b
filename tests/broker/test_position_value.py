from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.broker.choices import PriceSource
from apps.broker.domain.position_value import StreamedPrice, worth
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.price_board import PriceBoard
from apps.broker.gateway.rows import InstrumentRow, PositionRow

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def streamed(price: str, *, multiplier: int = 1, magnifier: int = 1, at: datetime = AT) -> StreamedPrice:
    return StreamedPrice(Decimal(price), PriceSource.MARKET, at, Decimal(multiplier), magnifier)


def position(quantity: int = 10, *, as_of: datetime = AT) -> PositionRow:
    instrument = InstrumentRow(
        *(7, "SXLK", "STK", "GBP", "LSEETF", "", "SXLK", "", None, None, ""), multiplier=Decimal(1), as_of=AT
    )
    return PositionRow("DU1", instrument, Decimal(quantity), Decimal(120), as_of)


def stated(price: str, *, at: datetime) -> PositionRow:
    value = Decimal(price) / 10
    return replace(
        position(),
        market_price=Decimal(price),
        market_value=value,
        unrealized_pnl=value - 1200,
        realized_pnl=Decimal(5),
        price_source=PriceSource.PORTFOLIO,
        priced_at=at,
    )


@pytest.mark.parametrize(
    ("quantity", "cost", "price", "value", "profit"),
    [
        (10, "90", streamed("100"), "1000", "100"),
        (-2, "620", streamed("5", multiplier=100), "-1000", "240"),
        (10, "120", streamed("12100", magnifier=100), "1210", "10"),
    ],
)
def test_worth_is_in_the_currency(quantity: int, cost: str, price: StreamedPrice, value: str, profit: str) -> None:
    money = worth(Decimal(quantity), Decimal(cost), price)
    assert (money.market_value, money.unrealized_pnl) == (Decimal(value), Decimal(profit))


@pytest.mark.parametrize(("later", "expected"), [(0, "market"), (59, "market"), (60, "portfolio"), (600, "portfolio")])
def test_fresher_price_wins(later: int, expected: str) -> None:
    board = PriceBoard()
    board.put(7, streamed("12100", magnifier=100))
    row = board.value(stated("12000", at=AT + timedelta(seconds=later)))
    assert row.price_source == expected and row.realized_pnl == 5
    assert row.market_value == (1210 if expected == "market" else 1200)


def test_price_is_told_when_it_changes_and_now_and_then() -> None:
    board = PriceBoard()
    assert board.put(7, streamed("100"))
    assert not board.put(7, streamed("100", at=AT + timedelta(seconds=1)))
    assert board.put(7, streamed("101", at=AT + timedelta(seconds=2)))
    assert not board.put(7, streamed("101", at=AT + timedelta(seconds=6.9)))
    assert board.put(7, streamed("101", at=AT + timedelta(seconds=7)))


def test_closed_position_is_not_valued() -> None:
    board = PriceBoard()
    board.put(7, streamed("100"))
    assert board.value(position(0)).priced_at is None


def test_closing_a_position_that_waits_with_prices_leaves_no_value() -> None:
    changes = Changes()
    changes.put_position(stated("12000", at=AT))
    changes.put_position(position(0))
    [row] = changes.positions.values()
    assert (row.quantity, row.market_value, row.priced_at, row.realized_pnl) == (0, None, None, 5)


def test_streamed_price_keeps_the_realized_profit_that_waits() -> None:
    changes = Changes()
    board = PriceBoard()
    board.put(7, streamed("12100", magnifier=100))
    changes.put_position(stated("12000", at=AT))
    changes.put_position(board.value(position()))
    [row] = changes.positions.values()
    assert (row.price_source, row.market_value, row.realized_pnl) == ("market", 1210, 5)
