"""Tick-by-tick data: one message for every change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..protocol.messages import Answer
from ..protocol.system import Message
from ..protocol.times import epoch
from ..types import Contract, Quote
from .prices import price_of
from .registry import Kind

if TYPE_CHECKING:
    from ..sessions.session import Session

TICK_KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}


class TickStream:
    kind = Kind.TICKS

    def __init__(self, session: Session, request_id: int, contract: Contract, tick_kind: int) -> None:
        self.request_id = request_id
        self._market = session.gateway.market
        self._contract = contract
        self._tick_kind = tick_kind
        self._told: tuple[object, ...] | None = None

    def step(self, changed: frozenset[int]) -> Iterator[Message]:
        if self._contract.con_id not in changed:
            return
        quote = self._market.quote(self._contract.con_id)
        values = self._values(quote)
        if values is not None and values != self._told:
            self._told = values
            yield (Answer.TICK_BY_TICK, self.request_id, self._tick_kind, epoch(quote.at), *values)

    def _values(self, quote: Quote) -> tuple[object, ...] | None:
        if self._tick_kind in (1, 2):
            exchange = self._contract.primary_exchange or self._contract.exchange
            return None if quote.last is None else (quote.last, quote.last_size, 0, exchange, "")
        middle = price_of(quote, "MIDPOINT")
        if middle is None:
            return None
        if self._tick_kind == TICK_KINDS["BidAsk"]:
            return (quote.bid, quote.ask, quote.bid_size, quote.ask_size, 0)
        return (middle,)
