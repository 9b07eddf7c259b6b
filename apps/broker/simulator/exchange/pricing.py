"""At what price an order can trade now: buyers pay the ask, sellers get the bid, stops look at the last trade."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..types import Quote
from . import order_types
from .orders import Order

if TYPE_CHECKING:
    from ..market import Market


def executable_price(market: Market, order: Order) -> float | None:
    """None while it cannot trade: no quote, halted, limit not reached, or a type that only rests."""
    kind = order.request.order_type
    if kind in order_types.RESTING:
        return None
    if kind == order_types.MIDPOINT:
        return _within_limit(order, _middle(market, order))
    kind = order_types.TRIGGERED.get(kind, kind)
    price = market_price(market, order)
    return _within_limit(order, price) if kind == order_types.LIMIT else price


def auction_price(market: Market, order: Order) -> float | None:
    """The closing price for market and limit on close."""
    quote = market.quote(order.contract.con_id)
    price = market_price(market, order) if quote.last is None else quote.last
    return _within_limit(order, price) if order.request.order_type == "LOC" else price


def market_price(market: Market, order: Order) -> float | None:
    """Of one unit; for a combo the sum over its legs, negative where it pays."""
    prices = leg_prices(market, order)
    if prices is None:
        return None
    return round(sum(leg.ratio * price for leg, price in zip(order.legs, prices, strict=True)), 6)


def leg_prices(market: Market, order: Order) -> list[float] | None:
    prices = [_side(market.quote(leg.contract.con_id), (leg.ratio > 0) == order.is_buy) for leg in order.legs]
    known = [price for price in prices if price is not None]
    return known if len(known) == len(prices) else None


def _side(quote: Quote, buys: bool) -> float | None:
    if quote.halted:
        return None
    price = quote.ask if buys else quote.bid
    return price if price is not None and price > 0 else None


def _middle(market: Market, order: Order) -> float | None:
    quote = market.quote(order.contract.con_id)
    if quote.halted or quote.bid is None or quote.ask is None:
        return None
    tick = order.contract.min_tick
    steps = (quote.bid + quote.ask) / 2 / tick
    rounded = math.floor(steps + 1e-9) if order.is_buy else math.ceil(steps - 1e-9)
    return round(rounded * tick, 6)


def limit_of(order: Order) -> float | None:
    """A trailing limit order's limit follows its stop price by the offset."""
    request = order.request
    if request.order_type == "TRAIL LIMIT" and order.trail_stop_price is not None:
        offset = request.limit_price_offset or 0.0
        return order.trail_stop_price + offset if order.is_buy else order.trail_stop_price - offset
    if request.order_type == order_types.MIDPOINT:
        return request.limit_price or None
    return request.limit_price


def _within_limit(order: Order, price: float | None) -> float | None:
    limit = limit_of(order)
    if price is None or limit is None:
        return price
    reached = price <= limit + 1e-9 if order.is_buy else price >= limit - 1e-9
    return price if reached else None
