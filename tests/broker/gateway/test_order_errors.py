"""What the broker says of an order beside its state."""

from __future__ import annotations

from ib_async import Contract, Order, OrderState

from apps.broker.gateway.changes import Changes
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.tapped import OrderKey

CLIENT, NUMBER, PERM_ID = 1, 7, 4711


def completed_after(*errors: tuple[int, str]) -> str:
    """The reason of an order that was listed as ended after these errors."""
    changes = Changes()
    picture = Picture(lambda: changes, lambda urgent: None, lambda: None, lambda row: row)
    for code, text in errors:
        picture.on_order_error(CLIENT, NUMBER, code, text)
    picture.on_order_status(OrderKey(PERM_ID, CLIENT, NUMBER), "Inactive", 0, 10, 0)
    order = Order(permId=PERM_ID, clientId=CLIENT, orderId=NUMBER, action="BUY", totalQuantity=10, orderType="MKT")
    order.account = "DU1234567"
    contract = Contract(conId=756733, symbol="SPY", secType="STK", currency="USD", exchange="SMART")
    picture.on_completed_order(contract, order, OrderState(status="Inactive"))
    return picture.completed.since(0)[PERM_ID].reason


def test_refusal_is_the_reason_although_a_cancel_was_refused_after_it() -> None:
    refused, too_late = (201, "Order rejected - reason: margin"), (10148, "cannot be cancelled, state: Inactive")
    assert completed_after(refused, too_late) == "Order rejected - reason: margin (IBKR 201)"
    assert completed_after(too_late) == "cannot be cancelled, state: Inactive (IBKR 10148)"
