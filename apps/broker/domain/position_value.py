"""What a position is worth at a price from the market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.broker.choices import PriceSource

# So long after its last tick a streamed price stands against what the broker states of its portfolio.
CURRENT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class StreamedPrice:
    """`price` as the exchange quotes it: in pence where `magnifier` is 100. `at` is the time of the tick."""

    price: Decimal
    source: PriceSource
    at: datetime
    multiplier: Decimal
    magnifier: int

    def outlasts(self, stated_at: datetime) -> bool:
        """Does it stay although the broker stated something else at `stated_at`?"""
        return stated_at - self.at < CURRENT_FOR


@dataclass(frozen=True, slots=True)
class Worth:
    """In the instrument's currency, never in pence."""

    market_value: Decimal
    unrealized_pnl: Decimal


def worth(quantity: Decimal, average_cost: Decimal, price: StreamedPrice) -> Worth:
    """quantity x price x multiplier / magnifier, against what it cost.

    `average_cost` as the broker states it: multiplier included, in the currency.
    """
    value = quantity * price.price * price.multiplier / price.magnifier
    return Worth(market_value=value, unrealized_pnl=value - quantity * average_cost)
