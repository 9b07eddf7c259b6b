"""Orders on pages: the ticket, its verdict, one order for a double click, and the page that tells the story."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from apps.broker import ledger
from apps.broker.choices import OrderState
from apps.broker.models import Instrument, Order
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tests.risk.world import calm, coin, make_world, market
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/broker/order/add/", "/admin/broker/order/"


@pytest.fixture
def spy() -> Instrument:
    make_account()
    return make_instrument("SPY", 756733)


@pytest.fixture
def enter(make_user: Callable[..., User]) -> Callable[..., Client]:
    def sign(role: str, name: str = "") -> Client:
        client = Client()
        client.force_login(make_user(name or f"{role}-person", role))
        return client

    return sign


def ticket(spy: Instrument, **changes: Any) -> dict[str, Any]:
    values = {
        "key": uuid.uuid4().hex,
        "con_id": spy.con_id,
        "account": "DU1234567",
        "side": "BUY",
        "quantity": "3",
        "order_type": "LMT",
        "limit_price": "500.25",
        "time_in_force": "DAY",
        "purpose": "entry",
        "reason": "test",
    }
    return {**values, **changes}


def page_of(order: Order) -> str:
    return f"/admin/broker/order/{order.pk}/change/"


def test_ticket_asks_for_the_instrument_first(spy: Instrument, enter: Callable[..., Client]) -> None:
    client = enter("trader")
    make_order(instrument=spy)
    page = client.get(ADD).content.decode()
    assert "Find the instrument" in page and f"?con_id={spy.con_id}" in page
    found = client.get(ADD, {"q": "SP"}).content.decode()
    assert "The broker cannot be asked: gateway not running" in found
    unknown = client.get(ADD, {"con_id": "42"}).content.decode()
    assert "The instrument cannot be had: gateway not running" in unknown


def test_ticket_names_what_is_missing(spy: Instrument, enter: Callable[..., Client]) -> None:
    client = enter("trader")
    assert "Check the order" in client.get(ADD, {"con_id": spy.con_id}).content.decode()
    for changes, text in (
        ({"limit_price": ""}, "Limit orders need it."),
        ({"order_type": "MKT"}, "Market orders have none."),
        ({"quantity": "0"}, "greater than or equal"),
        ({"reason": ""}, "Say why in a few words."),
    ):
        page = client.post(ADD, ticket(spy, **changes, review="")).content.decode()
        assert text in page and "The ticket is not complete" in page, changes
    assert not Order.objects.exists()


def test_verdict_is_shown_before_anything_is_written(spy: Instrument, enter: Callable[..., Client]) -> None:
    page = enter("trader").post(ADD, ticket(spy, review="")).content.decode()
    assert "Would be denied" in page and "gateway not running" in page
    assert "Something that must be known is not" in page and "1,500.75 USD" in page
    assert 'name="submit"' not in page and 'name="key"' in page and "let it pass" not in page
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_denied_ticket_and_its_order_name_the_limit_and_how_to_change_it(
    settings: Settings, enter: Callable[..., Client]
) -> None:
    calm(settings)
    make_world()
    client, sent = enter("trader"), ticket(coin(), quantity="50", limit_price="100")
    with market():
        review = client.post(ADD, {**sent, "review": ""}).content.decode()
        order = client.get(client.post(ADD, {**sent, "submit": "yes"})["Location"]).content.decode()
    for page in (review, order):
        assert "The order is worth 5000.00, 5.0% of the capital of 100000.00; 2.0% are allowed." in page
        assert "manage.py set_limit MAX_ORDER_VALUE VALUE" in page and 'href="/admin/risk/limitrevision/"' in page
    assert "Ask to let it pass" in review


def test_double_click_is_one_order_and_its_page_says_why_it_was_refused(
    spy: Instrument, enter: Callable[..., Client]
) -> None:
    client, sent = enter("trader", "tom"), ticket(spy, submit="yes")
    places = {client.post(ADD, sent)["Location"] for _ in range(2)}
    order = Order.objects.get()
    assert places == {page_of(order)}
    page = client.get(page_of(order)).content.decode()
    assert order.state == OrderState.DENIED and "Why it was denied" in page
    assert re.search(r'class="why">[^<]*gateway not running', page)
    assert "What can be done" not in page and "by tom" in page
    changed = client.post(ADD, {**sent, "quantity": "4"}).content.decode()
    assert "already stands for another order" in changed
    assert Order.objects.count() == 1


def test_waiting_order_counts_down_and_is_offered_to_those_who_may_judge(
    spy: Instrument, enter: Callable[..., Client]
) -> None:
    order = make_order(
        instrument=spy,
        requested_by="tom",
        expires_at=clock.now() + timedelta(minutes=9),
        reference_price=Decimal("499.5"),
        reference_at=clock.now(),
    )
    viewer, trader = enter("viewer"), enter("trader", "tom")
    risk, second = enter("risk", "rita"), enter("risk", "rolf")
    for client, approve, reject, cancel in (
        (viewer, False, False, False),
        (trader, False, True, True),
        (risk, True, True, True),
    ):
        page = client.get(page_of(order)).content.decode()
        assert "data-until=" in page and "Since proposed at 499.5" in page
        shown = [f"/{action}/" in page for action in ("approve", "reject", "cancel")]
        assert shown == [approve, reject, cancel]
    Order.objects.filter(pk=order.pk).update(requested_by="rita")
    own = risk.get(page_of(order)).content.decode()
    assert "somebody else must approve it" in own and "/approve/" not in own
    told = second.post(f"/admin/broker/order/{order.pk}/approve/", follow=True).content.decode()
    assert "is denied. Not approved any more" in told


def test_reject_cancel_and_modify_tell_what_came_of_them(spy: Instrument, enter: Callable[..., Client]) -> None:
    risk = enter("risk")
    first, second = make_order(instrument=spy), make_order(instrument=spy)
    assert "Say why" in risk.post(f"{LIST}{first.pk}/reject/", {"reason": ""}, follow=True).content.decode()
    assert "is rejected." in risk.post(f"{LIST}{first.pk}/reject/", {"reason": "no"}, follow=True).content.decode()
    assert "is cancelled." in risk.post(f"{LIST}{second.pk}/cancel/", {}, follow=True).content.decode()
    again = risk.post(f"{LIST}{second.pk}/cancel/", {}, follow=True).content.decode()
    assert "cannot be cancelled" in again
    working = make_order(instrument=spy)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.WORKING):
        ledger.move(working.pk, before=list(OrderState), after=state, message=f"now {state}")
    assert (
        "Nothing differs"
        in risk.post(
            f"{LIST}{working.pk}/modify/", {"quantity": "10", "limit_price": "500"}, follow=True
        ).content.decode()
    )
    refused = risk.post(f"{LIST}{working.pk}/modify/", {"quantity": "9", "limit_price": "500"}, follow=True)
    assert "The change is refused" in refused.content.decode()
    wrong = risk.post(f"{LIST}{working.pk}/modify/", {"quantity": "x", "limit_price": "500"}).content.decode()
    assert "Enter a number." in wrong


def denied_by(code: str, spy: Instrument) -> Order:
    order = make_order(instrument=spy, requested_by="tom")
    reason = {"code": code, "sentence": "Too much of it.", "limit": None}
    order.verdicts.create(is_approved=False, reasons=[reason], asked_by="tom")
    moved = ledger.move(order.pk, before=[OrderState.PROPOSED], after=OrderState.DENIED, message="Too much of it.")
    assert moved is not None
    return moved


def test_risk_lets_a_denied_order_pass_and_both_pages_tell_of_it(spy: Instrument, enter: Callable[..., Client]) -> None:
    make_world()
    risk, denied = enter("risk"), denied_by("ORDER_VALUE", spy)
    offered = risk.get(page_of(denied)).content.decode()
    assert "Let this one order pass" in offered and "in the name of tom" in offered
    url = f"{LIST}{denied.pk}/override/"
    assert "Say why" in risk.post(url, {"reason": " "}, follow=True).content.decode()
    page = risk.post(url, {"reason": "The fund pays out today"}, follow=True).content.decode()
    given = Order.objects.exclude(pk=denied.pk).get()
    assert "The fund pays out today" in page and page_of(denied) in page and str(given.pk) in page
    after = risk.get(page_of(denied)).content.decode()
    assert "given once more" in after and page_of(given) in after and "Let this one order pass" not in after
    listed = risk.get("/admin/risk/orderoverride/").content.decode()
    assert "The fund pays out today" in listed and "ORDER_VALUE" in listed


def test_what_no_leave_makes_good_is_not_offered(spy: Instrument, enter: Callable[..., Client]) -> None:
    risk, denied = enter("risk"), denied_by("TRADING_STOPPED", spy)
    assert "Let this one order pass" not in risk.get(page_of(denied)).content.decode()
    told = risk.post(f"{LIST}{denied.pk}/override/", {"reason": "x"}, follow=True).content.decode()
    assert "No leave makes good: trading is stopped." in told


def test_order_at_the_market_says_how_far_it_may_go(spy: Instrument, enter: Callable[..., Client]) -> None:
    order = make_order(instrument=spy, is_collared=True, limit_price=Decimal(515))
    page = enter("viewer").get(page_of(order)).content.decode()
    assert "Market order, sent with a limit 515" in page


@pytest.mark.parametrize("role", ["viewer", "trader"])
def test_roles_without_the_right_reach_no_action(spy: Instrument, enter: Callable[..., Client], role: str) -> None:
    client, order = enter(role), make_order(instrument=spy, requested_by="somebody")
    refused = {"viewer": ("approve", "reject", "cancel", "modify", "override"), "trader": ("approve", "override")}[role]
    for action in refused:
        assert client.post(f"{LIST}{order.pk}/{action}/", {"reason": "x"}).status_code == 403, action
    assert (client.get(ADD).status_code == 403) is (role == "viewer")
    assert (client.post(ADD, ticket(spy, submit="yes")).status_code == 403) is (role == "viewer")
    assert client.get(page_of(order)).status_code == 200
    assert client.post(page_of(order), {"state": "approved"}).status_code == 403
    assert client.post(f"{LIST}{order.pk}/delete/", {"post": "yes"}).status_code == 403
    if role == "trader":
        client.post(f"{LIST}{order.pk}/reject/", {"reason": "not mine"})
    assert Order.objects.get(pk=order.pk).state == OrderState.PROPOSED


@pytest.mark.parametrize("action", ["approve", "reject", "cancel", "modify", "override"])
def test_actions_are_not_links(spy: Instrument, enter: Callable[..., Client], action: str) -> None:
    order = make_order(instrument=spy)
    assert enter("admin").get(f"{LIST}{order.pk}/{action}/").status_code == 403
    assert Order.objects.get().state == OrderState.PROPOSED


def test_list_finds_by_symbol_id_and_number_and_tells_the_reason(spy: Instrument, enter: Callable[..., Client]) -> None:
    client = enter("viewer")
    order, other = make_order(instrument=spy), make_order(instrument=make_instrument("QQQ", 320227571))
    ledger.move(order.pk, before=[OrderState.PROPOSED], after=OrderState.DENIED, message="Too many open orders.")
    for term in ("spy", str(order.pk)):
        page = client.get(LIST, {"q": term}).content.decode()
        assert "Too many open orders." in page and page_of(other) not in page, term
    assert page_of(other) in client.get(LIST, {"standing": "waiting"}).content.decode()
    assert page_of(order) in client.get(LIST, {"standing": "refused"}).content.decode()


def test_list_and_page_ask_as_little_for_many_as_for_few(
    spy: Instrument, enter: Callable[..., Client], django_assert_max_num_queries: Any
) -> None:
    client = enter("viewer")
    for _ in range(30):
        make_order(instrument=spy)
    with django_assert_max_num_queries(22):
        client.get(LIST)


def test_page_learns_that_the_order_changed_and_what_it_is_quoted(
    spy: Instrument, enter: Callable[..., Client]
) -> None:
    client, order = enter("viewer"), make_order(instrument=spy)
    live = client.get(f"{LIST}{order.pk}/live/").json()
    assert (
        live["goes_on"] is True and f'data-version="{live["version"]}"' in client.get(page_of(order)).content.decode()
    )
    ledger.note(order, message="something happened")
    assert client.get(f"{LIST}{order.pk}/live/").json()["version"] != live["version"]
    quote = client.get(f"{LIST}quote/", {"con_id": spy.con_id, "reference": "500"}).json()
    assert "gateway not running" in quote["unknown"] and quote["price"] is None
    assert client.get(f"{LIST}quote/", {"con_id": "x"}).status_code == 404
    assert client.get(f"/admin/broker/order/{uuid.uuid4()}/live/").status_code == 404
    assert client.get("/admin/broker/order/nonsense/change/").status_code == 404
