"""Price stretches of one contract, in the kinds IB calls whatToShow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from math import ceil, exp, sqrt
from typing import NamedTuple, Protocol

from ..types import Contract, RequestError
from .lines import Line
from .option_desk import OptionDesk, bid_and_ask, shown_price
from .quotes import ask_price, bid_price, mid_price, round_price
from .spans import Span

PRICE_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST")
VOLATILITY_KINDS = ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY")
_TRADE_KINDS = {"TRADES", "ADJUSTED_LAST"}
_QUOTE_KINDS = {"MIDPOINT", "BID", "ASK", "BID_ASK"}
_HISTORY_DAYS = 30
_TRADING_DAYS = 252
_OPTION_GRAIN = 1800


class Stretch(NamedTuple):
    """Volume is -1 where nothing trades: quotes and volatilities."""

    open: float
    high: float
    low: float
    close: float
    volume: int


class Series(Protocol):
    def stretch(self, span: Span, start: float, end: float) -> Stretch: ...


class LineSeries:
    """Trades or quotes of a line. All roundings are monotonous: the extremes of parts are those of the whole."""

    def __init__(self, line: Line, what: str) -> None:
        self._line = line
        self._trades = what in _TRADE_KINDS
        self._shown = _roundings(line)[what]

    def stretch(self, span: Span, start: float, end: float) -> Stretch:
        first, high, low, last = self._line.prices.ohlc(start, end)
        volume = self._line.volumes.between(start, end) if self._trades else -1
        show = self._shown
        return Stretch(show(exp(first)), show(exp(high)), show(exp(low)), show(exp(last)), volume)


class BidAskSeries:
    """Open is the average bid, low the lowest bid, high the highest ask, close the average ask."""

    def __init__(self, bid: Series, ask: Series, decimals: int) -> None:
        self._bid, self._ask, self._decimals = bid, ask, decimals

    def stretch(self, span: Span, start: float, end: float) -> Stretch:
        bid, ask = self._bid.stretch(span, start, end), self._ask.stretch(span, start, end)
        average_bid = round((bid.open + bid.close) / 2, self._decimals)
        average_ask = round((ask.open + ask.close) / 2, self._decimals)
        return Stretch(average_bid, ask.high, bid.low, average_ask, -1)


class ImpliedVolatilitySeries:
    def __init__(self, line: Line) -> None:
        self._line = line

    def stretch(self, span: Span, start: float, end: float) -> Stretch:
        first, high, low, last = (round(exp(value), 6) for value in self._line.volatility.ohlc(start, end))
        return Stretch(first, high, low, last, -1)


class HistoricalVolatilitySeries:
    """Annual deviation of the last 30 daily returns; the running day counts with its price so far."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def stretch(self, span: Span, start: float, end: float) -> Stretch:
        value = round(historical_volatility(self._line, span.day, end), 6)
        return Stretch(value, value, value, value, -1)


class OptionSeries:
    """Half-hourly evaluation, or every bar's own where bars are shorter."""

    def __init__(self, contract: Contract, line: Line, desk: OptionDesk, what: str) -> None:
        self._contract, self._line, self._desk = contract, line, desk
        self._trades = what in _TRADE_KINDS
        self._shown = _option_roundings(contract)[what]

    def stretch(self, span: Span, start: float, end: float) -> Stretch:
        first = int(start) // _OPTION_GRAIN * _OPTION_GRAIN + _OPTION_GRAIN
        edges = [start, *range(first, ceil(end), _OPTION_GRAIN), end]
        values = [self._value(at) for at in edges]
        for left, right in pairwise(edges):
            _, high, low, _ = self._line.prices.ohlc(left, right)
            values[1:1] = [self._value(right, exp(high)), self._value(right, exp(low))]
        shown = [self._shown(value) for value in values]
        return Stretch(shown[0], max(shown), min(shown), shown[-1], self._volume(start, end) if self._trades else -1)

    def _value(self, at: float, spot: float | None = None) -> float:
        return self._desk.model_price(self._contract, self._line, at, spot)

    def _volume(self, start: float, end: float) -> int:
        average = self._desk.average_volume(self._contract, self._line)
        return int(average * self._line.volumes.between(start, end) / self._line.instrument.volume)


def line_series(line: Line, what: str) -> Series:
    """RequestError 162 where IB has no such data for the contract."""
    _check_kind(what)
    security_type = line.contract.sec_type
    if what in {"CASH": _TRADE_KINDS, "IND": _QUOTE_KINDS}.get(security_type, ()):
        raise no_data(line.contract, what)
    if what == "HISTORICAL_VOLATILITY":
        return HistoricalVolatilitySeries(line)
    if what == "OPTION_IMPLIED_VOLATILITY":
        if not line.has_volatility:
            raise no_data(line.contract, what)
        return ImpliedVolatilitySeries(line)
    if what == "BID_ASK":
        return BidAskSeries(LineSeries(line, "BID"), LineSeries(line, "ASK"), 6)
    return LineSeries(line, what)


def option_series(contract: Contract, line: Line, desk: OptionDesk, what: str) -> Series:
    _check_kind(what)
    if what in VOLATILITY_KINDS:
        raise no_data(contract, what)
    if what == "BID_ASK":
        bid, ask = (OptionSeries(contract, line, desk, side) for side in ("BID", "ASK"))
        return BidAskSeries(bid, ask, 4)
    return OptionSeries(contract, line, desk, what)


def historical_volatility(line: Line, day: date, end: float) -> float:
    """From the closes of the 30 trading days before a day and the price at the end."""
    closes = [line.prices.value(end)]
    for _ in range(_HISTORY_DAYS):
        day = line.venue.previous_trading_day(day)
        closes.append(line.prices.value(line.venue.regular_close(day)))
    returns = [a - b for a, b in pairwise(closes)]
    mean = sum(returns) / len(returns)
    return sqrt(sum((r - mean) ** 2 for r in returns) / (len(returns) - 1) * _TRADING_DAYS)


def no_data(contract: Contract, what: str) -> RequestError:
    name = f"{contract.symbol}@{contract.exchange} {what.replace('_', ' ').title()}"
    return RequestError(162, f"Historical Market Data Service error message:HMDS query returned no data: {name}")


def _check_kind(what: str) -> None:
    if what not in (*PRICE_KINDS, *VOLATILITY_KINDS):
        raise RequestError(321, f"Error validating request.-'bU' : cause - Historical data type '{what}' is invalid")


def _roundings(line: Line) -> dict[str, Callable[[float], float]]:
    instrument = line.instrument
    return {
        "TRADES": lambda price: round_price(instrument, price),
        "ADJUSTED_LAST": lambda price: round_price(instrument, price),
        "MIDPOINT": lambda price: mid_price(instrument, price),
        "BID": lambda price: bid_price(instrument, price),
        "ASK": lambda price: ask_price(instrument, price),
    }


def _option_roundings(contract: Contract) -> dict[str, Callable[[float], float]]:
    def bid(price: float) -> float:
        return bid_and_ask(contract, price)[0] or 0.0

    def ask(price: float) -> float:
        return bid_and_ask(contract, price)[1]

    return {
        "TRADES": lambda price: shown_price(contract, price),
        "ADJUSTED_LAST": lambda price: shown_price(contract, price),
        "MIDPOINT": lambda price: round((bid(price) + ask(price)) / 2, 4),
        "BID": bid,
        "ASK": ask,
    }
