"""Rankings of the stocks and funds of the catalogue, repeated every half minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol.contracts import strike_text
from ..protocol.messages import Answer
from ..protocol.system import Message
from ..types import Contract, Quote
from .registry import Kind

if TYPE_CHECKING:
    from ..market import Market
    from ..sessions.session import Session

SECONDS_BETWEEN = 30.0
Measure = Callable[["Market", Contract, Quote], float]


@dataclass(frozen=True, slots=True)
class ScanFilter:
    instrument: str  # STK, ETF.EQ.US
    location: str  # STK.US, STK.US.MAJOR, STK.EU.LSE
    above_price: float | None
    below_price: float | None
    above_volume: int | None

    def admits(self, contract: Contract, quote: Quote) -> bool:
        if contract.sec_type != "STK" or quote.last is None:
            return False
        return all(
            (
                contract.currency == "USD" if ".US" in self.location else True,
                contract.stock_type == "ETF" if self.instrument.startswith("ETF") else True,
                self.above_price is None or quote.last >= self.above_price,
                self.below_price is None or quote.last <= self.below_price,
                self.above_volume is None or quote.volume >= self.above_volume,
            )
        )


def _gain(market: Market, contract: Contract, quote: Quote) -> float:
    return (quote.last or quote.close) / quote.close - 1 if quote.close else 0.0


def _volume(market: Market, contract: Contract, quote: Quote) -> float:
    return quote.volume


def _unusual_volume(market: Market, contract: Contract, quote: Quote) -> float:
    return quote.volume / max(1, market.average_daily_volume(contract.con_id))


def _traded_value(market: Market, contract: Contract, quote: Quote) -> float:
    return quote.volume * (quote.last or 0.0)


def _volatility(market: Market, contract: Contract, quote: Quote) -> float:
    return market.implied_volatility_index(contract.con_id) or 0.0


def _falling(measure: Measure) -> Measure:
    return lambda market, contract, quote: -measure(market, contract, quote)


SCANS: dict[str, Measure] = {
    "TOP_PERC_GAIN": _gain,
    "TOP_PERC_LOSE": _falling(_gain),
    "MOST_ACTIVE": _volume,
    "MOST_ACTIVE_USD": _traded_value,
    "HOT_BY_VOLUME": _unusual_volume,
    "HIGH_OPT_IMP_VOLAT": _volatility,
    "LOW_OPT_IMP_VOLAT": _falling(_volatility),
}


class ScannerStream:
    kind = Kind.SCANNER

    def __init__(self, session: Session, request_id: int, scan_code: str, wanted: ScanFilter, rows: int) -> None:
        self.request_id = request_id
        self._market = session.gateway.market
        self._measure = SCANS[scan_code]
        self._wanted = wanted
        self._rows = rows
        self._told_at = self._market.now()

    def step(self, changed: frozenset[int]) -> Iterator[Message]:
        now = self._market.now()
        if (now - self._told_at).total_seconds() >= SECONDS_BETWEEN:
            self._told_at = now
            yield self.result()

    def result(self) -> Message:
        ranked = sorted(self._candidates(), key=lambda pair: (-pair[0], pair[1].con_id))[: self._rows]
        fields: list[object] = [Answer.SCANNER_DATA, 3, self.request_id, len(ranked)]
        for rank, (_, contract) in enumerate(ranked):
            fields += [rank, contract.con_id, contract.symbol, contract.sec_type, contract.expiry]
            fields += [strike_text(contract), contract.right, contract.exchange, contract.currency]
            fields += [contract.local_symbol or contract.symbol, contract.trading_class, contract.trading_class]
            fields += ["", "", "", ""]  # distance, benchmark, projection, legs
        return fields

    def _candidates(self) -> Iterator[tuple[float, Contract]]:
        for contract in self._market.all_contracts():
            if contract.sec_type != "STK":
                continue
            quote = self._market.quote(contract.con_id)
            if self._wanted.admits(contract, quote):
                yield self._measure(self._market, contract, quote), contract
