"""How numbers of a position snapshot are written for people. What is unknown is called so."""

from __future__ import annotations

from decimal import Decimal

UNKNOWN = "unknown"


def money(amount: Decimal | None, currency: str) -> str:
    return UNKNOWN if amount is None else f"{amount:+,.2f} {currency}"


def price(of_unit: Decimal | None) -> str:
    """To the cent, and as exactly as it is known where that says more: options of few cents trade in fractions."""
    if of_unit is None:
        return UNKNOWN
    exponent = of_unit.normalize().as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{of_unit:,.{places}f}"


def percent(fraction: float | None) -> str:
    return UNKNOWN if fraction is None else f"{100 * fraction:+.1f} %"


def days(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)
