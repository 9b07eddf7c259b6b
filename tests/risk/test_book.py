"""What written options are taken for, where they are held and where they are ordered."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from apps.broker.choices import OrderState, Side
from apps.broker.models import Account, Instrument, Position
from apps.risk.gathering.book import Book
from tests.broker.ledger.builders import make_instrument, make_order
from tests.risk.world import make_world
from tradeops.lib import clock
from tradeops.lib.known import Known

pytestmark = pytest.mark.django_db


def put(con_id: int = 900, strike: D | None = D(100)) -> Instrument:
    return make_instrument("SPY", con_id, sec_type="OPT", multiplier=D(100), strike=strike, right="P")


def hold(account: Account, instrument: Instrument, quantity: str) -> None:
    Position.objects.create(
        account=account, instrument=instrument, quantity=D(quantity), average_cost=D(5), market_price=D("0.05"),
        market_value=D(quantity) * 5, as_of=clock.now(),
    )  # fmt: skip


def test_options_held_short_owe_their_strike_and_bought_ones_nothing() -> None:
    account = make_world()
    hold(account, put(), "-4")
    hold(account, put(901), "4")
    hold(account, put(902, strike=None), "-1")
    found = Book(account).holdings(clock.now())
    assert isinstance(found, Known)
    told = {holding.con_id: (holding.value, holding.owed) for holding in found.value}
    assert told == {900: (D(-20), D(40_000)), 901: (D(20), 0), 902: (None, 0)}


def test_an_order_that_writes_options_is_valued_at_their_strike() -> None:
    account = make_world()
    for number, (side, strike) in enumerate([(Side.SELL, D(100)), (Side.BUY, D(100)), (Side.SELL, None)]):
        make_order(
            account=account, instrument=put(900 + number, strike), side=side, quantity=D(4), limit_price=D("0.05"),
            state=OrderState.WORKING, is_external=True,
        )  # fmt: skip
    found = {order.con_id: (order.value, order.takes_funds) for order in Book(account).open_orders(clock.now())}
    assert found == {900: (D(40_000), True), 901: (D(20), True), 902: (None, True)}
