"""The ledger's terms as the broker library sends them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ib_async import Contract
from ib_async import Order as WireOrder

from apps.broker.choices import OrderType
from apps.broker.gateway.translate import SMART_TYPES
from apps.broker.models import Instrument, Order

# The first fill cancels the others, and they cannot be filled meanwhile.
CANCEL_WITH_BLOCK = 1
# What is filled of one is taken off the others, as the broker does with the children of a bracket.
REDUCE = 3
WITH_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_CLOSE, OrderType.MIDPRICE})
WITH_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an order stands among those that are sent with it. `group` ends the others when one is filled."""

    number: int
    parent_number: int = 0
    transmit: bool = True
    group: str = ""
    group_type: int = 0


def contract_of(instrument: Instrument) -> Contract:
    exchange = "SMART" if instrument.sec_type in SMART_TYPES else instrument.exchange or instrument.primary_exchange
    return Contract(
        secType=instrument.sec_type,
        conId=instrument.con_id,
        symbol=instrument.symbol,
        exchange=exchange,
        currency=instrument.currency,
    )


def order_of(order: Order, placement: Placement) -> WireOrder:
    wire = WireOrder(
        orderId=placement.number,
        action=order.side,
        totalQuantity=number(order.quantity),
        orderType=order.order_type,
        tif=order.time_in_force,
        outsideRth=order.outside_regular_hours,
        account=order.account.code,
        orderRef=str(order.pk),
        parentId=placement.parent_number,
        ocaGroup=placement.group,
        ocaType=placement.group_type,
        transmit=placement.transmit,
    )
    _put_prices(wire, order)
    return wire


def _put_prices(wire: WireOrder, order: Order) -> None:
    kind = OrderType(order.order_type)
    if kind in WITH_LIMIT and order.limit_price is not None:
        wire.lmtPrice = number(order.limit_price)
    if kind in WITH_STOP and order.stop_price is not None:
        wire.auxPrice = number(order.stop_price)
    if kind is OrderType.TRAILING_STOP:
        _put_trail(wire, order)


def _put_trail(wire: WireOrder, order: Order) -> None:
    if order.trailing_amount is not None:
        wire.auxPrice = number(order.trailing_amount)
    elif order.trailing_fraction is not None:
        wire.trailingPercent = number(order.trailing_fraction * 100)
    if order.stop_price is not None:
        wire.trailStopPrice = number(order.stop_price)


def number(value: Decimal) -> float:
    """Whole numbers travel without a decimal point, as the broker wants sizes."""
    return int(value) if value == value.to_integral_value() else float(value)
