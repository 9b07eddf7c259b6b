"""Which price of a quote to use, and what to call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.broker.choices import PriceSource

DELAYED_TYPES = frozenset({3, 4})


@dataclass(frozen=True, slots=True)
class Greeks:
    implied_volatility: Decimal | None = None
    delta: Decimal | None = None
    gamma: Decimal | None = None
    vega: Decimal | None = None
    theta: Decimal | None = None
    option_price: Decimal | None = None
    underlying_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """One contract's ticks. `market_data_type` as IB counts: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen.

    `is_halted`: the exchange has stopped trading in it, for news or for its volatility.
    """

    market_data_type: int
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    close: Decimal | None = None
    at: datetime | None = None
    is_halted: bool = False
    greeks: Greeks | None = None

    @property
    def is_delayed(self) -> bool:
        return self.market_data_type in DELAYED_TYPES

    @property
    def mid(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def market_price(self) -> Decimal | None:
        """The last trade where it lies within bid and ask or there is no market, else the midpoint."""
        if self.bid is None or self.ask is None:
            return self.last
        if self.last is not None and self.bid <= self.last <= self.ask:
            return self.last
        return self.mid


@dataclass(frozen=True, slots=True)
class ChosenPrice:
    price: Decimal
    source: PriceSource
    quote: Quote


_Reader = Callable[[Quote], Decimal | None]
_LADDER: tuple[tuple[PriceSource, _Reader], ...] = (
    (PriceSource.MARKET, lambda quote: None if quote.is_delayed else quote.market_price),
    (PriceSource.DELAYED, lambda quote: quote.market_price if quote.is_delayed and quote.mid is not None else None),
    (PriceSource.DELAYED_LAST, lambda quote: quote.last if quote.is_delayed else None),
    (PriceSource.CLOSE, lambda quote: quote.close),
    (PriceSource.MID, lambda quote: quote.mid),
)


def choose_price(quotes: list[Quote]) -> ChosenPrice | None:
    """The best price of what was tried for one contract, in the order of `PriceSource`; None where there is none."""
    for source, read in _LADDER:
        for quote in quotes:
            price = read(quote)
            if price is not None:
                return ChosenPrice(price, source, quote)
    return None
