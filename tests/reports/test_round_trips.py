"""FIFO round trips: worked by hand, by their properties, and against a plain walk over single shares."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reports.domain.round_trips import Fill, RoundTrip, match_round_trips
from apps.reports.domain.trades import profit_factor, trade_figures, win_rate

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
FILLS = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.integers(-20, 20).filter(bool),
        st.integers(1, 200),
        st.integers(0, 5),
        st.sampled_from("abcdef"),
    ),
    max_size=40,
)


def fill(quantity: str, price: str, commission: str = "0", *, order: str = "", minute: int = 0, what: int = 1) -> Fill:
    at = START + timedelta(minutes=minute)
    return Fill(what, at, order or f"{minute}", Decimal(quantity), Decimal(price), Decimal(commission))


def nets(*fills: Fill) -> list[Decimal]:
    return [trip.net for trip in match_round_trips(fills).trips]


@pytest.mark.mission(28)
def test_partial_closes_take_the_oldest_lot_first_with_its_share_of_the_commission() -> None:
    """Buy 10 at 100 (fee 10) and 10 at 110 (fee 5); sell 15 at 120 (fee 3)."""
    trips = match_round_trips(
        [fill("10", "100", "10", minute=1), fill("10", "110", "5", minute=2), fill("-15", "120", "3", minute=3)]
    ).trips
    assert [(trip.quantity, trip.gross, trip.commission, trip.net) for trip in trips] == [
        (10, 200, 12, 188),  # 10 x 20, fees 10 + 3 x 10/15
        (5, 50, Decimal("3.5"), Decimal("46.5")),  # 5 x 10, fees 5 x 5/10 + 3 x 5/15
    ]


def test_reversal_closes_and_opens_the_other_way() -> None:
    """Long 10 at 100, sell 25 at 90 (fee 5), buy 15 back at 80."""
    trips = match_round_trips(
        [fill("10", "100", minute=1), fill("-25", "90", "5", minute=2), fill("15", "80", minute=3)]
    ).trips
    assert [(trip.is_long, trip.quantity, trip.net) for trip in trips] == [(True, 10, -102), (False, 15, 147)]


def test_short_earns_when_the_price_falls() -> None:
    assert nets(fill("-10", "50", "1", minute=1), fill("10", "45", "1", minute=2)) == [48]


def test_fills_of_two_orders_are_one_round_trip() -> None:
    """An order filled in pieces is one decision: pieces must not count as many wins."""
    opened = [fill("3", "10", "1", order="in", minute=n) for n in range(4)]
    closed = [fill("-4", "11", "1", order="out", minute=10 + n) for n in range(3)]
    [trip] = match_round_trips(opened + closed).trips
    assert (trip.quantity, trip.gross, trip.commission) == (12, 12, 7)
    assert (trip.opened_at, trip.closed_at) == (START, START + timedelta(minutes=12))


def test_instruments_do_not_mix() -> None:
    assert nets(fill("10", "1", what=1, minute=1), fill("-10", "2", what=2, minute=2)) == []


def test_what_is_still_held_is_no_round_trip() -> None:
    assert nets(fill("10", "100"), fill("5", "90", minute=1)) == []


def test_holding_of_unknown_cost_is_closed_first_and_told() -> None:
    """7 were held before the first known execution: selling 10 of 7 + 5 closes 3 whose cost is known."""
    matching = match_round_trips([fill("5", "10", minute=1), fill("-10", "12", minute=2)], {1: Decimal(7)})
    assert [(lost.instrument, lost.quantity) for lost in matching.unmatched] == [(1, 7)]
    assert [(trip.quantity, trip.net) for trip in matching.trips] == [(3, 6)]


@pytest.mark.mission(28)
def test_win_rate_and_profit_factor_worked_by_hand() -> None:
    results = [Decimal(text) for text in ("100", "-40", "0", "60", "-10")]
    figures = trade_figures(results)
    assert (figures.total, figures.wins, figures.losses, figures.net) == (5, 2, 2, 110)
    assert figures.win_rate == pytest.approx(0.4)
    assert figures.profit_factor == pytest.approx(160 / 50)


@pytest.mark.mission(28)
def test_profit_factor_is_infinite_without_a_loss_and_unknown_without_a_result() -> None:
    assert profit_factor([Decimal(5), Decimal(0)]) == math.inf
    assert profit_factor([Decimal(-5)]) == 0
    assert profit_factor([]) is None and profit_factor([Decimal(0)]) is None
    assert win_rate([]) is None


@given(FILLS)
def test_round_trips_agree_with_a_walk_over_single_shares(rows: list[tuple[int, int, int, int, str]]) -> None:
    fills = as_fills(rows)
    trips = match_round_trips(fills).trips
    by_hand = walk(fills)
    assert sum((trip.gross for trip in trips), Decimal(0)) == by_hand[0]
    assert sum((trip.quantity for trip in trips), Decimal(0)) == by_hand[1]
    assert float(sum((trip.commission for trip in trips), Decimal(0))) == pytest.approx(float(by_hand[2]), abs=1e-9)


@given(FILLS)
def test_cash_is_conserved_once_everything_is_closed(rows: list[tuple[int, int, int, int, str]]) -> None:
    fills = as_fills(rows)
    for what in (1, 2):
        left = sum((one.quantity for one in fills if one.instrument == what), Decimal(0))
        if left:
            fills.append(fill(str(-left), "50", "1", order="last", minute=900, what=what))
    paid = sum((one.quantity * one.price + one.commission for one in fills), Decimal(0))
    gained = sum((trip.net for trip in match_round_trips(fills).trips), Decimal(0))
    assert float(gained) == pytest.approx(float(-paid), abs=1e-6)


@given(FILLS)
def test_no_trip_is_empty_or_closes_before_it_opens(rows: list[tuple[int, int, int, int, str]]) -> None:
    trips: list[RoundTrip] = match_round_trips(as_fills(rows)).trips
    assert all(trip.quantity > 0 and trip.opened_at <= trip.closed_at for trip in trips)
    assert [trip.closed_at for trip in trips] == sorted(trip.closed_at for trip in trips)


def as_fills(rows: list[tuple[int, int, int, int, str]]) -> list[Fill]:
    return [
        fill(str(quantity), str(price), str(fee), order=order, minute=number, what=what)
        for number, (what, quantity, price, fee, order) in enumerate(rows)
    ]


def walk(fills: list[Fill]) -> tuple[Decimal, Decimal, Decimal]:
    """Gross, closed shares and their commissions, share by share: slow, and too plain to be wrong."""
    held: dict[int, deque[tuple[int, Decimal, Decimal]]] = {}
    gross = closed = fees = Decimal(0)
    for one in fills:
        queue = held.setdefault(one.instrument, deque())
        side, fee = (1 if one.quantity > 0 else -1), one.commission / abs(one.quantity)
        for _ in range(int(abs(one.quantity))):
            if queue and queue[0][0] != side:
                opened, price, opening_fee = queue.popleft()
                gross += (one.price - price) * opened
                closed += 1
                fees += opening_fee + fee
            else:
                queue.append((side, one.price, fee))
    return gross, closed, fees
