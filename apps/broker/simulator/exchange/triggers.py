"""When stop, trailing and touched orders come alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import order_types
from .orders import Order

if TYPE_CHECKING:
    from ..market import Market


def needs_trigger(order: Order) -> bool:
    return order.request.order_type in order_types.TRIGGERED and not order.triggered


def is_reached(market: Market, order: Order) -> bool:
    """Moves a trailing stop along with the last trade, then compares."""
    price = watched_price(market, order)
    if price is None:
        return False
    kind = order.request.order_type
    if kind in order_types.TRAILING:
        follow(order, price)
    stop = order.trail_stop_price if kind in order_types.TRAILING else order.request.aux_price
    if stop is None:
        return False
    rising = order.is_buy != (kind in order_types.IF_TOUCHED)
    return price >= stop - 1e-9 if rising else price <= stop + 1e-9


def watched_price(market: Market, order: Order) -> float | None:
    """The last trade; for options the side it would trade on, as their last trade may be old."""
    quote = market.quote(order.contract.con_id)
    if quote.halted:
        return None
    if order.contract.sec_type == "OPT" or quote.last is None:
        return quote.ask if order.is_buy else quote.bid
    return quote.last


def follow(order: Order, price: float) -> None:
    """A trailing stop only ever moves in the order's favour."""
    request = order.request
    distance = price * request.trailing_percent / 100 if request.trailing_percent else request.aux_price or 0.0
    candidate = round(price + distance if order.is_buy else price - distance, 4)
    current = order.trail_stop_price
    if current is None:
        order.trail_stop_price = candidate
    else:
        order.trail_stop_price = min(current, candidate) if order.is_buy else max(current, candidate)
