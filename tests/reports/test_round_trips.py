"""Round trips as reports count them: joined by orders, judged, and never zero where they are not known."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reports.domain.round_trips import RoundTrip, joined
from apps.reports.domain.trades import Outcome, profit_factor, trade_figures, win_rate

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
AMOUNTS = st.one_of(st.none(), st.decimals(-1000, 1000, places=2))
PIECES = st.lists(st.tuples(st.integers(1, 2), st.sampled_from("ab"), st.sampled_from("xy"), AMOUNTS), max_size=30)


def piece(net: str | None, *, trade: int = 1, entry: str = "in", exit_: str = "out", minute: int = 0) -> RoundTrip:
    amount = None if net is None else Decimal(net)
    at = START + timedelta(minutes=minute)
    return RoundTrip(trade, 1, entry, exit_, True, at, at + timedelta(hours=1), Decimal(3), amount, amount, True)


def outcomes(*nets: str | None) -> list[Outcome]:
    return [Outcome(*(None if net is None else Decimal(net) for _ in range(2))) for net in nets]


def test_pieces_of_two_orders_are_one_round_trip() -> None:
    """An order filled in pieces is one decision: pieces must not count as many wins."""
    unpaid = replace(piece("-5", minute=60 * 24), commissions_known=False)
    [trip] = joined([unpaid, piece("12")])
    assert (trip.quantity, trip.net, trip.net_base, trip.commissions_known) == (6, 7, 7, False)
    assert (trip.opened_at, trip.closed_at) == (START, START + timedelta(hours=25))


def test_orders_and_trades_do_not_mix_and_come_in_the_order_of_their_closing() -> None:
    pieces = [piece("4", exit_="later", minute=3), piece("3", trade=2, minute=2), piece("2", entry="b", minute=1)]
    assert [trip.net for trip in joined([*pieces, piece("1")])] == [1, 2, 3, 4]


def test_piece_that_is_not_known_makes_the_round_trip_unknown() -> None:
    foreign = replace(piece("5"), net_base=None)
    [trip] = joined([foreign, piece("12", minute=1)])
    assert (trip.net, trip.net_base) == (17, None)
    [trip] = joined([piece("5"), piece(None, minute=1)])
    assert (trip.net, trip.net_base) == (None, None)


@given(PIECES)
def test_joining_loses_no_money(rows: list[tuple[int, str, str, Decimal | None]]) -> None:
    pieces = [
        piece(None if net is None else str(net), trade=trade, entry=entry, exit_=exit_, minute=number)
        for number, (trade, entry, exit_, net) in enumerate(rows)
    ]
    trips = joined(pieces)
    assert sum(trip.quantity for trip in trips) == 3 * len(pieces)
    assert len({(trip.trade, trip.entry_order, trip.exit_order) for trip in trips}) == len(trips)
    if all(one.net is not None for one in pieces):
        assert sum(trip.net or 0 for trip in trips) == sum(one.net or 0 for one in pieces)


@pytest.mark.mission(28)
def test_win_rate_and_profit_factor_worked_by_hand() -> None:
    figures = trade_figures(outcomes("100", "-40", "0", "60", "-10"))
    assert (figures.total, figures.wins, figures.losses, figures.net) == (5, 2, 2, 110)
    assert figures.win_rate == pytest.approx(0.4)
    assert figures.profit_factor == pytest.approx(160 / 50)


@pytest.mark.mission(28)
def test_profit_factor_is_infinite_without_a_loss_and_unknown_without_a_result() -> None:
    assert profit_factor([Decimal(5), Decimal(0)]) == math.inf
    assert profit_factor([Decimal(-5)]) == 0
    assert profit_factor([]) is None and profit_factor([Decimal(0)]) is None
    assert win_rate([]) is None


def test_unknown_result_is_no_loss_and_no_sum_is_stated_without_it() -> None:
    figures = trade_figures(outcomes("100", None, "-50"))
    assert (figures.total, figures.undecided, figures.wins, figures.losses) == (3, 1, 1, 1)
    assert figures.win_rate == 0.5
    assert (figures.gross_profit, figures.gross_loss, figures.net, figures.profit_factor) == (None,) * 4
    empty = trade_figures([])
    assert (empty.total, empty.win_rate, empty.net) == (0, None, 0)
