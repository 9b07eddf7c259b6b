"""What an order must state, for the ticket of people and the API of machines alike."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.broker.choices import OrderPurpose, OrderType, Side, TimeInForce
from apps.broker.models import Account, Instrument
from apps.broker.services import Terms

LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_CLOSE})
STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
CLOSES = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
MAY_LIMIT = LIMITED | {OrderType.MIDPRICE}
PRICES = ("limit_price", "stop_price", "trailing_amount")
# What a person or a program gives; flattening belongs to close-all, corrections to reconciliation.
PURPOSES = (OrderPurpose.ENTRY, OrderPurpose.EXIT, OrderPurpose.PROTECTIVE)


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """By field what is missing, or stated and not meant for this type of order."""
    kind = OrderType(values["order_type"])
    allowed = {
        "limit_price": kind in MAY_LIMIT,
        "stop_price": kind in STOPPED,
        "trailing_amount": kind == OrderType.TRAILING_STOP,
    }
    needed = {**allowed, "limit_price": kind in LIMITED}
    found: dict[str, str] = {}
    for name in PRICES:
        value = values.get(name)
        if needed[name] and value is None:
            found[name] = f"{kind.label} orders need it."
        elif value is not None and not allowed[name]:
            found[name] = f"{kind.label} orders have none."
        elif value is not None and value <= 0:
            found[name] = "It must be above zero."
    if kind in CLOSES and values.get("time_in_force") != TimeInForce.DAY:
        found["time_in_force"] = f"{kind.label} orders end with the day."
    return found


def terms_of(values: Mapping[str, Any], *, account: Account, instrument: Instrument) -> Terms:
    return Terms(
        account=account,
        instrument=instrument,
        side=Side(values["side"]),
        quantity=Decimal(values["quantity"]),
        order_type=OrderType(values["order_type"]),
        purpose=OrderPurpose(values["purpose"]),
        reason=values["reason"].strip(),
        limit_price=values.get("limit_price"),
        stop_price=values.get("stop_price"),
        trailing_amount=values.get("trailing_amount"),
        time_in_force=TimeInForce(values["time_in_force"]),
        outside_regular_hours=bool(values.get("outside_regular_hours")),
    )
