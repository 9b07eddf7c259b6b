"""The database and the domain agree on the life of an order, and neither lets it be rewritten."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from django.db import DatabaseError, connection, transaction

from apps.broker.choices import OrderPurpose, OrderState, TradingPermission
from apps.broker.domain.orders import TRANSITIONS, admits, may_follow, most_restrictive
from apps.broker.models import Order, OrderEvent
from tests.broker.ledger.builders import make_order

pytestmark = pytest.mark.django_db


def test_database_and_domain_hold_the_same_transitions() -> None:
    with connection.cursor() as cursor:
        for before, after in product(OrderState, OrderState):
            cursor.execute("SELECT broker_order_may_follow(%s, %s)", [before, after])
            assert cursor.fetchone() == (may_follow(before, after),), (before, after)


@pytest.mark.parametrize(("before", "after"), [(b, a) for b in OrderState for a in OrderState if a != b])
def test_database_refuses_what_cannot_follow(before: OrderState, after: OrderState) -> None:
    order = make_order(state=before, is_external=True)
    rows = Order.objects.filter(pk=order.pk)
    if after in TRANSITIONS[before]:
        assert rows.update(state=after) == 1
    else:
        with pytest.raises(DatabaseError, match="cannot follow"), transaction.atomic():
            rows.update(state=after)


def test_order_begins_as_proposed() -> None:
    with pytest.raises(DatabaseError, match="begins as proposed"), transaction.atomic():
        make_order(state=OrderState.WORKING)


@pytest.mark.parametrize("change", [{"side": "SELL"}, {"purpose": OrderPurpose.EXIT}, {"idempotency_key": "other"}])
def test_what_an_order_is_cannot_change(change: dict[str, str]) -> None:
    order = make_order()
    with pytest.raises(DatabaseError, match="cannot change"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**change)


def test_terms_change_only_by_a_modification() -> None:
    order = make_order()
    rows = Order.objects.filter(pk=order.pk)
    rows.update(state=OrderState.APPROVED)
    with pytest.raises(DatabaseError, match="without a modification"), transaction.atomic():
        rows.update(quantity=Decimal(7))
    rows.update(wanted_changes={"quantity": "7"})
    assert rows.update(quantity=Decimal(7), wanted_changes={}) == 1


def test_orders_and_their_history_cannot_be_deleted_or_rewritten() -> None:
    order = make_order()
    OrderEvent.objects.create(order=order, after=OrderState.PROPOSED, message="proposed")
    for attempt in (
        lambda: OrderEvent.objects.update(message="another story"),
        lambda: OrderEvent.objects.all().delete(),
        lambda: Order.objects.filter(pk=order.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


@pytest.mark.parametrize(
    ("permission", "admitted"),
    [
        (TradingPermission.ACTIVE, set(OrderPurpose)),
        (TradingPermission.REDUCING, {OrderPurpose.EXIT, OrderPurpose.PROTECTIVE, OrderPurpose.FLATTEN}),
        (TradingPermission.HALTED, {OrderPurpose.EXIT, OrderPurpose.PROTECTIVE, OrderPurpose.FLATTEN}),
        (TradingPermission.KILLED, set()),
    ],
)
def test_each_trading_state_admits_its_purposes(permission: TradingPermission, admitted: set[OrderPurpose]) -> None:
    assert {purpose for purpose in OrderPurpose if admits(permission, purpose)} == admitted


def test_most_restrictive_state_wins() -> None:
    assert most_restrictive([]) is TradingPermission.ACTIVE
    assert most_restrictive(TradingPermission) is TradingPermission.KILLED
    assert most_restrictive([TradingPermission.REDUCING, TradingPermission.HALTED]) is TradingPermission.HALTED
