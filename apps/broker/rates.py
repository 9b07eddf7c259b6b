"""Exchange rates of an account as the broker stated them over time."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from apps.broker.models import Account, ExchangeRate

# Over a long weekend the last rate of the week is the rate.
LASTS = timedelta(days=4)
# The account's rates are told with the login, which may follow the day's first executions.
COMES_LATER = timedelta(days=1)


class Rates:
    """What one unit of a currency was worth in the account's currency, at a moment."""

    def __init__(self, account: Account, currencies: Collection[str], since: datetime | None = None) -> None:
        """`since`: most of the moments asked for are not before it; an earlier one is looked up by itself."""
        self.base = account.base_currency
        self._account, self._since = account, since
        self._known: dict[str, list[tuple[datetime, Decimal]]] = defaultdict(list)
        wanted = set(currencies) - {self.base, ""}
        if wanted and self.base:
            rows = self._rows().filter(currency__in=wanted, **({"at__gte": since - LASTS} if since else {}))
            for currency, at, rate in rows.values_list("currency", "at", "rate"):
                self._known[currency].append((at, rate))

    def at(self, currency: str, moment: datetime) -> Decimal | None:
        """The last stated before it, else the first soon after it; None where neither is near."""
        if not self.base:
            return None
        if currency == self.base:
            return Decimal(1)
        rates = self._known[currency] if self._since is None or moment >= self._since else self._near(currency, moment)
        place = bisect_right(rates, moment, key=lambda known: known[0])
        if place and moment - rates[place - 1][0] <= LASTS:
            return rates[place - 1][1]
        if place < len(rates) and rates[place][0] - moment <= COMES_LATER:
            return rates[place][1]
        return None

    def _near(self, currency: str, moment: datetime) -> list[tuple[datetime, Decimal]]:
        rows = self._rows().filter(currency=currency, at__range=(moment - LASTS, moment + COMES_LATER))
        return list(rows.values_list("at", "rate"))

    def _rows(self) -> QuerySet[ExchangeRate]:
        return ExchangeRate.objects.filter(account=self._account).order_by("at")

    def convert(self, amount: Decimal, source: str, target: str, moment: datetime) -> Decimal | None:
        """None where a rate is unknown; never for an amount that needs none."""
        if source == target or not amount:
            return amount
        here, there = self.at(source, moment), self.at(target, moment)
        return None if here is None or there is None else amount * here / there
