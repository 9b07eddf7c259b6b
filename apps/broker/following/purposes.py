"""What an order that somebody else gave is for, as far as its terms and the position tell."""

from __future__ import annotations

from decimal import Decimal

from apps.broker.choices import OrderPurpose, Side

TRIGGERED = ("STP", "TRAIL")


def guess_purpose(side: Side, quantity: Decimal, order_type: str, held: Decimal) -> OrderPurpose:
    """Only what cannot open a position is taken for an exit: whatever else may be an entry is treated as one."""
    closes = (side is Side.SELL and held > 0) or (side is Side.BUY and held < 0)
    if not closes or quantity > abs(held):
        return OrderPurpose.ENTRY
    return OrderPurpose.PROTECTIVE if order_type.startswith(TRIGGERED) else OrderPurpose.EXIT
