"""Market depth: a book of a few levels around the quote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..protocol.messages import Answer
from ..protocol.system import Message
from ..types import Contract, Quote
from .registry import Kind

if TYPE_CHECKING:
    from ..sessions.session import Session

INSERT, UPDATE = 0, 1
ASK_SIDE, BID_SIDE = 0, 1
MAKERS = ("NSDQ", "ARCA", "BATS", "EDGX", "IEX")


class DepthStream:
    kind = Kind.DEPTH

    def __init__(self, session: Session, request_id: int, contract: Contract, rows: int, smart: bool) -> None:
        self.request_id = request_id
        self._market = session.gateway.market
        self._contract = contract
        self._rows = rows
        self._smart = smart
        self._told: dict[tuple[int, int], tuple[float, int]] = {}

    def first(self) -> Iterator[Message]:
        return self._levels(self._market.quote(self._contract.con_id))

    def step(self, changed: frozenset[int]) -> Iterator[Message]:
        if self._contract.con_id in changed:
            yield from self._levels(self._market.quote(self._contract.con_id))

    def _levels(self, quote: Quote) -> Iterator[Message]:
        for side, best, size in ((BID_SIDE, quote.bid, quote.bid_size), (ASK_SIDE, quote.ask, quote.ask_size)):
            if best is None:
                continue
            step = -self._contract.min_tick if side == BID_SIDE else self._contract.min_tick
            for row in range(self._rows):
                yield from self._level(row, side, round(best + row * step, 6), size * (row + 1))

    def _level(self, row: int, side: int, price: float, size: int) -> Iterator[Message]:
        before = self._told.get((row, side))
        if before == (price, size):
            return
        self._told[row, side] = (price, size)
        operation = INSERT if before is None else UPDATE
        if self._smart:
            maker = MAKERS[row % len(MAKERS)]
            yield (Answer.MARKET_DEPTH_L2, 1, self.request_id, row, maker, operation, side, price, size, 1)
        else:
            yield (Answer.MARKET_DEPTH, 1, self.request_id, row, operation, side, price, size)
