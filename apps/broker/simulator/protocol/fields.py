"""Values as the TWS socket protocol spells them: every field is text, ended by a zero byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from ..types import Query, RequestError

UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INT = 2147483647
Number = int  # the class below has a method of that name
UNSET_FROM = 1e300  # some clients send the largest double for "not given"


class Reader:
    """Takes the fields of one message in order. Nonsense raises RequestError 320 and names the field."""

    def __init__(self, fields: Sequence[str], position: int = 0) -> None:
        self._fields = fields
        self._position = position

    @property
    def fields(self) -> Sequence[str]:
        return self._fields

    @property
    def remaining(self) -> int:
        return len(self._fields) - self._position

    def text(self) -> str:
        if self._position >= len(self._fields):
            raise RequestError(320, f"Error reading request. Message is too short: field {self._position} is missing.")
        value = self._fields[self._position]
        self._position += 1
        return value

    def skip(self, count: int = 1) -> None:
        for _ in range(count):
            self.text()

    def int_or_none(self) -> int | None:
        value = self.text()
        if value == "":
            return None
        try:
            number = int(value)
        except ValueError:
            raise self._nonsense(value, "an integer") from None
        return None if number == UNSET_INT else number

    def int(self, default: int = 0) -> int:
        number = self.int_or_none()
        return default if number is None else number

    def float_or_none(self) -> float | None:
        value = self.text()
        if value == "":
            return None
        if value == "Infinite":
            return math.inf
        try:
            number = float(value)
        except ValueError:
            raise self._nonsense(value, "a number") from None
        if not math.isfinite(number):
            raise self._nonsense(value, "a finite number")
        return None if abs(number) >= UNSET_FROM else number

    def float(self, default: float = 0.0) -> float:
        number = self.float_or_none()
        return default if number is None else number

    def decimal_or_none(self) -> Decimal | None:
        value = self.text()
        if value == "":
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self._nonsense(value, "a number") from None
        if not number.is_finite():
            raise self._nonsense(value, "a finite number")
        return None if abs(number) >= Decimal(UNSET_FROM) else number

    def decimal(self, default: Decimal = Decimal(0)) -> Decimal:
        number = self.decimal_or_none()
        return default if number is None else number

    def boolean(self) -> bool:
        value = self.text().lower()
        if value in ("", "0", "false"):
            return False
        if value in ("1", "true"):
            return True
        raise self._nonsense(value, "0 or 1")

    def count(self, limit: Number = 1000) -> Number:
        """A number of entries that follow. A client cannot make the server loop for long by naming a huge one."""
        number = self.int()
        if not 0 <= number <= limit:
            raise self._nonsense(str(number), f"a count up to {limit}")
        return number

    def tag_values(self) -> list[tuple[str, str]]:
        """Entries sent as a count, then tag and value fields."""
        return [(self.text(), self.text()) for _ in range(self.count())]

    def query(self, primary_exchange: bool = True) -> Query:
        """The contract block of a request: 12 fields, or 11 where the message has no primary exchange."""
        con_id, symbol, sec_type, expiry = self.int(), self.text(), self.text(), self.text()
        strike, right, multiplier, exchange = self.float(), self.text(), self.text(), self.text()
        primary = self.text() if primary_exchange else ""
        return Query(
            con_id=con_id,
            symbol=symbol,
            sec_type=sec_type,
            expiry=expiry,
            strike=strike,
            right=right,
            multiplier=multiplier,
            exchange=exchange,
            primary_exchange=primary,
            currency=self.text(),
            local_symbol=self.text(),
            trading_class=self.text(),
        )

    def _nonsense(self, value: str, wanted: str) -> RequestError:
        shown = ascii(value[:40])
        return RequestError(320, f"Error reading request. Field {self._position - 1} should be {wanted}: {shown}")


def text(value: object) -> str:
    """One value on the wire. Booleans are 1 or 0, None is empty, whole numbers carry no decimal point.

    Clients parse sizes and counts with int(), so `100.0` would break them.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else format(value.normalize(), "f")
    return str(value)


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        return UNSET_DOUBLE
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)
