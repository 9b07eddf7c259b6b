"""What an option was worth at its expiry, and what of that can be told. Pure."""

from __future__ import annotations

from decimal import Decimal

SHARES = "STK"
NOTHING = Decimal(0)
# A price that follows from money rounded to cents.
PRICE_UNIT = Decimal("0.0001")
ROUNDED = Decimal("0.005")


def becomes_shares(underlying_type: str) -> bool:
    """Does an option that ends in the money become shares, so that one without shares has ended worthless?

    `underlying_type` is IB's security type of the underlying, STK, IND or FUT; "" (not known) is no.
    """
    return underlying_type == SHARES


def intrinsic_value(right: str, strike: Decimal, settlement: Decimal) -> Decimal:
    """max(0, settlement - strike) of a call, max(0, strike - settlement) of a put, in points of the underlying.

    What a cash-settled option pays per point of its multiplier (Options Clearing Corporation, exercise settlement
    amount of an index option). Raises ValueError for another right than C or P.
    """
    if right not in ("C", "P"):
        raise ValueError(f"{right!r} is neither a call (C) nor a put (P)")
    return max(NOTHING, settlement - strike if right == "C" else strike - settlement)


def price_from_result(
    realised: Decimal, quantity: Decimal, entry_price: Decimal, commission: Decimal, worth: Decimal
) -> Decimal | None:
    """The price at which the broker closed a holding, from what it says was realised; None where that is no price.

    price = entry price + (realised + commission) / (quantity * worth); `quantity` signed, units; `entry_price` in
    points; `realised` and the `commission` of the opening in the instrument's currency; `worth`: the money that one
    point of one unit is.
    """
    if not quantity or worth <= 0:
        return None
    price = entry_price + (realised + commission) / (quantity * worth)
    tolerance = max(PRICE_UNIT, ROUNDED / abs(quantity * worth))
    if price < -tolerance:
        return None
    return NOTHING if price <= tolerance else price.quantize(PRICE_UNIT)
