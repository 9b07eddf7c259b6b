"""Prices read off a quote."""

from __future__ import annotations

from ..types import Quote


def price_of(quote: Quote, what: str) -> float | None:
    """The number that bars of a kind are made of. None where the line has no such price."""
    if what == "BID":
        return quote.bid
    if what == "ASK":
        return quote.ask
    if what != "MIDPOINT":
        return quote.last
    if quote.bid is None or quote.ask is None:
        return None
    return round((quote.bid + quote.ask) / 2, 6)
