"""Numbers as people read them. Money with two decimals, per cents with two, a dash for what is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

NOTHING = "-"


def percent(fraction: float | None, digits: int = 2, *, signed: bool = False) -> str:
    if fraction is None:
        return NOTHING
    shown = round(fraction * 100, digits) + 0.0
    return f"{shown:{sign(signed, shown)},.{digits}f} %"


def number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    if value is None:
        return NOTHING
    if math.isinf(value):
        return "infinite"
    shown = round(value, digits) + 0.0
    return f"{shown:{sign(signed, shown)},.{digits}f}"


def money(amount: Decimal | None, *, signed: bool = False) -> str:
    if amount is None:
        return NOTHING
    shown = round(amount, 2) + Decimal(0)
    return f"{shown:{sign(signed, shown)},.2f}"


def sign(signed: bool, value: float | Decimal) -> str:
    """Zero has no sign."""
    return "+" if signed and value else ""


def price(value: Decimal | None, most: int = 6) -> str:
    """At least two decimals, at most six or as many as asked for."""
    if value is None:
        return NOTHING
    digits = max(2, -int(round(value, most).normalize().as_tuple().exponent))
    return f"{value:,.{digits}f}"


def quantity(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "unknown"


def duration(length: timedelta | None) -> str:
    if length is None:
        return NOTHING
    seconds = length.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02} s"


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
