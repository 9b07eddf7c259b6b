"""A refusal shows what was found and what is allowed so that the two can be told apart."""

from __future__ import annotations

from decimal import Decimal

FINEST = 6


def in_percent(found: Decimal, allowed: Decimal) -> tuple[str, str]:
    """Two fractions in percent, with one digit or as many more as it takes."""
    return _apart(found, allowed, "%", 1)


def in_seconds(found: Decimal, allowed: Decimal) -> tuple[str, str]:
    """Two times in seconds, whole or with as many digits as it takes."""
    first, second = _apart(found, allowed, "f", 0)
    return f"{first} s", f"{second} s"


def _apart(found: Decimal, allowed: Decimal, kind: str, fewest: int) -> tuple[str, str]:
    for digits in range(fewest, FINEST):
        first, second = (f"{value:.{digits}{kind}}" for value in (found, allowed))
        if first != second:
            return first, second
    return f"{found:.{FINEST}{kind}}", f"{allowed:.{FINEST}{kind}}"
