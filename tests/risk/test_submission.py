"""Submitting orders: what is written, what is denied, and what two at once come to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.broker import services as broker
from apps.broker.choices import (
    OrderPurpose,
    OrderState,
    OrderType,
    Scope,
    SessionState,
    Side,
    StopSource,
    TradingPermission,
)
from apps.broker.exceptions import IdempotencyConflict
from apps.broker.models import Account, AccountValue, BrokerOrder, Execution, GatewaySession, Order, Position
from apps.risk import services as risk
from apps.risk.exceptions import ApprovalError
from apps.risk.gathering.book import Book
from apps.risk.models import EquityWatch, OrderVerdict, Restriction
from apps.risk.services import monitors, restrictions
from tests.broker.ledger.builders import make_account, make_order
from tests.risk.submitting import APPROVE, PROPOSE, at_once, codes, hold, submit
from tests.risk.world import Asked, calm, coin, make_world, market, person, terms
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


def test_order_of_a_strategy_within_all_limits_is_approved_on_paper(quotes: Asked) -> None:
    order = submit()
    assert order.state == OrderState.APPROVED and order.reference_price == 100 and order.approved_by is None
    verdict = order.verdicts.get()
    assert verdict.is_approved and verdict.reasons == [] and verdict.asked_by == "momentum"
    assert verdict.saw["quote"]["source"] == "market" and 0 <= verdict.saw["quote"]["age"] < 5
    assert verdict.saw["equity"]["value"] == "100000" and verdict.saw["positions"]["value"] == []
    assert verdict.saw["limits"]["PRICE_COLLAR"] == {"value": "0.03", "revision": None}


def test_order_that_breaks_limits_is_denied_and_says_all_of_it(quotes: Asked) -> None:
    order = submit(quantity=D(300), limit_price=D("104"))
    assert order.state == OrderState.DENIED and codes(order) == {"ORDER_VALUE", "POSITION_SHARE", "PRICE_COLLAR"}
    for reason in order.verdicts.get().reasons:
        assert reason["sentence"] in order.state_reason
    assert order.events.last().data == {"codes": ["ORDER_VALUE", "POSITION_SHARE", "PRICE_COLLAR"]}
    named = {reason["code"]: reason["limit"] for reason in order.verdicts.get().reasons}
    assert (named["ORDER_VALUE"], named["POSITION_SHARE"]) == ("MAX_ORDER_VALUE", "MAX_POSITION_SHARE")


def test_without_an_answer_of_the_broker_entries_are_denied() -> None:
    with market(None):
        order = submit()
    assert order.state == OrderState.DENIED and codes(order) == {"DATA_UNKNOWN"}
    assert "not connected" in order.state_reason


def test_without_a_gateway_nothing_goes() -> None:
    GatewaySession.objects.update(heartbeat_at=clock.now() - timedelta(minutes=1))
    order = submit()
    assert order.state == OrderState.DENIED and codes(order) >= {"DATA_UNKNOWN", "SESSION_NOT_READY"}


def test_entries_wait_while_nobody_watches_losses_and_exits_do_not(quotes: Asked) -> None:
    EquityWatch.objects.update(known_at=clock.now() - timedelta(minutes=4))
    hold("30")
    order = submit()
    assert order.state == OrderState.DENIED and codes(order) == {"LOSSES_NOT_WATCHED"}
    assert "start the sentinel" in order.state_reason
    assert submit(purpose=OrderPurpose.EXIT, side=Side.SELL, limit_price=D(110)).state == OrderState.APPROVED
    monitors.watch()
    assert submit().state == OrderState.APPROVED
    EquityWatch.objects.all().delete()
    assert codes(submit(quantity=D(3))) == {"LOSSES_NOT_WATCHED"}


AT_MARKET = {"order_type": OrderType.MARKET, "limit_price": None}


def test_market_order_is_approved_though_it_would_pay_less_by_now() -> None:
    """Its limit was drawn from another quote; how far the price went is drift's to judge. An exit goes, too."""
    anna, ben = person("anna", PROPOSE), person("ben", APPROVE)
    hold("30")
    closing = {"purpose": OrderPurpose.EXIT, "side": Side.SELL, "quantity": D(9)}
    with market("100"):
        entry = submit(user=anna, strategy="", instrument=coin(2, "ETH"), **AT_MARKET)
        exit_order = submit(user=anna, strategy="", **closing, **AT_MARKET)
    assert entry.limit_price == D(103) and exit_order.limit_price == D(97)
    with market("99.5"):
        assert risk.approve_order(order_id=entry.pk, user=ben).state == OrderState.APPROVED
    with market("100.5"):
        assert risk.approve_order(order_id=exit_order.pk, user=ben).state == OrderState.APPROVED


