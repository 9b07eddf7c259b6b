"""How many orders, how fast, and whether one repeats or opposes another."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from apps.broker.choices import OrderPurpose, Side
from apps.risk.choices import DenialCode as Code
from apps.risk.choices import LimitName
from apps.risk.domain import prices
from apps.risk.domain.facts import Facts, Intent, OpenOrder, Reason
from apps.risk.domain.limits import Limits
from tradeops.lib.known import Unknown


def open_orders(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    most = limits[LimitName.MAX_OPEN_ORDERS]
    now = sum(not order.is_settling for order in facts.open_orders)
    if most is not None and now + 1 > most:
        yield Reason(
            Code.OPEN_ORDERS,
            f"{now} orders are open, {most:f} are allowed.",
            {"open": now, "limit": str(most)},
            LimitName.MAX_OPEN_ORDERS,
        )


def rate(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    for code, name, given, when in (
        (Code.ORDER_BURST, LimitName.MAX_ORDERS_PER_SECOND, facts.orders_last_second, "by this strategy in a second"),
        (Code.ORDER_RATE, LimitName.MAX_ORDERS_PER_MINUTE, facts.orders_last_minute, "in the last minute"),
        (Code.ORDERS_TODAY, LimitName.MAX_ORDERS_PER_DAY, facts.orders_today, "today"),
    ):
        most = limits[name]
        if most is not None and given + 1 > most:
            yield Reason(
                code, f"{given} orders and changes were given {when}, {most:f} are allowed.", {"orders": given}, name
            )


def order_to_trade(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Orders by the dozen of which hardly one trades are the mark of a strategy gone wrong."""
    most = limits[LimitName.MAX_ORDER_TO_TRADE]
    if most is not None and order_to_trade_ratio(facts.orders_today + 1, facts.traded_today) > most:
        yield Reason(
            Code.ORDER_TO_TRADE,
            f"{facts.orders_today} orders and changes were given today and {facts.traded_today} traded; "
            f"{most:f} orders for each that trades are allowed.",
            {"orders": facts.orders_today, "traded": facts.traded_today},
            LimitName.MAX_ORDER_TO_TRADE,
        )


def order_to_trade_ratio(orders: int, traded: int) -> Decimal:
    """Orders given for each that was filled, in part at least; before the first has, as if it had."""
    return Decimal(orders) / max(traded, 1)


def rate_of_closing(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Closing everything may take many orders at once."""
    if intent.purpose is not OrderPurpose.FLATTEN:
        yield from rate(intent, facts, limits)


def duplicate_of_closing(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Closing everything tries again at once; what is open already keeps it from closing too much."""
    if intent.purpose is not OrderPurpose.FLATTEN:
        yield from duplicate(intent, facts, limits)


def duplicate(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """The child of a bracket repeats nothing that its parent does not repeat."""
    seconds = limits[LimitName.DUPLICATE_SECONDS]
    if seconds is None or intent.parent_quantity is not None:
        return
    for order in (*facts.open_orders, *facts.given_lately):
        age = (facts.now - order.created_at).total_seconds()
        if age < seconds and not order.is_settling and _alike(intent, order):
            yield Reason(
                Code.DUPLICATE,
                f"The same order was given {age:.1f} s ago; within {seconds:f} s that is taken for a repetition.",
                {"age": age},
                LimitName.DUPLICATE_SECONDS,
            )
            return


def _alike(intent: Intent, order: OpenOrder) -> bool:
    """Whatever each is said to be for: the broker would be asked for the same twice."""
    # What is given at the market has the limit of its own quote.
    theirs = None if order.is_collared else order.price
    ours = None if intent.is_collared else intent.limit_price
    return (order.con_id, order.side, order.quantity, theirs, order.stop_price) == (
        intent.con_id,
        intent.side,
        intent.quantity,
        ours,
        intent.stop_price,
    )


def self_cross(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """An own order on the other side could trade with this one: any entry, and a closing one whose price this meets."""
    for order in facts.open_orders:
        opposes = order.con_id == intent.con_id and order.side is not intent.side
        if opposes and not order.is_settling and (not order.is_closing or _meets(intent, facts, order)):
            yield Reason(Code.SELF_CROSS, f"An own {order.side.label.lower()} order in {intent.symbol} is open.")
            return


def _meets(intent: Intent, facts: Facts, order: OpenOrder) -> bool:
    """A limit order that waits at its price; what a stop will do later nobody knows."""
    if order.price is None or order.stop_price is not None or isinstance(facts.quote, Unknown):
        return False
    price = prices.accepted_price(intent, facts.quote.value)
    if price is None:
        return False
    return price >= order.price if intent.side is Side.BUY else price <= order.price


def self_cross_of_closing(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """An exit that trades with an own entry closes nothing. What flattens or protects is not held up by that."""
    if intent.purpose is not OrderPurpose.EXIT or intent.limit_price is None or intent.stop_price is not None:
        return
    for order in facts.open_orders:
        opposes = order.con_id == intent.con_id and order.side is not intent.side
        if opposes and not order.is_settling and not order.is_closing and _is_first_met(intent, facts, order):
            yield Reason(
                Code.SELF_CROSS,
                f"An own entry in {intent.symbol} is open at {order.price:f}, with which this exit would trade: "
                "cancel that one first.",
            )
            return


def _is_first_met(intent: Intent, facts: Facts, order: OpenOrder) -> bool:
    """Within the exit's limit, and no worse than what others offer now: with those it would trade first."""
    if order.price is None or order.stop_price is not None or intent.limit_price is None:
        return False
    buys = intent.side is Side.BUY
    if intent.limit_price < order.price if buys else intent.limit_price > order.price:
        return False
    if isinstance(facts.quote, Unknown):
        return True
    offered = prices.reference_price(intent, facts.quote.value)
    return order.price <= offered if buys else order.price >= offered
