"""First in, first out: worked by hand, against a walk over single units, and by what must hold for any fills."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.domain.trades import Fill, Pairing, pair

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ROWS = st.lists(
    st.tuples(st.integers(-12, 12).filter(bool), st.integers(1, 200), st.integers(0, 7), st.sampled_from("abcdef")),
    max_size=40,
)


def fill(quantity: str, price: str | None, fee: str = "0", *, order: str = "", minute: int = 0) -> Fill:
    at = START + timedelta(minutes=minute)
    cost = None if price is None else Decimal(price)
    return Fill(at, order or f"{minute}", Decimal(quantity), cost, Decimal(fee))


def results(pairing: Pairing) -> list[tuple[object, ...]]:
    return [(trip.is_long, trip.quantity, trip.gross, trip.commission, trip.net) for trip in pairing.trips]


def test_partial_closes_are_one_trade_with_the_commissions_of_both_sides() -> None:
    """Buy 10 at 100 (fee 10) and 10 at 110 (fee 5); sell 15 at 120 (fee 3), then 5 at 90 (fee 1)."""
    first = [fill("10", "100", "10", minute=1), fill("10", "110", "5", minute=2), fill("-15", "120", "3", minute=3)]
    [trip] = pair(first).trips
    assert (trip.closed_at, trip.open_quantity, trip.exit_price) == (None, 5, 120)
    assert (trip.gross, trip.commission) == (250, Decimal("15.5"))  # 10 x 20 + 5 x 10; 10 + 3 + half of 5
    [trip] = pair([*first, fill("-5", "90", "1", minute=4)]).trips
    assert (trip.closed_at, trip.open_quantity) == (START + timedelta(minutes=4), 0)
    assert (trip.entry_price, trip.exit_price) == (105, Decimal("112.5"))
    assert (trip.quantity, trip.gross, trip.commission, trip.net) == (20, 150, 19, 131)


def test_reversal_closes_one_trade_and_opens_the_other_way() -> None:
    """Long 10 at 100, sell 25 at 90 (fee 5), buy 15 back at 80."""
    pairing = pair([fill("10", "100", minute=1), fill("-25", "90", "5", minute=2), fill("15", "80", minute=3)])
    assert results(pairing) == [(True, 10, -100, 2, -102), (False, 15, 150, 3, 147)]
    assert [trip.opened_at for trip in pairing.trips] == [START + timedelta(minutes=n) for n in (1, 2)]


def test_multiplier_and_pence_turn_points_into_money() -> None:
    bought_and_sold = [fill("2", "3", minute=1), fill("-2", "3.5", minute=2)]
    assert pair(bought_and_sold, Decimal(100)).trips[0].net == 100
    assert pair(bought_and_sold, Decimal(1) / 100).trips[0].net == Decimal("0.01")
    assert pair(bought_and_sold, Decimal(1) / 100).trips[0].entry_price == 3


def test_closing_of_unknown_cost_is_in_no_result() -> None:
    """7 were held before: selling 10 of 7 + 5 takes the 7 first, then 3 of those whose cost is known."""
    pairing = pair(
        [fill("7", None), fill("5", "10", minute=1), fill("-10", "12", minute=2), fill("-2", "13", minute=3)]
    )
    assert [lost.quantity for lost in pairing.unmatched] == [7]
    assert results(pairing) == [(True, 5, 12, 0, 12)]
    assert pairing.trips[0].closed_at == START + timedelta(minutes=3)


def test_fills_of_one_order_are_one_closing_but_each_day_has_its_own() -> None:
    opened = [fill("3", "10", "1", order="in", minute=n) for n in range(4)]
    closed = [fill("-3", "11", "1", order="out", minute=n) for n in (10, 11, 24 * 60)]
    [trip] = pair(opened + closed).trips
    assert [closing.quantity for closing in trip.closings.values()] == [6, 3]
    assert trip.open_quantity == 3


def test_missing_commission_report_is_remembered() -> None:
    unpaid = Fill(START, "a", Decimal(1), Decimal(10), commission_known=False)
    [trip] = pair([unpaid, fill("-1", "11", "1", minute=1)]).trips
    assert [closing.commission_known for closing in trip.closings.values()] == [False]


@dataclass
class Walked:
    gross: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    closed: int = 0
    flat_after: int = 0


def walk(fills: list[Fill]) -> Walked:
    """Unit by unit: slow, and too plain to be wrong."""
    held: deque[tuple[int, Decimal, Decimal]] = deque()
    found = Walked()
    for one in fills:
        assert one.price is not None
        side, fee = (1 if one.quantity > 0 else -1), one.commission / abs(one.quantity)
        for _ in range(int(abs(one.quantity))):
            if held and held[0][0] != side:
                opened, price, opening_fee = held.popleft()
                found.gross += (one.price - price) * opened
                found.fees += opening_fee + fee
                found.closed += 1
                found.flat_after += not held
            else:
                held.append((side, one.price, fee))
    return found


def as_fills(rows: list[tuple[int, int, int, str]]) -> list[Fill]:
    return [fill(str(q), str(p), str(fee), order=order, minute=n) for n, (q, p, fee, order) in enumerate(rows)]


@given(ROWS, st.sampled_from([None, "a", "d"]))
def test_pairing_goes_on_from_any_midnight(rows: list[tuple[int, int, int, str]], unpriced: str | None) -> None:
    """Five hours between fills; those of an order may be of unknown price, and every third commission is missing."""
    fills = [
        replace(one, at=START + timedelta(hours=5 * n), price=None if one.order == unpriced else one.price,
                commission_known=n % 3 > 0, strategy=one.order)
        for n, one in enumerate(as_fills(rows))
    ]  # fmt: skip
    whole = pair(fills)
    for carried in whole.midnights:
        rest = pair([one for one in fills if one.at >= carried.at], carried=carried)
        assert told(rest) == told(whole)[carried.number :]
        assert rest.unmatched == [lost for lost in whole.unmatched if lost.at >= carried.at]
        assert rest.midnights == [later for later in whole.midnights if later.at > carried.at]
        closings = [key for trip in rest.trips for key in trip.closings]
        assert closings == [key for trip in whole.trips for key in trip.closings if key[-1] >= carried.at.date()]


def told(pairing: Pairing) -> list[tuple[object, ...]]:
    names = ("opened_at", "closed_at", "is_long", "quantity", "open_quantity", "opened", "entry_price", "exit_price")
    more = ("gross", "commission", "net", "commissions_known", "all_paid", "last_closing_at", "ending")
    return [tuple(getattr(trip, name) for name in (*names, *more)) for trip in pairing.trips]


@given(ROWS)
def test_trades_agree_with_a_walk_over_single_units(rows: list[tuple[int, int, int, str]]) -> None:
    fills = as_fills(rows)
    trips, walked = pair(fills).trips, walk(fills)
    closings = [closing for trip in trips for closing in trip.closings.values()]
    assert sum(trip.gross for trip in trips) == walked.gross
    assert sum(closing.quantity for closing in closings) == walked.closed
    assert float(sum(trip.commission for trip in trips)) == pytest.approx(float(walked.fees), abs=1e-9)
    assert sum(trip.closed_at is not None for trip in trips) == walked.flat_after


@given(ROWS)
def test_what_is_left_open_is_what_was_bought_less_what_was_sold(rows: list[tuple[int, int, int, str]]) -> None:
    fills = as_fills(rows)
    trips = pair(fills).trips
    net = sum((one.quantity for one in fills), Decimal(0))
    assert sum(trip.open_quantity if trip.is_long else -trip.open_quantity for trip in trips) == net
    assert all(trip.closed_at is not None for trip in trips[:-1])
    assert all(trip.opened_at <= (trip.closed_at or trip.opened_at) and trip.quantity > 0 for trip in trips)


@given(ROWS)
def test_cash_is_conserved_once_everything_is_closed(rows: list[tuple[int, int, int, str]]) -> None:
    fills = as_fills(rows)
    left = sum((one.quantity for one in fills), Decimal(0))
    if left:
        fills.append(fill(str(-left), "50", "1", minute=9000))
    paid = sum((one.quantity * (one.price or 0) + one.commission for one in fills), Decimal(0))
    assert float(sum(trip.net for trip in pair(fills).trips)) == pytest.approx(float(-paid), abs=1e-6)


@given(ROWS, st.integers(0, 40))
def test_pairing_continues_from_any_moment_when_nothing_is_held(
    rows: list[tuple[int, int, int, str]], cut: int
) -> None:
    before, after = as_fills(rows)[:cut], as_fills(rows)[cut:]
    left = sum((one.quantity for one in before), Decimal(0))
    if left:
        before.append(Fill(before[-1].at + timedelta(seconds=1), "flat", -left, Decimal(50)))
    whole = pair([*before, *after])
    assert results(whole) == [*results(pair(before)), *results(pair(after))]
