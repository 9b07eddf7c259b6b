"""The edge: the broker library's floats, sentinels and texts become Decimal, aware UTC datetimes or None, here only."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.broker.choices import Side

# Above it the broker means "not set" (1.797e308, 9.2e18, 2147483647 as a price never occurs); no column could hold it.
LIMIT = Decimal("1e11")
UNSET_INTEGER = 2**31 - 1


def number(value: float | int | str | Decimal | None) -> Decimal | None:
    """None for empty, NaN, infinite and the broker's "not set"."""
    if value is None or value == "":
        return None
    try:
        result = Decimal(str(value))
    except InvalidOperation:
        return None
    return result if result.is_finite() and abs(result) < LIMIT else None


def required(value: float | int | str | Decimal | None, name: str) -> Decimal:
    """Raises ValueError where the broker's message lacks a number that nothing can be stored without."""
    result = number(value)
    if result is None:
        raise ValueError(f"the broker sent {value!r} as {name}")
    return result


def price(value: float | None) -> Decimal | None:
    """As `number`, but the broker's -1 and 0 for "no price" become None too."""
    result = number(value)
    return result if result is not None and result > 0 else None


def greek(value: float | None) -> Decimal | None:
    """None for "not computed", which is -2 for what the library leaves untranslated."""
    return None if value == -2 else number(value)


def option_value(value: float | None) -> Decimal | None:
    """Implied volatility and model prices: never negative."""
    result = number(value)
    return result if result is not None and result >= 0 else None


def integer(value: Any) -> int:
    return int(value) if value not in (None, "", UNSET_INTEGER) else 0


def text(value: object, length: int) -> str:
    return str(value or "").replace("\0", "")[:length]


def side(value: str) -> Side:
    """Orders say BUY and SELL (or SSHORT), executions BOT and SLD."""
    return Side.BUY if value.upper() in {"BUY", "BOT"} else Side.SELL


def utc(value: datetime) -> datetime:
    """Raises ValueError for a naive time: guessing a zone would move fills by hours."""
    if value.tzinfo is None:
        raise ValueError(f"the broker's time {value} names no zone")
    return value.astimezone(UTC)


def expiry(value: str) -> date | None:
    """The day of `20260116` or `20260116 15:00:00 EST`; None for a bare month or nothing."""
    try:
        return datetime.strptime(value[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def multiplier(value: str) -> Decimal:
    return number(value) or Decimal(1)


def decimal_text(value: Decimal | None) -> str | None:
    """Plain digits: 10 for the 10.0 of a float, never an exponent."""
    return None if value is None else f"{value.normalize():f}"
