"""Closing what the broker shows: how much may be sent, and what to believe while fills are still on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.broker.choices import OrderType, Side

# A position that does not follow from what was filled is believed when two looks this far apart agree.
SETTLE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Holding:
    """`quantity` is signed, as the broker shows it."""

    con_id: int
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Sent:
    """An order of this run: what the broker showed before it, and what was filled of it since."""

    con_id: int
    shown_before: Decimal
    side: Side
    filled: Decimal

    @property
    def leaves(self) -> Decimal:
        """The signed position that must follow if nobody else trades."""
        return self.shown_before + (self.filled if self.side is Side.BUY else -self.filled)


@dataclass(frozen=True, slots=True)
class Doubt:
    """The broker shows another position than the fills leave."""

    shown: Decimal
    since: datetime


@dataclass(frozen=True, slots=True)
class Opposite:
    con_id: int
    symbol: str
    side: Side
    quantity: Decimal
    shown: Decimal


@dataclass(frozen=True, slots=True)
class Pricing:
    order_type: OrderType
    limit_price: Decimal | None = None
    outside_regular_hours: bool = False


def opposite(holding: Holding) -> Opposite:
    """Exactly what is held, to the other side: filled in part or in full it cannot cross zero."""
    side = Side.SELL if holding.quantity > 0 else Side.BUY
    return Opposite(holding.con_id, holding.symbol, side, abs(holding.quantity), holding.quantity)


def doubt(sent: Sent | None, shown: Decimal, before: Doubt | None, *, now: datetime) -> Doubt | None:
    """None when `shown` may be acted on.

    The broker's list of positions may lag behind its fills: to act on it too early would sell the same twice.
    """
    if sent is None or shown == sent.leaves:
        return None
    found = before if before is not None and before.shown == shown else Doubt(shown, now)
    return None if now - found.since >= SETTLE else found


def doubts(
    sent: Mapping[int, Sent], shown: Mapping[int, Decimal], before: Mapping[int, Doubt], *, now: datetime
) -> dict[int, Doubt]:
    """By conId, of everything that was sent or is shown."""
    found = {
        con_id: doubt(sent.get(con_id), shown.get(con_id, Decimal(0)), before.get(con_id), now=now)
        for con_id in sent.keys() | shown.keys()
    }
    return {con_id: value for con_id, value in found.items() if value is not None}


def pricing(side: Side, *, is_open: bool | None, bid: Decimal | None, ask: Decimal | None) -> Pricing | None:
    """A market order in regular hours or where nobody knows them; outside, a limit at the far touch. None: no quote."""
    if is_open is not False:
        return Pricing(OrderType.MARKET)
    touch = bid if side is Side.SELL else ask
    if touch is None or touch <= 0:
        return None
    return Pricing(OrderType.LIMIT, touch, outside_regular_hours=True)
