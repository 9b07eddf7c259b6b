"""The arithmetic of an option position. Pure; prices per unit of the underlying, in the currency (never in pence).

Source of the formulas: the definitions of the position snapshot in docs/requirements.md (45, 46).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

CALL, PUT = "C", "P"


def open_entry_premium(
    *, entry_premium: Decimal, open_quantity: Decimal, closed_quantity: Decimal, closed_entry_premium: Decimal
) -> Decimal:
    """Premium at which what is still open was opened, when the first opened was closed first.

    `entry_premium` is the average of all that was opened, `closed_entry_premium` the sum of premium x quantity of what
    was closed of it: (entry_premium x (open + closed) - closed_entry_premium) / open. `open_quantity` is above 0.
    """
    return (entry_premium * (open_quantity + closed_quantity) - closed_entry_premium) / open_quantity


def profit(
    *, is_long: bool, entry_premium: Decimal, premium: Decimal, contracts: Decimal, multiplier: Decimal
) -> Decimal:
    """Unrealised result in money, before commissions; `contracts` is positive.

    Short: (entry - now) x contracts x multiplier. Long: (now - entry) x contracts x multiplier.
    """
    gain = premium - entry_premium if is_long else entry_premium - premium
    return gain * contracts * multiplier


def profit_fraction(
    *, result: Decimal, entry_premium: Decimal, contracts: Decimal, multiplier: Decimal
) -> float | None:
    """result / (entry_premium x contracts x multiplier): 0.5 is half of the premium. None for a premium of nothing."""
    paid = entry_premium * contracts * multiplier
    return float(result / paid) if paid else None


def days_to_expiration(*, expires_on: date, day: date) -> int:
    """Calendar days; 0 on the last day and afterwards."""
    return max(0, (expires_on - day).days)


def distance_to_strike(*, right: str, strike: Decimal, stock_price: Decimal) -> float | None:
    """Fraction of the stock price S by which strike K is out of the money; negative: in the money.

    Put: (S - K) / S. Call: (K - S) / S. None for a stock price that is not positive, and without a right.
    """
    if stock_price <= 0 or right not in (CALL, PUT):
        return None
    away = stock_price - strike if right == PUT else strike - stock_price
    return float(away / stock_price)
