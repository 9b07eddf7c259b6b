"""How many orders, how fast, and whether one repeats or opposes another."""

from __future__ import annotations

from collections.abc import Iterator

from apps.broker.choices import OrderPurpose
from apps.risk.choices import DenialCode as Code
from apps.risk.choices import LimitName
from apps.risk.domain.facts import Facts, Intent, OpenOrder, Reason
from apps.risk.domain.limits import Limits


def open_orders(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    most = limits[LimitName.MAX_OPEN_ORDERS]
    now = sum(not order.is_settling for order in facts.open_orders)
    if most is not None and now + 1 > most:
        yield Reason(
            Code.OPEN_ORDERS, f"{now} orders are open, {most:f} are allowed.", {"open": now, "limit": str(most)}
        )


def rate(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    per_minute, per_day = limits[LimitName.MAX_ORDERS_PER_MINUTE], limits[LimitName.MAX_ORDERS_PER_DAY]
    if per_minute is not None and facts.orders_last_minute + 1 > per_minute:
        yield Reason(
            Code.ORDER_RATE,
            f"{facts.orders_last_minute} orders were given in the last minute, {per_minute:f} are allowed.",
            {"orders": facts.orders_last_minute},
        )
    if per_day is not None and facts.orders_today + 1 > per_day:
        yield Reason(
            Code.ORDERS_TODAY,
            f"{facts.orders_today} orders were given today, {per_day:f} are allowed.",
            {"orders": facts.orders_today},
        )


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
            )
            return


def _alike(intent: Intent, order: OpenOrder) -> bool:
    return (order.con_id, order.side, order.quantity, order.price, order.stop_price, order.purpose) == (
        intent.con_id,
        intent.side,
        intent.quantity,
        intent.limit_price,
        intent.stop_price,
        intent.purpose,
    )


def self_cross(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """An own entry on the other side could trade with this one."""
    for order in facts.open_orders:
        opposes = order.con_id == intent.con_id and order.side is not intent.side
        if opposes and not order.is_closing and not order.is_settling:
            yield Reason(Code.SELF_CROSS, f"An own {order.side.label.lower()} order in {intent.symbol} is open.")
            return
