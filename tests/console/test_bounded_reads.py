"""Pages and judgements read what they show, not everything that ever was."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.test import Client
from django.urls import reverse

from apps.broker import services as broker
from apps.broker.admin.ledger import MOST_CLOSINGS
from apps.broker.choices import OrderPurpose, OrderState, Side
from apps.broker.models import Closing, Order, Position, Trade
from apps.console.selectors.room import control_room
from apps.risk.gathering.book import Book
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tests.risk.world import make_world
from tests.rows_read import rows_read
from tradeops.lib import clock

pytestmark = pytest.mark.django_db


def test_stop_page_counts_without_reading_the_orders(admin_client: Client) -> None:
    for number in range(30):
        purpose = OrderPurpose.ENTRY if number % 3 else OrderPurpose.EXIT
        if number < 7:
            make_order(state=OrderState.WORKING, purpose=purpose, is_external=True)
        else:
            broker.approve_order(order_id=make_order(purpose=purpose).pk, actor="ann")
    make_order()
    with rows_read(Order) as read:
        page = admin_client.get("/stop/").content.decode()
    assert "<strong>30</strong> open orders in the ledger (20 entries)" in page
    assert "7 of the orders were given outside of TradeOps" in page
    assert not read


def test_room_and_stop_page_count_positions_without_reading_them(admin_client: Client) -> None:
    account = make_world()
    for number in range(12):
        hold(number, "0" if number < 5 else "1")
    with rows_read(Position) as read:
        assert control_room(now=clock.now()).positions == 7
        assert "<strong>7</strong> positions" in admin_client.get("/stop/").content.decode()
    assert not read and account.positions.count() == 12


def hold(number: int, quantity: str) -> None:
    Position.objects.create(
        account=make_account(), instrument=make_instrument(f"S{number}", 900 + number), quantity=D(quantity),
        average_cost=D(5), market_price=D(7), market_value=D(quantity) * 7, as_of=clock.now(),
    )  # fmt: skip


def test_book_reads_the_positions_that_its_orders_ask_about() -> None:
    """One that was sold still says at what price its instrument stood."""
    account = make_world()
    for number in range(40):
        hold(number, "0" if number else "3")
    for number in (1, 2):
        make_order(
            account=account, instrument=make_instrument(f"S{number}", 900 + number), side=Side.BUY, quantity=D(2),
            limit_price=D(6), state=OrderState.WORKING, is_external=True,
        )  # fmt: skip
    with rows_read(Position) as read:
        book = Book(account)
        assert {order.con_id: order.value for order in book.open_orders(clock.now())} == {901: D(14), 902: D(14)}
        book.open_orders(clock.now())
    assert len(read) == 2


def test_trade_page_shows_its_newest_closings_and_how_many_more_there_are(admin_client: Client) -> None:
    now = clock.now()
    trade = Trade.objects.create(
        account=make_account(), instrument=make_instrument(), direction="long", number=1, opened_at=now, quantity=1,
        entry_price=1, currency="USD",
    )  # fmt: skip
    sides = {"opened_at": now, "closed_at": now, "quantity": 1, "entry_value": 1, "commission": 0}
    Closing.objects.bulk_create(
        Closing(trade=trade, entry_order=f"entry-{number}-", **sides) for number in range(MOST_CLOSINGS + 25)
    )
    address = reverse("admin:broker_trade_change", args=[trade.pk])
    with rows_read(Closing) as read:
        page = admin_client.get(address).content.decode()
    assert len(read) <= MOST_CLOSINGS + 1
    assert f"the newest {MOST_CLOSINGS}, and 25 more" in page
    assert f"entry-{MOST_CLOSINGS + 24}-" in page and "entry-25-" in page and "entry-24-" not in page
    Closing.objects.filter(entry_order__gte="entry-2").delete()
    assert "the newest" not in admin_client.get(address).content.decode()
