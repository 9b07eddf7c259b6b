"""The simulated market: what exists, what it costs now and what it has cost."""

from __future__ import annotations

from datetime import datetime
from math import log

from ..types import Chain, Contract, MarketSettings, OptionComputation, Query, Quote, RequestError
from .catalogue import all_instruments
from .clock import Clock
from .factors import Factors
from .lines import Line
from .lookup import check_security_type, find_lines, search_lines
from .noise import Noise
from .option_desk import Kind, OptionDesk
from .option_listing import OptionListing
from .quotes import line_quote, to_ticks

NO_DEFINITION = "No security definition has been found for the request"


class Market:
    def __init__(self, settings: MarketSettings) -> None:
        self.settings = settings
        self._clock = Clock(settings)
        noise = Noise(settings.seed)
        factors = Factors(noise)
        self._lines = {instrument.contract.con_id: Line(noise, factors, instrument) for instrument in all_instruments()}
        self._options = OptionListing(self._lines)
        self._desk = OptionDesk()
        self._shown = {con_id: self._ticks(line) for con_id, line in self._lines.items()}

    def now(self) -> datetime:
        return self._clock.now()

    def all_contracts(self) -> list[Contract]:
        """Everything but options."""
        return [line.contract for line in self._lines.values()]

    def find(self, query: Query) -> list[Contract]:
        """An incomplete option means every listed option that fits; a symbol may have a line in several currencies."""
        check_security_type(query)
        found = [] if query.sec_type == "OPT" else find_lines(self._lines.values(), query)
        if not found and query.sec_type in {"OPT", ""}:
            found = self._options.find(query, self._clock.at)
        if not found:
            raise RequestError(200, NO_DEFINITION)
        return found

    def by_con_id(self, con_id: int) -> Contract | None:
        line = self._lines.get(con_id)
        return line.contract if line else self._options.by_con_id(con_id, self._clock.at)

    def chains(self, under_con_id: int) -> list[Chain]:
        return self._options.chains(under_con_id, self._clock.at)

    def search(self, pattern: str) -> list[Contract]:
        return search_lines(self._lines.values(), pattern)

    def quote(self, con_id: int) -> Quote:
        line = self._lines.get(con_id)
        if line is not None:
            return line_quote(line, self._price_time(line))
        contract, line = self._option(con_id)
        return self._desk.quote(contract, line, self._price_time(line))

    def computation(self, con_id: int, kind: Kind) -> OptionComputation | None:
        contract, line = self._option(con_id)
        return self._desk.computation(contract, line, self._price_time(line), kind)

    def volatility_from_price(self, con_id: int, option_price: float, underlying_price: float) -> OptionComputation:
        contract, line = self._option(con_id)
        return self._desk.from_price(contract, line, self._price_time(line), option_price, underlying_price)

    def price_from_volatility(self, con_id: int, volatility: float, underlying_price: float) -> OptionComputation:
        contract, line = self._option(con_id)
        return self._desk.from_volatility(contract, line, self._price_time(line), volatility, underlying_price)

    def tick(self, steps: int = 1) -> frozenset[int]:
        """Move the market; the lines (never options) whose quote changed."""
        self._clock.advance(steps)
        shown, changed = self._shown, []
        for con_id, line in self._lines.items():
            ticks = self._ticks(line)
            if ticks != shown[con_id]:
                shown[con_id] = ticks
                changed.append(con_id)
        return frozenset(changed)

    def set_price(self, symbol: str, price: float) -> Contract:
        """From now on; all lines of the symbol move by the same factor."""
        lines = self._lines_of(symbol)
        if price <= 0:
            raise RequestError(321, f"Price must be positive: {price}")
        at = self._price_time(lines[0])
        self._shift(lines, log(price) - lines[0].prices.value(at))
        return lines[0].contract

    def halt(self, symbol: str, halted: bool) -> Contract:
        lines = self._lines_of(symbol)
        for line in lines:
            if halted and not line.prices.frozen:
                line.prices.freeze(self._price_time(line))
            elif not halted and line.prices.frozen:
                line.prices.thaw(self._price_time(line))
        return lines[0].contract

    def _shift(self, lines: list[Line], offset: float) -> None:
        self._desk.forget()
        for line in lines:
            line.prices.shift(self._price_time(line), offset)
            line.forget_range()
        names = {line.contract.local_symbol for line in lines}
        for line in self._lines.values():
            for name, weight in line.instrument.follows:
                if name in names:
                    line.prices.shift(self._price_time(line), weight * offset)
                    line.forget_range()
            if "VIX" in names:
                line.volatility.shift(self._price_time(line), offset)

    def _lines_of(self, symbol: str) -> list[Line]:
        wanted = symbol.upper()
        lines = [line for line in self._lines.values() if wanted in {line.contract.symbol, line.contract.local_symbol}]
        if not lines:
            raise RequestError(200, NO_DEFINITION)
        return lines

    def _option(self, con_id: int) -> tuple[Contract, Line]:
        contract = self._options.by_con_id(con_id, self._clock.at)
        if contract is None:
            raise RequestError(200, NO_DEFINITION)
        return contract, self._lines[contract.under_con_id]

    def _line(self, con_id: int) -> Line:
        line = self._lines.get(con_id)
        if line is None:
            raise RequestError(200, NO_DEFINITION)
        return line

    def _price_time(self, line: Line) -> float:
        at = self._clock.at
        return line.last_session_end(at) if self.settings.exchange_hours else at

    def _ticks(self, line: Line) -> int:
        return to_ticks(line.price(self._price_time(line)), line.contract.min_tick)
