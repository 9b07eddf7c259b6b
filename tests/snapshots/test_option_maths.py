"""The arithmetic of option positions: worked examples, properties, and agreement with the ledger's own trades."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.broker.domain.trades import Fill, pair
from apps.snapshots.domain.options import (
    days_to_expiration,
    distance_to_strike,
    open_entry_premium,
    profit,
    profit_fraction,
)

premiums = st.decimals("0.01", "500", places=4)
contracts = st.integers(1, 500).map(Decimal)
multipliers = st.sampled_from([Decimal(1), Decimal(10), Decimal(100), Decimal(1000)])
strikes = st.decimals("0.5", "5000", places=2)
FIRST = datetime(2026, 1, 5, 15, tzinfo=UTC)


@pytest.mark.mission(46)
@pytest.mark.parametrize(
    ("is_long", "entry", "now", "number", "multiplier", "gained", "share"),
    [
        (False, "2.50", "1.00", "5", "100", "750", 0.60),
        (False, "2.50", "3.50", "5", "100", "-500", -0.40),
        (False, "2.50", "0.50", "5", "100", "1000", 0.80),
        (False, "2.50", "2.75", "5", "100", "-125", -0.10),
        (True, "2.50", "1.00", "5", "100", "-750", -0.60),
        (True, "1.20", "3.00", "2", "100", "360", 1.50),
        (False, "4.00", "1.00", "3", "10", "90", 0.75),
        (False, "2.50", "0", "1", "100", "250", 1.00),
    ],
)
def test_worked_examples(
    is_long: bool, entry: str, now: str, number: str, multiplier: str, gained: str, share: float
) -> None:
    held = {"contracts": Decimal(number), "multiplier": Decimal(multiplier)}
    result = profit(is_long=is_long, entry_premium=Decimal(entry), premium=Decimal(now), **held)
    assert result == Decimal(gained)
    assert profit_fraction(result=result, entry_premium=Decimal(entry), **held) == pytest.approx(share)


def test_share_of_a_premium_of_nothing_is_unknown_not_zero() -> None:
    held = {"contracts": Decimal(1), "multiplier": Decimal(100)}
    assert profit_fraction(result=Decimal(10), entry_premium=Decimal(0), **held) is None


@pytest.mark.parametrize(
    ("right", "strike", "stock", "expected"),
    [
        ("P", "95", "100", 0.05),
        ("C", "105", "100", 0.05),
        ("P", "110", "100", -0.10),
        ("C", "90", "100", -0.10),
        ("P", "100", "100", 0.0),
    ],
)
def test_distance_is_positive_out_of_the_money(right: str, strike: str, stock: str, expected: float) -> None:
    found = distance_to_strike(right=right, strike=Decimal(strike), stock_price=Decimal(stock))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("right", "stock"), [("P", "0"), ("C", "-1"), ("", "100")])
def test_distance_that_cannot_be_told_is_unknown(right: str, stock: str) -> None:
    assert distance_to_strike(right=right, strike=Decimal(100), stock_price=Decimal(stock)) is None


def test_days_to_expiration_are_calendar_days_and_never_negative() -> None:
    friday = date(2026, 2, 20)
    assert days_to_expiration(expires_on=friday, day=date(2026, 1, 16)) == 35
    assert days_to_expiration(expires_on=friday, day=friday) == 0
    assert days_to_expiration(expires_on=friday, day=date(2026, 2, 23)) == 0


@given(entry=premiums, now=premiums, number=contracts, multiplier=multipliers)
def test_long_loses_what_short_gains(entry: Decimal, now: Decimal, number: Decimal, multiplier: Decimal) -> None:
    held = {"entry_premium": entry, "premium": now, "contracts": number, "multiplier": multiplier}
    assert profit(is_long=True, **held) == -profit(is_long=False, **held)


@given(entry=premiums, now=premiums, number=contracts, multiplier=multipliers)
def test_share_does_not_depend_on_size_and_a_short_never_gains_more_than_its_premium(
    entry: Decimal, now: Decimal, number: Decimal, multiplier: Decimal
) -> None:
    held = {"contracts": number, "multiplier": multiplier}
    result = profit(is_long=False, entry_premium=entry, premium=now, **held)
    share = profit_fraction(result=result, entry_premium=entry, **held)
    assert share is not None and share <= 1
    assert share == pytest.approx(float(1 - now / entry))


@given(strike=strikes, stock=strikes)
def test_put_is_out_of_the_money_by_as_much_as_the_call_is_in_it(strike: Decimal, stock: Decimal) -> None:
    put = distance_to_strike(right="P", strike=strike, stock_price=stock)
    assert put == -(distance_to_strike(right="C", strike=strike, stock_price=stock) or 0)


@given(opened=st.lists(st.tuples(contracts, premiums), min_size=1, max_size=5), closed=st.integers(0, 300).map(Decimal))
def test_entry_premium_of_what_is_left_agrees_with_first_in_first_out(
    opened: list[tuple[Decimal, Decimal]], closed: Decimal
) -> None:
    """Worked out here lot by lot, and there from what the ledger stores of the trade."""
    assume(closed < sum(number for number, _ in opened))
    fills = [
        Fill(FIRST + timedelta(minutes=place), f"open {place}", -number, premium)
        for place, (number, premium) in enumerate(opened)
    ]
    fills += [Fill(FIRST + timedelta(days=1), "close", closed, Decimal(1))] if closed else []
    [trip] = pair(fills, Decimal(100)).trips
    stored = trip.closings.values()
    found = open_entry_premium(
        entry_premium=trip.entry_price,
        open_quantity=trip.open_quantity,
        closed_quantity=sum((part.quantity for part in stored), Decimal(0)),
        closed_entry_premium=sum((part.entry_value for part in stored), Decimal(0)) / 100,
    )
    left, cost, taken = Decimal(0), Decimal(0), closed
    for number, premium in opened:
        rest = max(Decimal(0), number - taken)
        taken -= number - rest
        left, cost = left + rest, cost + rest * premium
    assert left == trip.open_quantity
    assert found == pytest.approx(cost / left, rel=Decimal("1e-12"))
