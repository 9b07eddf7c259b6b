"""Approving and rejecting what people propose: who may, until when, and what is judged anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import Settings

from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.models import Account, Order
from apps.risk import services as risk
from apps.risk.exceptions import ApprovalError
from tests.broker.ledger.builders import make_account, make_order
from tests.risk.submitting import APPROVE, PROPOSE, at_once, codes, hold, submit
from tests.risk.world import Asked, calm, make_world, market, person
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


@pytest.fixture(autouse=True)
def world(settings: Settings) -> Iterator[Account]:
    calm(settings)
    yield make_world()


@pytest.fixture
def quotes() -> Iterator[Asked]:
    with market() as asked:
        yield asked


def test_order_of_a_person_waits_for_another_person(quotes: Asked, settings: Settings) -> None:
    anna, ben = person("anna", PROPOSE, APPROVE), person("ben", APPROVE)
    order = submit(user=anna)
    left = order.expires_at - clock.now()
    assert order.state == OrderState.PROPOSED and timedelta(minutes=9) < left <= timedelta(minutes=10)
    with pytest.raises(ApprovalError, match="Somebody else"):
        risk.approve_order(order_id=order.pk, user=anna)
    approved = risk.approve_order(order_id=order.pk, user=ben)
    assert approved.state == OrderState.APPROVED and approved.approved_by == ben
    assert [verdict.asked_by for verdict in order.verdicts.order_by("id")] == ["anna", "ben"]
    with pytest.raises(ApprovalError, match="it is approved"):
        risk.approve_order(order_id=order.pk, user=ben)


def test_an_approval_makes_no_order_live_longer_than_it_was_given_for(quotes: Asked) -> None:
    anna, ben = person("anna", PROPOSE), person("ben", APPROVE)
    order, soon = submit(user=anna), clock.now() + timedelta(seconds=90)
    Order.objects.filter(pk=order.pk).update(expires_at=soon)
    assert risk.approve_order(order_id=order.pk, user=ben).expires_at == soon


def test_only_approver_may_approve_an_own_order(quotes: Asked) -> None:
    anna = person("anna", PROPOSE, APPROVE)
    order = submit(user=anna)
    assert risk.approve_order(order_id=order.pk, user=anna).state == OrderState.APPROVED


def test_permissions_are_asked_for(quotes: Asked) -> None:
    nobody, anna = person("nobody"), person("anna", PROPOSE)
    with pytest.raises(ApprovalError, match="lacks the permission broker.propose_order"):
        submit(user=nobody)
    order = submit(user=anna)
    for refused in (nobody, anna):
        with pytest.raises(ApprovalError, match="lacks the permission broker.approve_order"):
            risk.approve_order(order_id=order.pk, user=refused)
    with pytest.raises(ApprovalError, match="lacks"):
        risk.reject_order(order_id=order.pk, user=nobody, reason="no")
    assert risk.reject_order(order_id=order.pk, user=anna, reason="mistyped").state == OrderState.DENIED


def test_price_that_moved_on_denies_the_approval(quotes: Asked) -> None:
    anna, ben = person("anna", PROPOSE), person("ben", APPROVE)
    order = submit(user=anna)
    Order.objects.filter(pk=order.pk).update(reference_price=D("98.9"))
    denied = risk.approve_order(order_id=order.pk, user=ben)
    assert denied.state == OrderState.DENIED and codes(denied) == {"PRICE_DRIFT"}
    assert denied.state_reason.startswith("Not approved any more: The price moved by 1.1%")


def test_approval_comes_too_late(quotes: Asked) -> None:
    anna, ben = person("anna", PROPOSE), person("ben", APPROVE)
    order = submit(user=anna)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now())
    with pytest.raises(ApprovalError, match="not approved in time"):
        risk.approve_order(order_id=order.pk, user=ben)


def test_two_approvals_cannot_both_take_the_last_room(quotes: Asked) -> None:
    anna, ben = person("anna", PROPOSE), person("ben", APPROVE)
    hold("225")
    orders = [submit(user=anna, quantity=D(15), limit_price=D(price)) for price in ("100", "99")]
    assert {order.state for order in orders} == {OrderState.PROPOSED}
    results = at_once(2, lambda place: risk.approve_order(order_id=orders[place].pk, user=ben).state)
    assert sorted(results) == ["approved", "denied"]


def test_live_orders_wait_unless_the_strategy_is_named(quotes: Asked, settings: Settings) -> None:
    from apps.risk.services.submission import needs_person

    live = make_account("U1234567")
    live.mode = "live"
    order = make_order(account=live, strategy="momentum")
    assert needs_person(order, None)
    settings.RISK_AUTO_APPROVE_LIVE = frozenset({"momentum"})
    assert not needs_person(order, None)
    assert needs_person(order, person("anna", PROPOSE))
    paper = make_order(strategy="momentum")
    settings.RISK_AUTO_APPROVE_PAPER = False
    assert needs_person(paper, None) and needs_person(make_order(), None)


def test_flattening_by_whoever_may_halt_needs_no_approval(quotes: Asked) -> None:
    hold("10")
    flat = {"side": Side.SELL, "purpose": OrderPurpose.FLATTEN, "strategy": "", "limit_price": None}
    flat |= {"order_type": OrderType.MARKET}
    halter, trader = person("anna", PROPOSE, "broker.halt_trading"), person("ben", PROPOSE)
    assert submit(user=trader, quantity=D(1), **flat).state == OrderState.PROPOSED
    assert submit(user=halter, quantity=D(10), **flat).state == OrderState.APPROVED