def test_market_order_is_told_for_a_repetition_though_the_quote_moved() -> None:
    with market("100"):
        assert submit(**AT_MARKET).limit_price == D(103)
    with market("99"):
        again = submit(**AT_MARKET)
    assert again.limit_price != D(103) and codes(again) == {"DUPLICATE"}


def test_limit_that_a_person_gives_a_market_order_is_judged(quotes: Asked) -> None:
    anna = person("anna", APPROVE, PROPOSE)
    order = submit(**AT_MARKET)
    for state in (OrderState.SUBMITTING, OrderState.WORKING):
        Order.objects.filter(pk=order.pk).update(state=state)
    with pytest.raises(ApprovalError, match="worse than"):
        risk.modify_order(order_id=order.pk, changes={"limit_price": D(104)}, requested_by="anna", user=anna)


def test_closure_that_only_the_broker_knows_of_denies_entries() -> None:
    closed = f"{clock.now():%Y%m%d}:CLOSED"
    hold("30")
    with market(hours=closed):
        order = submit(instrument=coin(41, "DOGE"))
        assert codes(order) == {"MARKET_CLOSED"} and "though it is open by its calendar" in order.state_reason
        assert submit(instrument=coin(41, "DOGE"), outside_regular_hours=True).state == OrderState.APPROVED
        exit_order = {"purpose": OrderPurpose.EXIT, "side": Side.SELL, "quantity": D(9), "limit_price": D(110)}
        assert submit(**exit_order).state == OrderState.APPROVED
    with market(hours=f"{clock.now():%Y%m%d}:0000-{clock.now():%Y%m%d}:2359"):
        assert submit(instrument=coin(42, "LTC")).state == OrderState.APPROVED
    with market(hours="unreadable"):
        assert submit(instrument=coin(43, "ADA")).state == OrderState.APPROVED, "a cross-check, where there is one"


def test_without_market_data_only_what_flattens_or_protects_goes() -> None:
    GatewaySession.objects.update(state=SessionState.DATA_DEGRADED, reason="IB reports broken data farms: usfarm.")
    hold("30")
    closing = {"side": Side.SELL, "strategy": "momentum", "order_type": OrderType.MARKET, "limit_price": None}
    with market(None):
        assert "SESSION_NOT_READY" in codes(submit())
        assert codes(submit(purpose=OrderPurpose.EXIT, **closing)) == {"SESSION_NOT_READY"}
        flat = submit(purpose=OrderPurpose.FLATTEN, **closing)
        stop = closing | {"order_type": OrderType.STOP, "stop_price": D(90)}
        protective = submit(purpose=OrderPurpose.PROTECTIVE, **stop)
    assert (flat.state, protective.state) == (OrderState.APPROVED, OrderState.APPROVED)
    assert "no live quote. A market order needs none." in flat.state_reason


def test_stale_account_figures_are_asked_for_and_then_judged(quotes: Asked) -> None:
    AccountValue.objects.update(as_of=clock.now() - timedelta(minutes=5))
    assert codes(submit()) == {"ACCOUNT_STALE"}
    assert "account_summary" in {kind for kind, _ in quotes}


def test_stop_of_trading_denies_entries_and_lets_exits_go(quotes: Asked) -> None:
    hold("50")
    broker.set_trading_state(
        scope=Scope.STRATEGY, target="momentum", source=StopSource.MANUAL, permission=TradingPermission.HALTED,
        reason="looks wrong", actor="anna",
    )  # fmt: skip
    assert codes(submit()) == {"TRADING_STOPPED"}
    assert submit(side=Side.SELL, purpose=OrderPurpose.EXIT, limit_price=D(100)).state == OrderState.APPROVED


def test_break_locks_the_instrument_and_restriction_closes_it(quotes: Asked) -> None:
    broker.set_trading_state(
        scope=Scope.INSTRUMENT, target="1", source=StopSource.RECONCILIATION, permission=TradingPermission.HALTED,
        reason="ledger 10, broker 12", actor="reconciliation",
    )  # fmt: skip
    Restriction.objects.create(con_id=1, symbol="BTC", reason="no custody", set_by="anna")
    assert codes(submit()) == {"TRADING_STOPPED", "INSTRUMENT_LOCKED", "INSTRUMENT_RESTRICTED"}
    assert submit(instrument=coin(2, "ETH")).state == OrderState.APPROVED


