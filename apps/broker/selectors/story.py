"""Why did, or didn't, this trade happen? The story of an order, in sentences."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Min, Q, Sum

from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.models import Execution, Order, OrderEvent
from tradeops.lib import clock

# What is true of an order in that state, and what it waits for.
VERDICTS = {
    OrderState.PROPOSED: "It has not happened yet: somebody has to approve it.",
    OrderState.APPROVED: "It has not happened yet: it is approved, and the gateway has not taken it up.",
    OrderState.SUBMITTING: "It is on its way: sent, and the broker has not answered yet.",
    OrderState.WORKING: "It has not happened yet: it works at the broker and waits for a trade.",
    OrderState.FILLED: "It happened.",
    OrderState.CANCELLED: "It did not happen: it was cancelled.",
    OrderState.DENIED: "It did not happen: it was denied before anything was sent.",
    OrderState.REJECTED: "It did not happen: the broker refused it.",
    OrderState.EXPIRED: "It did not happen: its time ran out.",
    OrderState.UNRESOLVED: "Nobody knows yet whether it happened: the broker is being asked.",
}


def order_story(order: Order, *, now: datetime | None = None) -> list[str]:
    """The verdict first, then what led to it, in the order in which it happened. Two queries."""
    sentences = [_verdict(order, now or clock.now()), _intent(order)]
    events = list(order.events.all())
    if events and events[0].before == events[0].after == OrderState.PROPOSED:
        # The intent has been told already.
        events = events[1:]
    sentences += [_event(event) for event in events]
    fills = _fills(order)
    return [*sentences, fills] if fills else sentences


def _verdict(order: Order, now: datetime) -> str:
    state = OrderState(order.state)
    text = VERDICTS[state]
    if order.filled_quantity and state is not OrderState.FILLED:
        text = f"It happened in part: {_plain(order.filled_quantity)} of {_plain(order.quantity)}. " + text.replace(
            "It did not happen", "The rest did not happen"
        ).replace("It has not happened yet", "The rest has not happened yet")
    if order.state_reason and state is not OrderState.FILLED:
        text += f" Why: {order.state_reason}."
    if state is OrderState.PROPOSED and order.expires_at:
        late = order.expires_at <= now
        text += f" Its time {'ended' if late else 'ends'} at {_when(order.expires_at)}."
    return text


def _intent(order: Order) -> str:
    side = "buy" if order.side == Side.BUY else "sell"
    purpose = OrderPurpose(order.purpose).label.lower()
    what = f"to {side} {_plain(order.quantity)} {order.instrument} in {order.account} ({_terms(order)})"
    if order.is_external:
        guess = f"taken for an order of the kind {purpose!r}"
        return f"{_when(order.created_at)}: {order.requested_by} asked {what}: {order.reason}; {guess}."
    whom = f" for {order.strategy}" if order.strategy else ""
    quote = f"; the price was {_plain(order.reference_price)}" if order.reference_price is not None else ""
    return f"{_when(order.created_at)}: {order.requested_by} proposed{whom} {what}, {purpose}: {order.reason}{quote}."


def _terms(order: Order) -> str:
    kind = order.get_order_type_display() if order.order_type in OrderType.values else order.order_type
    if order.is_collared:
        kind = "market, sent with a limit"
    names = {"limit": order.limit_price, "stop": order.stop_price, "trailing by": order.trailing_amount}
    prices = [f"{name} {_plain(price)}" for name, price in names.items() if price is not None]
    if order.trailing_fraction is not None:
        prices.append(f"trailing by {_plain(order.trailing_fraction * 100)} %")
    return ", ".join([(kind or "type unknown").lower(), *prices, order.get_time_in_force_display().lower()])


def _event(event: OrderEvent) -> str:
    actor = f" {event.actor}:" if event.actor else ""
    became = "" if event.before == event.after else f"{event.get_after_display().lower()}: "
    return f"{_when(event.at)}:{actor} {became}{event.message}."


def _fills(order: Order) -> str:
    named = Q(order_ref=str(order.pk))
    if order.perm_id is not None:
        named |= Q(perm_id=order.perm_id)
    rows = Execution.objects.filter(named, is_current=True, instrument_id=order.instrument_id)
    found = rows.aggregate(
        count=Count("id"),
        units=Sum("quantity"),
        amount=Sum(F("quantity") * F("price")),
        reported=Count("commission"),
        paid=Sum("commission__amount"),
        currencies=Count("commission__currency", distinct=True),
        currency=Min("commission__currency"),
    )
    if not found["count"]:
        return ""
    price = _plain(round(found["amount"] / found["units"], 6)) if found["units"] else "an unknown price"
    times = "1 execution" if found["count"] == 1 else f"{found['count']} executions"
    return f"{times}: {_plain(found['units'])} at {price} on average; {_commission(found)}."


def _commission(found: dict[str, Any]) -> str:
    if found["reported"] != found["count"]:
        return "the commission is not reported yet"
    if found["currencies"] != 1:
        return "commissions in several currencies"
    return f"commission {_plain(found['paid'])} {found['currency']}"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
