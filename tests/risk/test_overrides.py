"""One order beyond its limits: once, for ten minutes, by somebody else, and only where a number stood against it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from pytest_django import Settings

from apps.broker import services as broker
from apps.broker.choices import OrderState, OrderType, Scope, Side, StopSource, TradingPermission
from apps.broker.models import Account, Order
from apps.console.api.orders import KEY
from apps.journal.models import Event
from apps.risk import services as risk
from apps.risk.choices import LimitName
from apps.risk.exceptions import ApprovalError
from apps.risk.models import OrderOverride, Restriction
from tests.broker.ledger.builders import make_order
from tests.risk.world import Asked, calm, make_world, market, person, terms
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)
TRADER = ("broker.propose_order",)
RISK = ("broker.propose_order", "broker.approve_order", "risk.approve_limits")


@pytest.fixture(autouse=True)
def world(settings: Settings) -> Iterator[Account]:
    calm(settings)
    yield make_world()


@pytest.fixture
def quotes() -> Iterator[Asked]:
    with market() as asked:
        yield asked


@pytest.fixture
def tom() -> User:
    return person("tom", *TRADER)


@pytest.fixture
def rita() -> User:
    return person("rita", *RISK)


def submit(user: User | None, **changes: Any) -> Order:
    """30 at 100 are 3 % of the equity; 2 % are allowed."""
    wanted = terms(**({"strategy": "", "quantity": D(30)} | changes))
    return risk.submit_order(terms=wanted, idempotency_key=uuid.uuid4().hex, requested_by="momentum", user=user)


def let_pass(order: Order, user: User, reason: str = "the fund pays out today") -> Order:
    return risk.override_order(order_id=order.pk, user=user, reason=reason)


def test_denied_order_is_given_once_more_and_approved_by_another_than_its_giver(
    quotes: Asked, tom: User, rita: User
) -> None:
    denied = submit(tom)
    assert denied.state == OrderState.DENIED
    order = let_pass(denied, rita)
    assert (order.state, order.requested_by, order.quantity) == (OrderState.PROPOSED, "tom", D(30))
    assert order.expires_at is not None and order.expires_at <= clock.now() + timedelta(minutes=10)
    verdict = order.verdicts.get()
    assert verdict.is_approved and not verdict.reasons
    assert [reason["code"] for reason in verdict.saw["let_pass"]] == ["ORDER_VALUE"]
    assert risk.approve_order(order_id=order.pk, user=rita).state == OrderState.APPROVED
    told = Event.objects.get(step="Override")
    assert (told.actor, told.data["codes"]) == ("rita", ["ORDER_VALUE"]) and "pays out today" in told.message


def test_limits_hold_for_everything_else(quotes: Asked, tom: User, rita: User) -> None:
    """The like order of the next minute is denied, and so is a change of the one that passed."""
    order = let_pass(submit(tom), rita)
    assert submit(tom, quantity=D(31)).state == OrderState.DENIED
    risk.approve_order(order_id=order.pk, user=rita)
    for state in (OrderState.SUBMITTING, OrderState.WORKING):
        Order.objects.filter(pk=order.pk).update(state=state)
    with pytest.raises(ApprovalError, match="The order is worth"):
        risk.modify_order(order_id=order.pk, changes={"limit_price": D(99)}, requested_by="rita", user=rita)


def test_leave_ends_before_the_approval(quotes: Asked, tom: User, rita: User, monkeypatch: pytest.MonkeyPatch) -> None:
    order = let_pass(submit(tom), rita)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() + timedelta(hours=1))
    later = clock.now() + timedelta(minutes=11)
    make_world()
    monkeypatch.setattr(clock, "now", lambda: later)
    make_world()
    after = risk.approve_order(order_id=order.pk, user=rita)
    assert after.state == OrderState.DENIED and "The order is worth" in after.state_reason


def test_nobody_lets_his_own_order_pass_while_there_is_somebody_else(quotes: Asked, rita: User) -> None:
    own = submit(rita)
    assert let_pass(own, rita).state == OrderState.PROPOSED, "the only one there is"
    person("rosa", *RISK)
    other = submit(rita, quantity=D(31))
    with pytest.raises(ApprovalError, match="Somebody else must let"):
        let_pass(other, rita)


def test_who_may_not_loosen_limits_may_not_let_pass(quotes: Asked, tom: User) -> None:
    with pytest.raises(ApprovalError, match="lacks the permission"):
        let_pass(submit(tom), tom)


def test_once_is_all(quotes: Asked, tom: User, rita: User) -> None:
    denied = submit(tom)
    let_pass(denied, rita)
    with pytest.raises(ApprovalError, match="let pass already"):
        let_pass(denied, rita)
    assert Order.objects.count() == 2


def test_reason_is_asked_for(quotes: Asked, tom: User, rita: User) -> None:
    with pytest.raises(ApprovalError, match="Say why"):
        let_pass(submit(tom), rita, reason="  ")


def test_what_is_forbidden_stays_forbidden(quotes: Asked, tom: User, rita: User) -> None:
    Restriction.objects.create(con_id=1, symbol="BTC", reason="no custody", set_by="anna")
    with pytest.raises(ApprovalError, match="may not be traded"):
        let_pass(submit(tom), rita)


def test_a_stop_between_denial_and_leave_still_stops(quotes: Asked, tom: User, rita: User) -> None:
    denied = submit(tom)
    broker.set_trading_state(
        scope=Scope.EVERYTHING, target="", source=StopSource.MANUAL, permission=TradingPermission.HALTED,
        reason="looks wrong", actor="anna",
    )  # fmt: skip
    order = let_pass(denied, rita)
    assert order.state == OrderState.DENIED and "Trading is halted" in order.state_reason
    assert order.verdicts.get().saw["let_pass"], "what was let pass is kept beside what was not"


def test_only_denied_orders_that_stand_alone(quotes: Asked, tom: User, rita: User) -> None:
    waiting = submit(tom, quantity=D(3))
    with pytest.raises(ApprovalError, match="was not denied"):
        let_pass(waiting, rita)
    parent = make_order(quantity=D(30))
    child = make_order(parent=parent, side=Side.SELL)
    Order.objects.filter(pk=child.pk).update(state=OrderState.DENIED)
    with pytest.raises(ApprovalError, match="belongs with other orders"):
        let_pass(child, rita)


def test_market_order_gets_the_collar_of_the_present_quote(tom: User, rita: User) -> None:
    with market("100"):
        denied = submit(tom, order_type=OrderType.MARKET, limit_price=None)
    assert denied.is_collared and denied.limit_price == D(103)
    with market("110"):
        order = let_pass(denied, rita)
    assert order.is_collared and order.limit_price is not None and order.limit_price > D(110)


def test_leave_is_kept_for_ever(quotes: Asked, tom: User, rita: User) -> None:
    let_pass(submit(tom), rita)
    with pytest.raises(DatabaseError, match="neither changed nor deleted"):
        OrderOverride.objects.update(reason="another")


def test_order_denied_long_ago_is_given_anew(quotes: Asked, tom: User, rita: User) -> None:
    denied = submit(tom)
    Order.objects.filter(pk=denied.pk).update(state_since=clock.now() - timedelta(minutes=11))
    with pytest.raises(ApprovalError, match="more than ten minutes ago"):
        let_pass(denied, rita)


def test_no_market_order_passes_beyond_the_collar(tom: User, rita: User) -> None:
    """A wide market: it would go without any limit."""
    with market("100", ask="104"):
        denied = submit(tom, quantity=D(3), order_type=OrderType.MARKET, limit_price=None)
        assert denied.state == OrderState.DENIED and not denied.is_collared
        with pytest.raises(ApprovalError, match="give it as a limit order"):
            let_pass(denied, rita)


def test_what_passed_once_and_met_another_limit_may_pass_both(tom: User, rita: User) -> None:
    with market():
        first = submit(tom)
        rosa = person("rosa", *RISK, "risk.change_limits")
        risk.change_limit(name=LimitName.MAX_POSITIONS, value=D(0), reason="full", user=rosa)
        second = let_pass(first, rita)
        assert second.state == OrderState.DENIED and "positions" in second.state_reason
        third = let_pass(second, rita)
    assert third.state == OrderState.PROPOSED
    assert OrderOverride.objects.get(order=third).codes == ["ORDER_VALUE", "POSITION_COUNT"]


def test_nobody_takes_the_key_of_a_leave(quotes: Asked, tom: User, rita: User) -> None:
    denied = submit(tom)
    assert KEY.fullmatch(let_pass(denied, rita).idempotency_key) is None
