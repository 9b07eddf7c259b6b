"""Generic ticks: the extra values a client asks for by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..protocol import ticks
from ..protocol.system import Message
from ..types import Bar, Contract, Quote, RequestError
from .prices import price_of

if TYPE_CHECKING:
    from ..market import Market

# Numbers that IB knows. Some of them have no data here, as they often have none there.
_KNOWN_TEXT = """
    100 101 104 105 106 125 162 165 186 214 220 221 225 232 233 236 256 258 291 292 293 294 295 318 370 371 375 377 381
    384 387 388 391 407 411 428 439 443 456 459 460 499 506 511 513 515 527 545 576 577 578 584 585 586 587 588 595 596
    597 598 606 608 619 623 625 645 658
"""
KNOWN = frozenset(map(int, _KNOWN_TEXT.split()))
WEEKS = ((13, 15, 16), (26, 17, 18), (52, 19, 20))
TRADING_DAYS_PER_WEEK = 5
EASY_TO_BORROW = 3
SHARES_PER_TRADE = 120
OPTIONS_PER_SHARE = 1 / 1500  # of each right, traded a day
DAYS_OF_OPEN_INTEREST = 12


def parse_generic_ticks(value: str) -> frozenset[int]:
    """RequestError 321 if a number is unknown. News sources (`mdoff,292:BRFG`) are accepted by their number."""
    wanted = set()
    for word in value.replace(" ", "").split(","):
        number = word.partition(":")[0]
        if number in ("", "mdoff"):
            continue
        if not number.isdigit() or int(number) not in KNOWN:
            cause = f"Incorrect generic tick list of {ascii(value)[1:60]}"
            raise RequestError(321, f"Error validating request.-'bN' : cause - {cause}")
        wanted.add(int(number))
    return frozenset(wanted)


class GenericTicks:
    def __init__(self, market: Market, contract: Contract, request_id: int, wanted: frozenset[int]) -> None:
        self._market = market
        self._contract = contract
        self._request_id = request_id
        self._wanted = wanted
        self._told_price: float | None = None
        self._moving: dict[int, Callable[[Quote], Iterator[Message]]] = {
            221: self._mark_price,
            232: self._mark_price,
            233: lambda quote: self._trade(quote, 48),
            375: lambda quote: self._trade(quote, 77),
            293: self._trade_count,
        }
        self._still: dict[int, Callable[[], Iterator[Message]]] = {
            100: self._option_volume,
            101: self._open_interest,
            104: self._historical_volatility,
            105: self._average_option_volume,
            106: self._implied_volatility,
            165: self._ranges,
            236: self._shortable,
            411: self._real_time_volatility,
            456: self._dividends,
        }

    def first(self) -> Iterator[Message]:
        for number in sorted(self._wanted & self._still.keys()):
            yield from self._still[number]()
        yield from self.step()

    def step(self) -> Iterator[Message]:
        wanted = self._wanted & self._moving.keys()
        if not wanted:
            return
        quote = self._market.quote(self._contract.con_id)
        for number in sorted(wanted):
            yield from self._moving[number](quote)

    # values that move

    def _mark_price(self, quote: Quote) -> Iterator[Message]:
        middle = price_of(quote, "MIDPOINT")
        price = quote.last if middle is None else middle
        if price is not None and price != self._told_price:
            self._told_price = price
            yield ticks.tick_price(self._request_id, 37, price)

    def _trade(self, quote: Quote, tick_type: int) -> Iterator[Message]:
        """price;size;milliseconds since 1970;volume;average price;whether by a single market maker"""
        if quote.last is None:
            return
        average = round((quote.high + quote.low + quote.last) / 3, 4)
        at = int(quote.at.timestamp() * 1000)
        value = f"{quote.last};{quote.last_size};{at};{quote.volume};{average};true"
        yield ticks.tick_string(self._request_id, tick_type, value)

    def _trade_count(self, quote: Quote) -> Iterator[Message]:
        yield ticks.tick_generic(self._request_id, 54, quote.volume // SHARES_PER_TRADE)

    # values of the day

    def _option_volume(self) -> Iterator[Message]:
        if self._contract.sec_type == "OPT":
            return self._by_right(29, 30, self._market.quote(self._contract.con_id).volume)
        return self._estimated(29, 30, OPTIONS_PER_SHARE)

    def _open_interest(self) -> Iterator[Message]:
        if self._contract.sec_type == "OPT":
            return self._by_right(27, 28, self._market.open_interest(self._contract.con_id))
        return self._estimated(27, 28, OPTIONS_PER_SHARE * DAYS_OF_OPEN_INTEREST)

    def _by_right(self, call_type: int, put_type: int, size: int) -> Iterator[Message]:
        yield ticks.tick_size(self._request_id, call_type if self._contract.right == "C" else put_type, size)

    def _estimated(self, call_type: int, put_type: int, per_share: float) -> Iterator[Message]:
        contracts = int(self._market.average_daily_volume(self._contract.con_id) * per_share)
        yield ticks.tick_size(self._request_id, call_type, contracts)
        yield ticks.tick_size(self._request_id, put_type, contracts * 9 // 10)

    def _historical_volatility(self) -> Iterator[Message]:
        yield from self._volatility(23, self._market.historical_volatility)

    def _real_time_volatility(self) -> Iterator[Message]:
        yield from self._volatility(58, self._market.historical_volatility)

    def _implied_volatility(self) -> Iterator[Message]:
        yield from self._volatility(24, self._market.implied_volatility_index)

    def _volatility(self, tick_type: int, measure: Callable[[int], float | None]) -> Iterator[Message]:
        value = None if self._contract.sec_type == "OPT" else measure(self._contract.con_id)
        if value is not None:
            yield ticks.tick_generic(self._request_id, tick_type, round(value, 6))

    def _average_option_volume(self) -> Iterator[Message]:
        volume = self._market.average_daily_volume(self._contract.con_id) * OPTIONS_PER_SHARE * 2
        yield ticks.tick_size(self._request_id, 87, int(volume))

    def _ranges(self) -> Iterator[Message]:
        bars = self._market.bars(self._contract, None, "1 Y", "1 day", "TRADES", True)
        for weeks, low_type, high_type in WEEKS:
            recent: list[Bar] = bars[-weeks * TRADING_DAYS_PER_WEEK :]
            if recent:
                yield ticks.tick_price(self._request_id, low_type, min(bar.low for bar in recent))
                yield ticks.tick_price(self._request_id, high_type, max(bar.high for bar in recent))
        yield ticks.tick_size(self._request_id, 21, self._market.average_daily_volume(self._contract.con_id))

    def _shortable(self) -> Iterator[Message]:
        yield ticks.tick_generic(self._request_id, 46, EASY_TO_BORROW)
        shares = self._market.average_daily_volume(self._contract.con_id) // 10
        yield ticks.tick_size(self._request_id, 89, shares)

    def _dividends(self) -> Iterator[Message]:
        yield ticks.tick_string(self._request_id, 59, ",,,")
