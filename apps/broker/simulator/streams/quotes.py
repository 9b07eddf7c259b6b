"""Streaming market data: everything at first, then what has changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..protocol import ticks
from ..protocol.system import Message
from ..protocol.times import epoch
from ..types import Contract, Quote
from .combos import ComboLeg, combo_quote
from .generic_ticks import GenericTicks
from .registry import Kind

if TYPE_CHECKING:
    from ..sessions.session import Session

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
EXCHANGE_MAP = "9c0001"
SIDES = (
    (ticks.BID, ticks.BID_SIZE, "bid", "bid_size"),
    (ticks.ASK, ticks.ASK_SIZE, "ask", "ask_size"),
    (ticks.LAST, ticks.LAST_SIZE, "last", "last_size"),
)
DAY_PRICES = ((ticks.HIGH, "high"), (ticks.LOW, "low"), (ticks.OPEN, "open"), (ticks.CLOSE, "close"))


class QuoteStream:
    kind = Kind.QUOTES

    def __init__(
        self, session: Session, request_id: int, contract: Contract, data_type: int, generic: frozenset[int]
    ) -> None:
        self.request_id = request_id
        self._market = session.gateway.market
        self._contract = contract
        self._quote_now: Callable[[], Quote] = lambda: session.gateway.feed.quote(contract.con_id)
        self._data_type = data_type
        self._delayed = data_type in (DELAYED, DELAYED_FROZEN)
        self._generic = GenericTicks(self._market, contract, request_id, generic)
        self._watched = frozenset({contract.under_con_id or contract.con_id, contract.con_id})
        self._quote: Quote | None = None

    def first(self) -> Iterator[Message]:
        yield ticks.market_data_type(self.request_id, self._data_type)
        yield ticks.tick_request_parameters(self.request_id, self._contract.min_tick, EXCHANGE_MAP)
        yield from self._news(self._quote_now())
        yield from self._generic.first()

    def step(self, changed: frozenset[int]) -> Iterator[Message]:
        if self._watched & changed:
            yield from self._news(self._quote_now())
            yield from self._generic.step()

    def _news(self, quote: Quote) -> Iterator[Message]:
        before, self._quote = self._quote, quote
        if quote == before:
            return
        yield from self._sides(quote, before)
        yield from self._day(quote, before)
        if self._contract.sec_type == "OPT":
            yield from self._computations()

    def _sides(self, quote: Quote, before: Quote | None) -> Iterator[Message]:
        for price_type, size_type, price_name, size_name in SIDES:
            price, size = getattr(quote, price_name), getattr(quote, size_name)
            if before is None or price != getattr(before, price_name):
                yield self._price(price_type, ticks.NO_PRICE if price is None else price, 0 if price is None else size)
            elif size != getattr(before, size_name) and price is not None:
                yield ticks.tick_size(self.request_id, self._type(size_type), size)

    def _day(self, quote: Quote, before: Quote | None) -> Iterator[Message]:
        for tick_type, name in DAY_PRICES:
            if before is None or getattr(quote, name) != getattr(before, name):
                yield self._price(tick_type, getattr(quote, name))
        if before is None or quote.volume != before.volume:
            yield ticks.tick_size(self.request_id, self._type(ticks.VOLUME), quote.volume)
        if before is None or quote.halted != before.halted:
            yield ticks.tick_generic(self.request_id, self._type(ticks.HALTED), int(quote.halted))
        if quote.last is not None and (before is None or (quote.last, quote.volume) != (before.last, before.volume)):
            yield ticks.tick_string(self.request_id, self._type(ticks.LAST_TIMESTAMP), str(epoch(quote.at)))

    def _computations(self) -> Iterator[Message]:
        for kind, tick_type in ticks.COMPUTATIONS.items():
            computation = self._market.computation(self._contract.con_id, kind)
            yield ticks.tick_computation(self.request_id, self._type(tick_type), computation)

    def _price(self, tick_type: int, price: float, size: int = 0) -> Message:
        return ticks.tick_price(self.request_id, self._type(tick_type), price, size)

    def _type(self, tick_type: int) -> int:
        return ticks.DELAYED.get(tick_type, tick_type) if self._delayed else tick_type


class ComboStream(QuoteStream):
    """A combination priced from its legs."""

    def __init__(
        self, session: Session, request_id: int, contract: Contract, data_type: int, legs: Sequence[ComboLeg]
    ) -> None:
        super().__init__(session, request_id, contract, data_type, frozenset())
        self._quote_now = lambda: combo_quote(session.gateway.feed, legs)
        contracts = [session.gateway.contract(leg.con_id) for leg in legs]
        self._watched = frozenset(leg.under_con_id or leg.con_id for leg in contracts)