def test_person_or_strategy_may_be_kept_from_an_instrument_or_from_all(quotes: Asked) -> None:
    """What is held may be closed all the same."""
    anna, tom = person("anna", PROPOSE, "risk.change_limits"), person("tom", PROPOSE)
    coin()
    restrictions.restrict(con_id=1, person="tom", reason="has a seat on its board", user=anna)
    restrictions.restrict(strategy="momentum", reason="under review", user=anna)
    barred = submit(user=tom, strategy="")
    assert codes(barred) == {"INSTRUMENT_RESTRICTED"}
    assert "BTC by tom, has a seat on its board (by anna)." in barred.state_reason
    assert submit(user=tom, strategy="", instrument=coin(2, "ETH")).state == OrderState.PROPOSED
    assert submit(user=anna, strategy="", quantity=D(6)).state == OrderState.PROPOSED
    assert codes(submit()) == codes(submit(instrument=coin(3, "SOL"))) == {"INSTRUMENT_RESTRICTED"}
    by_token = risk.submit_order(
        terms=terms(strategy="", quantity=D(9)), idempotency_key="t", requested_by="token x", on_behalf_of="tom"
    )
    assert codes(by_token) == {"INSTRUMENT_RESTRICTED"}
    shown = risk.preview_order(terms=terms(strategy="", quantity=D(8)), givers=["tom"])
    assert {code.value for code in shown.verdict.codes} == {"INSTRUMENT_RESTRICTED"}
    hold("50")
    closing = {"side": Side.SELL, "purpose": OrderPurpose.EXIT, "quantity": D(7)}
    assert submit(user=tom, strategy="", **closing).state == OrderState.PROPOSED


def test_restriction_of_a_person_is_known_at_approval(quotes: Asked) -> None:
    anna, tom = person("anna", APPROVE, "risk.change_limits"), person("tom", PROPOSE)
    order = submit(user=tom, strategy="")
    restrictions.restrict(person="tom", reason="on leave", user=anna)
    after = risk.approve_order(order_id=order.pk, user=anna)
    assert after.state == OrderState.DENIED and "on leave" in after.state_reason


@pytest.mark.mission(199)
def test_account_of_the_other_mode_is_denied(quotes: Asked, world: Account) -> None:
    live = make_account("U7654321")
    Account.objects.filter(pk=live.pk).update(mode="live")
    live.refresh_from_db()
    AccountValue.objects.create(account=live, tag="NetLiquidation", currency="USD", value="9", as_of=clock.now())
    order = submit(account=live)
    assert "MODE_MISMATCH" in codes(order) and "is a live account" in order.state_reason


def test_same_key_is_judged_once_and_other_terms_are_refused(quotes: Asked) -> None:
    first = submit("one")
    assert submit("one") == first and OrderVerdict.objects.count() == 1
    with pytest.raises(IdempotencyConflict):
        submit("one", quantity=D(11))


def test_verdict_is_never_changed(quotes: Asked) -> None:
    verdict = submit().verdicts.get()
    with pytest.raises(DatabaseError, match="neither changed nor deleted"):
        OrderVerdict.objects.filter(pk=verdict.pk).update(is_approved=False)
    with pytest.raises(DatabaseError, match="neither changed nor deleted"):
        verdict.delete()


def test_intent_that_was_left_without_a_verdict_is_judged_when_it_is_submitted_again(quotes: Asked) -> None:
    left = broker.propose_order(terms=terms(), idempotency_key="left", requested_by="momentum")
    assert submit("left").pk == left.pk and left.verdicts.get().is_approved


@pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.REJECTED, OrderState.CANCELLED])
def test_repetition_is_told_though_the_first_has_ended(quotes: Asked, state: OrderState) -> None:
    """Not after a cancel: whoever cancels may give the order again."""
    first = submit()
    Order.objects.filter(pk=first.pk).update(state=OrderState.SUBMITTING)
    Order.objects.filter(pk=first.pk).update(state=state)
    again = submit()
    expected = OrderState.APPROVED if state == OrderState.CANCELLED else OrderState.DENIED
    assert again.state == expected, again.state_reason
    if expected == OrderState.DENIED:
        assert codes(again) == {"DUPLICATE"}


def test_two_like_proposals_of_a_person_are_one_too_many(quotes: Asked) -> None:
    anna = person("anna", PROPOSE)
    assert submit(user=anna).state == OrderState.PROPOSED
    assert codes(submit(user=anna)) == {"DUPLICATE"}


def test_twenty_at_once_with_one_key_are_one_order_and_one_verdict(quotes: Asked) -> None:
    results = at_once(20, lambda _: submit("same").pk)
    assert len(set(results)) == 1, results
    assert Order.objects.count() == 1 and OrderVerdict.objects.count() == 1


def test_two_at_once_cannot_both_take_the_last_room(quotes: Asked) -> None:
    """15 and 14 where 25 are left: whoever comes second is denied, whatever the order."""
    hold("225")
    for attempt in range(3):
        Order.objects.filter(state=OrderState.APPROVED).update(state=OrderState.CANCELLED)
        results = at_once(2, lambda place: submit(quantity=D(15 - place)))
        assert sorted(order.state for order in results) == ["approved", "denied"], (attempt, results)
        (denied,) = [order for order in results if order.state == OrderState.DENIED]
        assert "POSITION_SHARE" in codes(denied)


