"""Which options are listed now, and their contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from math import exp

from ..types import Chain, Contract, Query
from .calendars import NEW_YORK, venues
from .catalogue import OPTION_RULE, PENNY_OPTION_RULE
from .lines import Line
from .lookup import matches_exchange, routed
from .option_numbers import OptionKey, expiry_of, from_con_id, is_monthly, is_on_grid, to_con_id, week_of

WEEKLIES, MONTHLIES = 6, 8
PENNY_CLASSES = frozenset({"SPY", "QQQ", "IWM"})
EXCHANGES = ("SMART", "AMEX", "CBOE", "CBOE2", "PHLX", "PSE", "ISE", "BOX", "BATS", "NASDAQOM", "EDGX", "MIAX", "PEARL")
CHAIN_EXCHANGES = ("SMART", "CBOE", "PHLX")
_ORDER_TYPES = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT", "REL", "MIDPRICE")
_STRIKE_TIERS = ((1, 24), (5, 10), (10, 6))  # multiples of the step and how many a side
_WEEK_SECONDS = 7 * 86400
_MONDAY = 4 * 86400  # 1970-01-05
_CACHED_CONTRACTS = 200_000
_LOCAL_SYMBOL = re.compile(r"[A-Z ]{6}[0-9]{6}[CP][0-9]{8}")


class OptionListing:
    def __init__(self, lines: dict[int, Line]) -> None:
        self._lines = {con_id: line for con_id, line in lines.items() if line.instrument.has_options}
        self._contracts: dict[int, Contract] = {}
        self._weeks: list[int] = []
        self._weeks_at = float("nan")

    def weeks(self, at: float) -> list[int]:
        """The next Fridays and the next third Fridays; today's until the close."""
        if at != self._weeks_at:
            self._weeks, self._weeks_at = _listed_weeks(at), at
        return self._weeks

    def strikes(self, line: Line, at: float) -> list[float]:
        """Around the price at which the week began: a chain does not move with every tick."""
        step = line.instrument.strike_step
        monday = (at - _MONDAY) // _WEEK_SECONDS * _WEEK_SECONDS + _MONDAY
        centre = exp(line.prices.path.value(monday) + line.prices.offset)
        strikes: set[float] = set()
        low = high = centre
        for multiple, count in _STRIKE_TIERS:
            width = multiple * step
            lower, upper = int(low // width), int(high // width)
            strikes |= {n * width for n in range(lower - count + 1, upper + count + 1)}
            low, high = (lower - count + 1) * width, (upper + count) * width
        return sorted(strike for strike in strikes if 0.3 * centre < strike < 2.2 * centre)

    def chains(self, under_con_id: int, at: float) -> list[Chain]:
        line = self._lines.get(under_con_id)
        if line is None:
            return []
        expirations = tuple(f"{expiry_of(week):%Y%m%d}" for week in self.weeks(at))
        strikes, symbol = tuple(self.strikes(line, at)), line.contract.symbol
        return [Chain(exchange, under_con_id, symbol, 100, expirations, strikes) for exchange in CHAIN_EXCHANGES]

    def by_con_id(self, con_id: int, at: float) -> Contract | None:
        """Listed or expired options, also with strikes the price has left behind."""
        found = self._contracts.get(con_id)
        if found is None and (key := from_con_id(con_id)) and self._may_exist(key, at):
            found = self._make(key)
        return found

    def find(self, query: Query, at: float) -> list[Contract]:
        if query.con_id:
            contract = self.by_con_id(query.con_id, at)
            return [routed(contract, query.exchange)] if contract and matches_exchange(contract, query.exchange) else []
        return [
            routed(self._make(key), query.exchange)
            for line in self._lines.values()
            if _matches_class(line, query)
            for key in self._keys(line, query, at)
        ]

    def _keys(self, line: Line, query: Query, at: float) -> Iterator[OptionKey]:
        local = query.local_symbol
        expiry, strike = ("20" + local[6:12], int(local[13:]) / 1000) if local else (query.expiry, query.strike)
        rights = (local[12] if local else query.right)[:1].upper()
        for week in self._weeks_asked(expiry, query.include_expired, at):
            for price in self._strikes_asked(line, strike, at):
                yield from (OptionKey(line.contract.con_id, week, price, r == "P") for r in rights or "CP")

    def _weeks_asked(self, expiry: str, include_expired: bool, at: float) -> list[int]:
        weeks = self.weeks(at)
        if include_expired:
            weeks = _past_week(expiry, weeks[0]) + weeks
        return [week for week in weeks if f"{expiry_of(week):%Y%m%d}".startswith(expiry)]

    def _strikes_asked(self, line: Line, strike: float, at: float) -> list[float]:
        if not strike:
            return self.strikes(line, at)
        near = 0.2 < strike / line.price(at) < 5
        return [strike] if near and is_on_grid(strike, line.instrument.strike_step) else []

    def _may_exist(self, key: OptionKey, at: float) -> bool:
        weeks = self.weeks(at)
        return key.week < weeks[0] or key.week in weeks

    def _make(self, key: OptionKey) -> Contract:
        con_id = to_con_id(key)
        found = self._contracts.get(con_id)
        if found is None:
            if len(self._contracts) > _CACHED_CONTRACTS:
                self._contracts.clear()
            found = self._contracts[con_id] = _make_contract(self._lines[key.under_con_id].contract, key, con_id)
        return found


def _listed_weeks(at: float) -> list[int]:
    first = week_of(datetime.fromtimestamp(at, NEW_YORK).date())
    while expiry_time(expiry_of(first)) <= at:
        first += 1
    monthly = [week for week in range(first, first + 5 * MONTHLIES + 5) if is_monthly(week)]
    return sorted({*range(first, first + WEEKLIES), *monthly[:MONTHLIES]})


def expiry_time(expiry: date) -> int:
    """When trading ends on the last day."""
    regular = venues()["US"].regular(expiry)
    if regular is None:
        raise ValueError(f"{expiry} is no trading day")
    return regular.end


def _past_week(expiry: str, first_listed: int) -> list[int]:
    try:
        week = week_of(datetime.strptime(expiry, "%Y%m%d").date())
    except ValueError:
        return []
    return [week] if 0 <= week < first_listed else []


def listed_from(contract: Contract) -> float:
    """When the option came to market: monthly ones nine months before expiry, weekly ones six weeks."""
    key = from_con_id(contract.con_id)
    if key is None:
        raise ValueError(f"{contract.local_symbol} is no option of this market")
    weeks = 39 if is_monthly(key.week) else WEEKLIES
    return datetime.combine(expiry_of(key.week) - timedelta(weeks=weeks), time(), NEW_YORK).timestamp()


def _matches_class(line: Line, query: Query) -> bool:
    symbol = line.contract.symbol
    local = query.local_symbol
    if local and not _LOCAL_SYMBOL.fullmatch(local):
        return False
    asked = {query.symbol or symbol, query.trading_class or symbol, local[:6].strip() or symbol}
    return (
        asked == {symbol}
        and bool(query.symbol or local or query.trading_class)
        and query.currency in {"", "USD"}
        and query.multiplier in {"", "100"}
        and query.exchange in {"", *EXCHANGES}
        and query.right.upper() in {"", "C", "P", "CALL", "PUT"}
    )


def _make_contract(under: Contract, key: OptionKey, con_id: int) -> Contract:
    expiry, right = expiry_of(key.week), "P" if key.is_put else "C"
    return Contract(
        con_id=con_id,
        symbol=under.symbol,
        sec_type="OPT",
        currency="USD",
        exchange="SMART",
        local_symbol=f"{under.symbol:<6}{expiry:%y%m%d}{right}{round(key.strike * 1000):08d}",
        trading_class=under.symbol,
        expiry=f"{expiry:%Y%m%d}",
        strike=key.strike,
        right="P" if key.is_put else "C",
        multiplier=100,
        long_name=under.long_name,
        industry=under.industry,
        category=under.category,
        subcategory=under.subcategory,
        valid_exchanges=EXCHANGES,
        order_types=_ORDER_TYPES,
        market_rule_id=PENNY_OPTION_RULE if under.symbol in PENNY_CLASSES else OPTION_RULE,
        under_con_id=under.con_id,
    )
