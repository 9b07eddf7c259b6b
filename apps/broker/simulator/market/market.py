"""The simulated market: what exists, what it costs now and what it has cost."""

from __future__ import annotations

from datetime import datetime
from math import log

from ..types import (
    Bar,
    Chain,
    Contract,
    HistoricalTick,
    MarketSettings,
    OptionComputation,
    Query,
    Quote,
    RequestError,
    Session,
)
from .adjustments import AdjustedPath
from .catalogue import all_instruments
from .clock import Clock
from .factors import Factors
from .history import History
from .lines import Line
from .lookup import check_security_type, find_lines, no_definition, search_lines
from .noise import Noise
from .option_desk import Kind, OptionDesk
from .option_listing import OptionListing
from .quotes import line_quote, spread_ticks, to_ticks


class Market:
    def __init__(self, settings: MarketSettings) -> None:
        self.settings = settings
        self._clock = Clock(settings)
        noise = Noise(settings.seed)
        factors = Factors(noise)
        self._lines = {instrument.contract.con_id: Line(noise, factors, instrument) for instrument in all_instruments()}
        self._options = OptionListing(self._lines)
        self._desk = OptionDesk()
        self._history = History(self._lines, self._desk)
        self._shown = {con_id: self._ticks(line) for con_id, line in self._lines.items()}

    def now(self) -> datetime:
        return self._clock.now()

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def adjusted_paths(self) -> dict[str, AdjustedPath]:
        """All that can be changed from outside, by a name that stays the same."""
        prices = {f"price/{con_id}": line.prices for con_id, line in self._lines.items()}
        return prices | {f"volatility/{con_id}": line.volatility for con_id, line in self._lines.items()}

    def resume(self, at: float) -> None:
        """Goes on from a moment, after what was done to the paths has been restored."""
        self._clock.resume(at)
        self._desk.forget()
        for line in self._lines.values():
            line.forget_range()
        self._shown = {con_id: self._ticks(line) for con_id, line in self._lines.items()}

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
            raise no_definition()
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

    def bars(
        self,
        contract: Contract,
        end: datetime | None,
        duration: str,
        bar_size: str,
        what: str,
        use_rth: bool,
    ) -> list[Bar]:
        """RequestError 321 for what IB refuses to parse, 162 where there is no such data."""
        return self._history.bars(contract, self._clock.at, end, duration, bar_size, what, use_rth)

    def schedule(self, contract: Contract, end: datetime | None, duration: str, use_rth: bool) -> list[Session]:
        return self._history.schedule(contract, self._clock.at, end, duration, use_rth)

    def head_timestamp(self, contract: Contract, what: str) -> datetime:
        return self._history.head_timestamp(contract, self._clock.at, what)

    def sessions(self, contract: Contract, start: datetime, end: datetime) -> list[Session]:
        """Regular ones that overlap the given time."""
        return self._history.sessions(contract, start, end)

    def trading_hours(self, contract: Contract) -> tuple[str, str]:
        """With and without extended hours, for the coming week."""
        return self._history.trading_hours(contract, self._clock.at)

    def is_open(self, contract: Contract, at: datetime) -> bool:
        """Regular hours; always, unless the market keeps exchange hours."""
        if not self.settings.exchange_hours:
            return True
        venue = self._line(contract.under_con_id or contract.con_id).venue
        return venue.segment_at(at.timestamp()).kind == "regular"

    def historical_ticks(
        self, contract: Contract, start: datetime | None, end: datetime | None, count: int, what: str
    ) -> list[HistoricalTick]:
        return self._history.ticks(contract, self._clock.at, start, end, count, what)

    def histogram(self, contract: Contract, period: str, use_rth: bool) -> list[tuple[float, int]]:
        """Traded volume by price."""
        return self._history.histogram(contract, self._clock.at, period, use_rth)

    def exchange_rate(self, source: str, target: str) -> float:
        """Units of target for one of source."""
        return self._in_dollars(source) / self._in_dollars(target)

    def average_daily_volume(self, con_id: int) -> int:
        """Shares, or contracts for an option."""
        line = self._lines.get(con_id)
        if line is not None:
            return line.instrument.volume
        return self._desk.average_volume(*self._option(con_id))

    def open_interest(self, con_id: int) -> int:
        return self._desk.open_interest(*self._option(con_id))

    def historical_volatility(self, con_id: int) -> float:
        """Annual, of the last 30 days."""
        return self._history.historical_volatility(self._line(con_id).contract, self._clock.at)

    def implied_volatility_index(self, con_id: int) -> float | None:
        """Annual, 30 days; None where there are no options."""
        line = self._line(con_id)
        return line.implied_volatility(self._price_time(line)) if line.has_volatility else None

    def _in_dollars(self, currency: str) -> float:
        if currency == "USD":
            return 1.0
        for line in self._lines.values():
            if line.contract.sec_type == "CASH" and line.contract.symbol == currency:
                return line.price(self._price_time(line))
        raise RequestError(321, f"Error validating request.-'bW' : cause - No exchange rate for currency '{currency}'")

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
            raise no_definition()
        return lines

    def _option(self, con_id: int) -> tuple[Contract, Line]:
        contract = self._options.by_con_id(con_id, self._clock.at)
        if contract is None:
            raise no_definition()
        return contract, self._lines[contract.under_con_id]

    def _line(self, con_id: int) -> Line:
        line = self._lines.get(con_id)
        if line is None:
            raise no_definition()
        return line

    def _price_time(self, line: Line) -> float:
        at = self._clock.at
        return line.last_session_end(at) if self.settings.exchange_hours else at

    def _ticks(self, line: Line) -> tuple[int, int, int]:
        """What the tape shows: last, bid and ask."""
        price = line.price(self._price_time(line))
        return to_ticks(price, line.contract.min_tick), *spread_ticks(line.instrument, price)
