"""How much may be sent while fills are on their way: never more than is held, however far the broker's list lags."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import load_command_class
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.choices import OrderType, Scope, Side
from apps.broker.models import EmergencyRun
from apps.risk.domain.closing import SETTLE, Doubt, Holding, Pricing, Sent, doubt, doubts, opposite, pricing
from apps.risk.services.emergency_closing import look_at
from tests.broker.ledger.builders import make_instrument
from tradeops.lib.known import Known

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
quantities = st.integers(-1000, 1000).filter(bool).map(Decimal)


@pytest.mark.django_db
def test_an_order_of_another_contract_with_the_same_symbol_blocks_nothing_but_a_combination_does() -> None:
    make_instrument("SPY", 756733)
    run = EmergencyRun(scope=Scope.INSTRUMENT, target="756733", account="DU1")
    held = {"account": "DU1", "con_id": 756733, "symbol": "SPY", "position": "100"}
    option = {"account": "DU1", "con_id": 99, "symbol": "SPY"}
    share, combination = option | {"con_id": 756733}, option | {"con_id": 0}
    shown = look_at(run, Known([held], NOW), Known([option], NOW))
    assert shown.open_orders == () and not shown.blocks(shown.holdings[0])
    for order in (share, combination):
        shown = look_at(run, Known([held], NOW), Known([option, order], NOW))
        assert shown.open_orders == (order,) and shown.blocks(shown.holdings[0])
    everything = look_at(EmergencyRun(scope=Scope.EVERYTHING, account="DU1"), Known([held], NOW), Known([option], NOW))
    assert everything.open_orders == (option,) and not everything.blocks(everything.holdings[0])


@given(quantities)
def test_the_opposite_leaves_exactly_nothing(held: Decimal) -> None:
    planned = opposite(Holding(1, "SPY", held))
    assert planned.quantity > 0
    assert Sent(1, held, planned.side, planned.quantity).leaves == 0


@given(start=quantities, lags=st.lists(st.booleans(), min_size=1, max_size=12), parts=st.lists(st.integers(0, 400)))
def test_a_list_that_lags_behind_its_fills_never_makes_it_cross_zero(
    start: Decimal, lags: list[bool], parts: list[int]
) -> None:
    """The broker shows the position of before the last order for up to four seconds; nobody else trades."""
    held, shown, sent, before, now = start, start, None, None, NOW
    fills = iter(parts)
    for lag in lags:
        shown = shown if lag and before is not None and now - before.since < timedelta(seconds=4) else held
        before = doubt(sent, shown, before, now=now)
        if shown and before is None:
            planned = opposite(Holding(1, "SPY", shown))
            filled = min(Decimal(next(fills, 1000)), planned.quantity)
            sent = Sent(1, shown, planned.side, filled)
            held += filled if planned.side is Side.BUY else -filled
        assert held * start >= 0
        now += timedelta(seconds=1)


def test_a_position_that_fills_do_not_explain_is_believed_after_five_seconds() -> None:
    sent = Sent(1, Decimal(100), Side.SELL, Decimal(60))
    assert doubt(sent, Decimal(40), None, now=NOW) is None
    first = doubt(sent, Decimal(30), None, now=NOW)
    assert first == Doubt(Decimal(30), NOW)
    almost = NOW + SETTLE - timedelta(milliseconds=1)
    assert doubt(sent, Decimal(30), first, now=almost) == first
    assert doubt(sent, Decimal(30), first, now=NOW + SETTLE) is None
    other = doubt(sent, Decimal(20), first, now=almost)
    assert other == Doubt(Decimal(20), almost), "another value begins anew"


def test_what_vanished_from_the_list_is_doubted_too() -> None:
    sent = {1: Sent(1, Decimal(100), Side.SELL, Decimal(0)), 2: Sent(2, Decimal(5), Side.SELL, Decimal(5))}
    assert set(doubts(sent, {3: Decimal(7)}, {}, now=NOW)) == {1}


@pytest.mark.parametrize(
    ("side", "is_open", "bid", "ask", "expected"),
    [
        (Side.SELL, True, None, None, Pricing(OrderType.MARKET)),
        (Side.SELL, None, None, None, Pricing(OrderType.MARKET)),
        (Side.SELL, False, Decimal("9.9"), Decimal(10), Pricing(OrderType.LIMIT, Decimal("9.9"), True)),
        (Side.BUY, False, Decimal("9.9"), Decimal(10), Pricing(OrderType.LIMIT, Decimal(10), True)),
        (Side.BUY, False, Decimal("9.9"), None, None),
        (Side.SELL, False, Decimal(0), Decimal(10), None),
    ],
)
def test_outside_regular_hours_a_limit_at_the_far_touch(
    side: Side, is_open: bool | None, bid: Decimal | None, ask: Decimal | None, expected: Pricing | None
) -> None:
    assert pricing(side, is_open=is_open, bid=bid, ask=ask) == expected


@pytest.mark.mission(182)
def test_the_card_has_the_way_at_the_broker_and_commands_that_exist() -> None:
    card = (ROOT / "docs" / "stop_card.md").read_text()
    commands = re.findall(r"`manage\.py (\w+) ([^`]*)`", card)
    assert {name for name, _ in commands} == {"halt", "cancel_all", "close_all"}
    for name, words in commands:
        parser = load_command_class("apps.risk", name).create_parser("manage.py", name)
        assert parser.parse_args(shlex.split(words)).reason
    broker_side = card[card.index("## At the broker") :]
    for step in ("Log in to TWS", "Cancel all", "Close position", "trade desk by phone", "disconnect cancels nothing"):
        assert step in broker_side
    assert f"`{settings.BROKER.halt_flag.name}`" in card
    assert "docs/stop_card.md" in (ROOT / "README.md").read_text()
    assert "(stop_card.md)" in (ROOT / "docs" / "runbook.md").read_text()
