"""Orders over the API: one intent is one order, everybody may do what his role allows and no more."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.broker.choices import OrderPurpose, OrderState, Side
from apps.broker.models import Instrument, Order
from apps.console.tokens import create_token
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
ACTIONS = ("approve", "reject", "cancel", "modify")


@pytest.fixture
def spy() -> Instrument:
    make_account()
    return make_instrument("SPY", 756733, as_of=clock.now())


@pytest.fixture
def signed_in(make_user: Callable[..., User]) -> Callable[..., Client]:
    def enter(role: str, name: str = "") -> Client:
        client = Client()
        client.force_login(make_user(name or f"{role}-person", role))
        return client

    return enter


def body(spy: Instrument, **changes: Any) -> dict[str, Any]:
    terms = {
        "account": "DU1234567",
        "con_id": spy.con_id,
        "side": "BUY",
        "quantity": "3",
        "order_type": "LMT",
        "limit_price": "500.25",
        "purpose": "entry",
        "reason": "test",
    }
    return {**terms, **changes}


def propose(client: Client, terms: dict[str, Any], key: str | None = "one-intent") -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post("/api/orders/", terms, content_type="application/json", headers=headers)


def act(client: Client, order: Order, action: str, **values: Any) -> Any:
    return client.post(f"/api/orders/{order.pk}/{action}", values, content_type="application/json")


def waiting(**values: Any) -> Order:
    return make_order(expires_at=clock.now() + timedelta(minutes=10), **values)


def working(**values: Any) -> Order:
    order = make_order(**values)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.WORKING):
        Order.objects.filter(pk=order.pk).update(state=state)
    order.refresh_from_db()
    return order


def test_order_without_a_gateway_is_denied_and_says_why(spy: Instrument, signed_in: Callable[..., Client]) -> None:
    answer = propose(signed_in("trader", "tom"), body(spy))
    row = answer.json()
    assert (answer.status_code, row["state"], row["requested_by"]) == (201, "denied", "tom")
    assert "gateway not running" in row["state_reason"]
    assert (row["quantity"], row["limit_price"], row["symbol"]) == ("3", "500.25", "SPY")


def test_same_key_is_one_order_and_another_body_is_refused(spy: Instrument, signed_in: Callable[..., Client]) -> None:
    client = signed_in("trader")
    first, again = propose(client, body(spy)), propose(client, body(spy))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = propose(client, body(spy, quantity="4"))
    assert other.status_code == 422 and "quantity" in other.json()["detail"]
    foreign = propose(signed_in("trader", "tina"), body(spy))
    assert foreign.status_code == 422 and "somebody else" in foreign.json()["detail"]
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", [None, "", "short", "x" * 65, "with a space", "umläut-key"])
def test_order_needs_a_proper_key(spy: Instrument, signed_in: Callable[..., Client], key: str | None) -> None:
    answer = propose(signed_in("trader"), body(spy), key)
    assert answer.status_code == 400 and "Idempotency-Key" in answer.json()["detail"]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"limit_price": None}, "limit_price"),
        ({"limit_price": "0"}, "limit_price"),
        ({"order_type": "MKT"}, "limit_price"),
        ({"order_type": "STP", "limit_price": None}, "stop_price"),
        ({"order_type": "TRAIL", "limit_price": None}, "trailing_amount"),
        ({"order_type": "LOC", "time_in_force": "GTC"}, "time_in_force"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "-5"}, "quantity"),
        ({"quantity": "NaN"}, "quantity"),
        ({"quantity": "1e400"}, "quantity"),
        ({"side": "HOLD"}, "side"),
        ({"purpose": "flatten"}, "purpose"),
        ({"account": "DU0000000"}, "account"),
        ({"strategy": "momentum"}, "strategy"),
        ({"reason": " "}, "reason"),
        ({"con_id": 0}, "con_id"),
    ],
)
def test_terms_that_make_no_order_are_named(
    spy: Instrument, signed_in: Callable[..., Client], changes: dict[str, Any], named: str
) -> None:
    answer = propose(signed_in("trader"), body(spy, **changes))
    assert answer.status_code == 400 and named in answer.json()["detail"], answer.json()
    assert not Order.objects.exists()


def test_unknown_instrument_is_unknown_while_the_gateway_is_away(
    spy: Instrument, signed_in: Callable[..., Client]
) -> None:
    answer = propose(signed_in("trader"), body(spy, con_id=42))
    assert answer.status_code == 503 and "gateway not running" in answer.json()["detail"]


def test_list_is_paged_filtered_and_tells_the_story(spy: Instrument, signed_in: Callable[..., Client]) -> None:
    client = signed_in("viewer")
    made = [waiting(quantity=Decimal(number)) for number in range(1, 6)]
    Order.objects.filter(pk=made[0].pk).update(state=OrderState.DENIED)
    page = client.get("/api/orders/?limit=2").json()
    assert [row["quantity"] for row in page["orders"]] == ["5", "4"]
    rest = client.get(f"/api/orders/?limit=5&before={page['next_before']}").json()
    assert [row["quantity"] for row in rest["orders"]] == ["3", "2", "1"] and rest["next_before"] is None
    assert len(client.get("/api/orders/?state=open").json()["orders"]) == 4
    assert [row["id"] for row in client.get("/api/orders/?state=denied").json()["orders"]] == [str(made[0].pk)]
    for wrong in ("state=nonsense", "limit=0", "before=nonsense", f"before={uuid.uuid4()}"):
        assert client.get(f"/api/orders/?{wrong}").status_code == 400, wrong
    assert client.get(f"/api/orders/{made[1].pk}/").json()["events"] == []
    assert client.get(f"/api/orders/{uuid.uuid4()}/").status_code == 404


def test_cancel_of_what_was_not_sent_is_at_once_and_repeating_it_is_said(
    spy: Instrument, signed_in: Callable[..., Client]
) -> None:
    client, order = signed_in("trader", "tom"), waiting()
    row = act(client, order, "cancel", reason="changed my mind").json()
    assert row["state"] == "cancelled" and "changed my mind" in row["state_reason"]
    assert act(client, order, "cancel").status_code == 409
    at_broker = working()
    first = act(client, at_broker, "cancel").json()
    assert first["state"] == "working" and first["cancel_requested_at"]
    assert act(client, at_broker, "cancel").json()["cancel_requested_at"] == first["cancel_requested_at"]


def test_nobody_approves_his_own_while_somebody_else_could(spy: Instrument, signed_in: Callable[..., Client]) -> None:
    own, other = signed_in("risk", "rita"), signed_in("risk", "rolf")
    order = waiting(requested_by="rita")
    refused = act(own, order, "approve")
    assert refused.status_code == 409 and "Somebody else" in refused.json()["detail"]
    judged = act(other, order, "approve").json()
    assert judged["state"] == "denied" and "gateway not running" in judged["state_reason"]
    assert act(other, order, "approve").status_code == 409


def test_trader_rejects_what_he_gave_himself(spy: Instrument, signed_in: Callable[..., Client]) -> None:
    client = signed_in("trader", "tom")
    assert act(client, waiting(requested_by="tom"), "reject", reason="no").json()["state"] == "denied"
    assert act(client, waiting(requested_by="tina"), "reject", reason="no").status_code == 403


def test_rejecting_takes_a_reason(spy: Instrument, signed_in: Callable[..., Client]) -> None:
    client, order = signed_in("risk", "rita"), waiting()
    assert act(client, order, "reject").status_code == 409
    row = act(client, order, "reject", reason="too early").json()
    assert row["state"] == "denied" and "rejected by rita: too early" in row["state_reason"]


@pytest.mark.parametrize("changes", [{"quantity": "11"}, {"limit_price": "501"}])
def test_an_approver_alone_goes_not_beyond_what_was_approved(
    spy: Instrument, signed_in: Callable[..., Client], changes: dict[str, str]
) -> None:
    """Rita neither gave nor approved it: what she would do now nobody confirms."""
    rita, order = signed_in("risk", "rita"), working(quantity=Decimal(10), limit_price=Decimal(500))
    judged = act(rita, order, "modify", **changes)
    assert judged.status_code == 409 and "The change is refused" in judged.json()["detail"], "nobody else is there"
    signed_in("risk", "rob")
    answer = act(rita, order, "modify", **changes)
    assert answer.status_code == 409 and "cancel, and propose anew" in answer.json()["detail"]
    User.objects.filter(username="rob").update(is_active=False)
    assert "The change is refused" in act(rita, order, "modify", **changes).json()["detail"]


def test_an_approver_changes_what_protects_a_position_of_somebody_else(
    spy: Instrument, signed_in: Callable[..., Client]
) -> None:
    rita = signed_in("risk", "rita")
    signed_in("risk", "rob")
    terms = {
        "side": Side.SELL,
        "quantity": Decimal(10),
        "limit_price": Decimal(500),
        "purpose": OrderPurpose.PROTECTIVE,
    }
    answer = act(rita, working(**terms), "modify", quantity="9")
    assert "The change is refused" in answer.json()["detail"]
    answer = act(rita, working(**terms, requested_by="rita"), "modify", quantity="9")
    assert "somebody else must make it" in answer.json()["detail"]


def test_change_beyond_the_approval_needs_an_approver_and_every_change_a_good_verdict(
    spy: Instrument, signed_in: Callable[..., Client]
) -> None:
    trader, order = signed_in("trader"), working(quantity=Decimal(10), limit_price=Decimal(500))
    for changes in ({"quantity": "11"}, {"limit_price": "501"}):
        answer = act(trader, order, "modify", **changes)
        assert answer.status_code == 409 and "broker.approve_order" in answer.json()["detail"], changes
    judged = act(trader, order, "modify", quantity="9")
    assert judged.status_code == 409 and "The change is refused" in judged.json()["detail"]
    assert act(trader, order, "modify", reason="nothing").status_code == 400
    order.refresh_from_db()
    assert order.wanted_changes == {} and order.quantity == 10


def test_approving_and_rejecting_are_for_people(spy: Instrument, make_token: Callable[..., str]) -> None:
    robot = Client(headers={"Authorization": f"Bearer {make_token('robot', 'admin')}"})
    order = waiting()
    for action in ("approve", "reject"):
        answer = act(robot, order, action, reason="because")
        assert answer.status_code == 403 and "person" in answer.json()["detail"]
    assert Order.objects.get().state == OrderState.PROPOSED
    proposed = propose(robot, body(spy))
    assert (proposed.status_code, proposed.json()["requested_by"]) == (201, "token:robot")
    assert act(robot, order, "cancel").json()["state"] == "cancelled"


def test_an_order_of_ones_own_token_is_ones_own(
    spy: Instrument, signed_in: Callable[..., Client], make_user: Callable[..., User]
) -> None:
    rita, rob = signed_in("risk", "rita"), signed_in("risk", "rob")
    text = create_token(name="bot", role="trader", days=None, actor="x", person=User.objects.get(username="rita"))
    proposed = propose(Client(headers={"Authorization": f"Bearer {text}"}), body(spy))
    given = Order.objects.get(pk=proposed.json()["id"])
    assert (given.requested_by, given.on_behalf_of) == ("token:bot", "rita")
    order = waiting(requested_by="token:bot", on_behalf_of="rita")
    answer = act(rita, order, "approve")
    assert answer.status_code == 409 and "Somebody else must approve" in answer.json()["detail"]
    page = rita.get(f"/admin/broker/order/{order.pk}/change/").content.decode()
    assert "somebody else must approve it" in page
    assert act(rob, order, "approve").json()["state"] == "denied", "judged: there is no gateway"


def test_signed_out_visitors_reach_nothing(spy: Instrument) -> None:
    order, nobody = waiting(), Client()
    assert nobody.get("/api/orders/").status_code == 401
    assert propose(nobody, body(spy)).status_code == 401
    for action in ACTIONS:
        assert act(nobody, order, action).status_code == 401
    assert Order.objects.get().state == OrderState.PROPOSED


def test_session_without_its_csrf_token_changes_nothing(spy: Instrument, make_user: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("tom", "trader"))
    assert propose(client, body(spy)).status_code == 403
    assert act(client, waiting(), "cancel").status_code == 403
    assert set(Order.objects.values_list("state", flat=True)) == {"proposed"}


def test_routes_are_described(signed_in: Callable[..., Client]) -> None:
    paths = signed_in("viewer").get("/api/schema/").json()["paths"]
    post = paths["/api/orders/"]["post"]
    [header] = [item for item in post["parameters"] if item["in"] == "header"]
    assert header["name"] == "Idempotency-Key" and header["required"] is True
    assert {"200", "201", "400", "401", "403", "422"} <= set(post["responses"])
    for action in ACTIONS:
        assert {"200", "404", "409"} <= set(paths[f"/api/orders/{{id}}/{action}"]["post"]["responses"])
