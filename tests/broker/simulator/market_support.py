"""A market on a fixed morning, moved by hand, and short names for what the tests ask of it."""

from __future__ import annotations

from datetime import UTC, datetime

from apps.broker.simulator.market import Market
from apps.broker.simulator.types import Bar, Contract, MarketSettings, Query

FRIDAY_MORNING = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 10:00 in New York, 15:00 in London
SATURDAY = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def new_market(start: datetime = FRIDAY_MORNING, *, seed: int = 7, exchange_hours: bool = False) -> Market:
    return Market(MarketSettings(seed=seed, start=start, tick_interval=0, exchange_hours=exchange_hours))


def stock(market: Market, symbol: str, currency: str = "USD") -> Contract:
    return market.find(Query(symbol=symbol, sec_type="STK", currency=currency))[0]


def index(market: Market, symbol: str) -> Contract:
    return market.find(Query(symbol=symbol, sec_type="IND"))[0]


def euro(market: Market) -> Contract:
    return market.find(Query(symbol="EUR", sec_type="CASH", currency="USD"))[0]


def option(market: Market, symbol: str, expiry: str, strike: float, right: str) -> Contract:
    return market.find(Query(symbol=symbol, sec_type="OPT", expiry=expiry, strike=strike, right=right))[0]


def bars(
    market: Market,
    contract: Contract,
    duration: str,
    size: str,
    what: str = "TRADES",
    *,
    end: datetime | None = None,
    use_rth: bool = True,
) -> list[Bar]:
    return market.bars(contract, end, duration, size, what, use_rth)
