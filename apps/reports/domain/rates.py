"""Exchange rates as they were known."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal


class ExchangeRates:
    """What one unit of a currency was worth in the account's currency."""

    def __init__(self, base: str, known: Iterable[tuple[str, date, Decimal]]) -> None:
        self.base = base
        self._known: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
        for currency, day, rate in sorted(known):
            if rate > 0:
                self._known[currency].append((day, rate))

    def at(self, currency: str, day: date) -> Decimal | None:
        """The newest known on the day or before, else the first known after; None where none is known."""
        if currency == self.base:
            return Decimal(1)
        rates = self._known.get(currency)
        if not rates:
            return None
        position = bisect_right([known_on for known_on, _ in rates], day)
        return rates[max(0, position - 1)][1]

    def convert(self, amount: Decimal, source: str, target: str, day: date) -> Decimal | None:
        """None where a rate is not known."""
        if source == target:
            return amount
        here, there = self.at(source, day), self.at(target, day)
        return None if here is None or there is None else amount * here / there
