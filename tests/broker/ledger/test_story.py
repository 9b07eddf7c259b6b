"""Why did, or didn't, this trade happen?"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.broker import ledger, selectors
from apps.broker import services as broker
from apps.broker.choices import OrderState, OrderType
from apps.broker.gateway.writer import write_changes
from apps.broker.models import Order
from tests.broker.ledger.builders import (
    BEGIN,
    changes,
    commission_row,
    execution_row,
    make_order,
    order_row,
)

pytestmark = pytest.mark.django_db

S = OrderState


def story(order: Order) -> list[str]:
    found = selectors.order_with_events(order.pk)
    assert found is not None
    return selectors.order_story(found)


def test_story_of_an_order_from_the_intent_to_the_fill() -> None:
    order = make_order(strategy="momentum", reference_price=Decimal("501.5"), requested_by="ann")
    ledger.note(order, message="proposed: test")
    broker.approve_order(order_id=order.pk, actor="bob")
    ledger.move(order.pk, before=[S.APPROVED], after=S.SUBMITTING, message="being sent", actor="gateway")
    named = {"perm_id": 7, "order_ref": str(order.pk)}
    write_changes(changes(order_row(**named), execution_row("a.01", quantity="4", **named), commission_row("a.01")), 1)
    told = story(order)
    assert told[0].startswith("It happened in part: 4 of 10. The rest has not happened yet: it works at the broker")
    assert "ann proposed for momentum to buy 10 SPY in DU1234567 (limit, limit 500, day), entry: test" in told[1]
    assert "the price was 501.5" in told[1]
    assert told[2].endswith("UTC: bob: approved: approved.")
    assert told[3].endswith("UTC: gateway: being submitted: being sent.")
    assert told[-1] == "1 execution: 4 at 100 on average; commission 1 USD."
    write_changes(changes(execution_row("b.01", quantity="6", price="110", second=5, **named)), 1)
    assert story(order)[0] == "It happened."
    assert story(order)[-1] == "2 executions: 10 at 106 on average; the commission is not reported yet."


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (S.DENIED, "It did not happen: it was denied before anything was sent. Why: too large."),
        (S.CANCELLED, "It did not happen: it was cancelled. Why: too large."),
        (S.EXPIRED, "It did not happen: its time ran out. Why: too large."),
    ],
)
def test_story_says_first_why_it_did_not_happen(after: OrderState, words: str) -> None:
    order = make_order(order_type=OrderType.MARKET, limit_price=None)
    ledger.move(order.pk, before=[S.PROPOSED], after=after, message="too large")
    assert story(order)[0] == words


def test_every_state_has_a_verdict() -> None:
    for state in OrderState:
        assert selectors.order_story(Order(**{**vars_of(make_order()), "state": state}))[0]


def vars_of(order: Order) -> dict[str, object]:
    return {field.attname: getattr(order, field.attname) for field in Order._meta.concrete_fields}


def test_waiting_order_says_until_when() -> None:
    order = make_order(expires_at=BEGIN + timedelta(hours=1))
    assert "somebody has to approve it. Its time ended at 2026-03-02 16:00:00 UTC." in story(order)[0]


def test_story_costs_the_same_for_many_events() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            story(order)
        return len(captured)

    order = make_order()
    ledger.note(order, message="one")
    before = queries()
    for number in range(3):
        ledger.note(order, message=f"more {number}")
    assert queries() == before


def test_open_orders_are_those_that_may_still_trade() -> None:
    first, second = make_order(strategy="momentum"), make_order()
    ledger.move(second.pk, before=[S.PROPOSED], after=S.DENIED, message="no")
    assert list(selectors.open_ledger_orders()) == [first]
    assert not selectors.open_ledger_orders(strategy="").exists()
    assert selectors.open_ledger_orders("DU1234567", strategy="momentum", con_id=756733).count() == 1