def test_open_orders_of_the_broker_count_though_the_ledger_does_not_know_them(quotes: Asked) -> None:
    BrokerOrder.objects.create(
        perm_id=7, order_id=7, client_id=9, account=make_account(), instrument=coin(), side=Side.BUY,
        order_type="LMT", quantity=D(245), remaining=D(245), limit_price=D(100), status="Submitted",
        order_ref="not-ours", first_seen_at=clock.now(), as_of=clock.now(),
    )  # fmt: skip
    assert codes(submit()) == {"POSITION_SHARE"}


def test_fill_counts_until_the_position_shows_it(quotes: Asked) -> None:
    entry = make_order(
        account=make_account(), instrument=coin(), state=OrderState.FILLED, quantity=D(245), is_external=True
    )
    position = hold("0")
    Execution.objects.create(
        exec_id="a.01.01", exec_key="a.01", perm_id=1, order_id=1, client_id=1, order_ref=str(entry.pk),
        account=make_account(), instrument=coin(), side=Side.BUY, quantity=D(245), price=D(100),
        executed_at=clock.now(), as_of=clock.now(),
    )  # fmt: skip
    assert codes(submit()) == {"POSITION_SHARE"}
    Position.objects.filter(pk=position.pk).update(quantity=D(100), market_value=D(10_000), as_of=clock.now())
    assert submit().state == OrderState.APPROVED


def test_fills_that_settle_cost_as_many_queries_as_one(quotes: Asked, django_assert_num_queries: Any) -> None:
    account, instrument = make_account(), coin()

    def fill(number: int) -> None:
        entry = make_order(account=account, instrument=instrument, state=OrderState.FILLED, is_external=True)
        Execution.objects.create(
            exec_id=f"{number}.01", exec_key=str(number), perm_id=number, order_id=1, client_id=1,
            order_ref=str(entry.pk), account=account, instrument=instrument, side=Side.BUY, quantity=D(1),
            price=D(100), executed_at=clock.now(), as_of=clock.now(),
        )  # fmt: skip

    fill(1)
    with CaptureQueriesContext(connection) as queries:
        assert len(Book(account).open_orders(clock.now())) == 1
    for number in range(2, 6):
        fill(number)
    with django_assert_num_queries(len(queries)):
        assert len(Book(account).open_orders(clock.now())) == 5


def test_two_exits_cannot_sell_what_is_held_twice(quotes: Asked) -> None:
    hold("10")
    exits = {"side": Side.SELL, "purpose": OrderPurpose.EXIT}
    results = at_once(2, lambda place: submit(**exits, quantity=D(9 + place)))
    assert sorted(order.state for order in results) == ["approved", "denied"]
    (denied,) = [order for order in results if order.state == OrderState.DENIED]
    assert codes(denied) == {"REDUCE_ONLY"}


def test_brackets_wait_and_go_together(quotes: Asked) -> None:
    """Two brackets of one instrument: the stop of the first does not close what the second will buy."""
    anna = person("anna", PROPOSE, APPROVE)
    stop = {"side": Side.SELL, "order_type": OrderType.STOP, "limit_price": None, "purpose": OrderPurpose.PROTECTIVE}
    families = []
    for price in ("100", "99"):
        with transaction.atomic():
            parent = submit(user=anna, limit_price=D(price), strategy="")
            child = submit(user=anna, parent=parent, stop_price=D(90), strategy="", **stop)
        families.append((parent, child))
        assert {parent.state, child.state} == {OrderState.PROPOSED}, (parent.state_reason, child.state_reason)
        with pytest.raises(ApprovalError, match="with the order that it belongs to"):
            risk.approve_order(order_id=child.pk, user=anna)
        risk.approve_order(order_id=parent.pk, user=anna)
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.APPROVED}


def test_preview_writes_nothing(quotes: Asked) -> None:
    found = risk.preview_order(terms=terms(quantity=D(300)))
    assert {code.value for code in found.verdict.codes} == {"ORDER_VALUE", "POSITION_SHARE"}
    assert not Order.objects.exists() and not OrderVerdict.objects.exists()


def test_amounts_of_another_currency_are_turned_into_the_accounts(quotes: Asked) -> None:
    euro = coin(5, "EURO")
    euro.currency = "EUR"
    euro.save()
    assert codes(submit(instrument=euro)) == {"DATA_UNKNOWN"}
    AccountValue.objects.create(
        account=make_account(), tag="ExchangeRate", currency="EUR", value="1.25", as_of=clock.now()
    )
    assert submit(instrument=euro, quantity=D(16)).state == OrderState.APPROVED
    assert codes(submit(instrument=euro, quantity=D(17), limit_price=D(99))) == {"ORDER_VALUE"}
