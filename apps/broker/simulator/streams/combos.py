"""Quotes of combinations, made of the quotes of their legs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..types import Quote

if TYPE_CHECKING:
    from ..market.feed import Feed


@dataclass(frozen=True, slots=True)
class ComboLeg:
    con_id: int
    ratio: int
    action: str  # BUY, SELL

    @property
    def factor(self) -> int:
        return self.ratio if self.action.upper() == "BUY" else -self.ratio


def combo_quote(feed: Feed, legs: Sequence[ComboLeg]) -> Quote:
    """To buy the combination at the ask is to buy the bought legs at their asks and sell the others at their bids."""
    quotes = [(leg.factor, feed.quote(leg.con_id)) for leg in legs]
    bid = _sum([(factor, quote.bid if factor > 0 else quote.ask) for factor, quote in quotes])
    ask = _sum([(factor, quote.ask if factor > 0 else quote.bid) for factor, quote in quotes])
    last = _sum([(factor, quote.last) for factor, quote in quotes])
    close = _sum([(factor, quote.close) for factor, quote in quotes]) or 0.0
    size = min(min(quote.bid_size, quote.ask_size) // abs(factor or 1) for factor, quote in quotes)
    at = max(quote.at for _, quote in quotes)
    halted = any(quote.halted for _, quote in quotes)
    return Quote(0, bid, ask, last, size, size, size, close, close, close, close, 0, at, halted)


def _sum(parts: Sequence[tuple[int, float | None]]) -> float | None:
    total = 0.0
    for factor, value in parts:
        if value is None:
            return None
        total += factor * value
    return round(total, 6)
