"""Orders for tests of the gateway: proposed and approved as a person would, and the simulator's own ledger."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.models import Account, Instrument, Order
from apps.broker.services import Terms
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.running import ACCOUNT
from tests.broker.ledger.builders import make_account, make_instrument
from tests.waiting import wait_for
from tradeops.lib import clock

FAR_BELOW = Decimal("1")


def instrument(simulator: SimulatorProcess, symbol: str = "SPY") -> Instrument:
    con_id = simulator.control(f"quote {symbol}")["quotes"][0]["con_id"]
    return make_instrument(symbol, con_id)


def account() -> Account:
    return make_account(ACCOUNT)


def propose(simulator: SimulatorProcess, symbol: str = "SPY", **changes: Any) -> Order:
    outer = {name: changes.pop(name) for name in ("parent", "oca_group", "expires_at") if name in changes}
    terms: dict[str, Any] = {
        "account": account(),
        "instrument": instrument(simulator, symbol),
        "side": Side.BUY,
        "quantity": Decimal(10),
        "order_type": OrderType.LIMIT,
        "limit_price": FAR_BELOW,
        "purpose": OrderPurpose.ENTRY,
        "reason": "test",
    }
    if changes.get("order_type") == OrderType.MARKET:
        terms["limit_price"] = None
    return broker.propose_order(
        terms=Terms(**(terms | changes)), idempotency_key=uuid.uuid4().hex, requested_by="test", **outer
    )


def approve(*orders: Order) -> None:
    for order in orders:
        broker.approve_order(order_id=order.pk, actor="risk")


def give(simulator: SimulatorProcess, symbol: str = "SPY", **changes: Any) -> Order:
    order = propose(simulator, symbol, **changes)
    approve(order)
    return order


def age_approval(*orders: Order, seconds: float) -> None:
    """As if they had been approved so long ago."""
    approved_at = clock.now() - timedelta(seconds=seconds)
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(approved_at=approved_at)


def keep_fresh(*orders: Order) -> None:
    """Not too old to be sent, however long the test takes."""
    age_approval(*orders, seconds=-3600)


def state(order: Order) -> str:
    return Order.objects.values_list("state", flat=True).get(pk=order.pk)


def wait_state(order: Order, wanted: OrderState, *, seconds: float = 15.0) -> Order:
    def look() -> bool:
        return state(order) == wanted

    try:
        wait_for(look, seconds=seconds)
    except AssertionError:
        row = Order.objects.get(pk=order.pk)
        history = [f"{event.before}>{event.after}: {event.message}" for event in row.events.all()]
        raise AssertionError(f"{order} is {row.state}, not {wanted}:\n" + "\n".join(history)) from None
    return Order.objects.get(pk=order.pk)


def at_broker(simulator: SimulatorProcess, order: Order) -> list[dict[str, Any]]:
    """Every order that the simulator has under this reference, whatever became of it."""
    return [row for row in simulator.control("orders")["orders"] if row["order_ref"] == str(order.pk)]


def placements(simulator: SimulatorProcess, order: Order) -> list[dict[str, Any]]:
    """Every placeOrder message with this reference that arrived, modifications among them."""
    messages = simulator.control("log 2000 1")["messages"]
    return [row for row in messages if row["type"] == "placeOrder" and str(order.pk) in row["fields"]]


def cancels(simulator: SimulatorProcess) -> list[dict[str, Any]]:
    return [row for row in simulator.control("log 2000 1")["messages"] if row["type"] == "cancelOrder"]
