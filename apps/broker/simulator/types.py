"""The words the simulator's parts share. Prices are in the contract's currency unit as IB quotes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

SecType = Literal["STK", "OPT", "IND", "CASH", "BAG"]
Right = Literal["", "C", "P"]


@dataclass(frozen=True, slots=True)
class Contract:
    """One tradable line. `con_id` is unique and stable for a given seed."""

    con_id: int
    symbol: str
    sec_type: SecType
    currency: str
    exchange: str  # as in requests: SMART, LSEETF, CBOE, IDEALPRO
    primary_exchange: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    expiry: str = ""  # yyyymmdd, options only
    strike: float = 0.0
    right: Right = ""
    multiplier: int = 1  # 100 for US equity options
    min_tick: float = 0.01
    long_name: str = ""
    stock_type: str = ""  # COMMON, ETF
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    valid_exchanges: tuple[str, ...] = ("SMART",)
    order_types: tuple[str, ...] = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "MOC", "LOC", "MIDPRICE")
    market_rule_id: int = 26
    price_magnifier: int = 1  # 100 where quoted in pence (GBX)
    under_con_id: int = 0
    time_zone: str = "US/Eastern"
    isin: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A contract as a client describes it: every field may be empty. `con_id` alone is enough."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""  # yyyymmdd or yyyymm
    strike: float = 0.0
    right: str = ""  # C, P, CALL, PUT
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    include_expired: bool = False
    sec_id_type: str = ""  # ISIN
    sec_id: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """The state of one line now. None means that IB would send nothing (an index has no bid or ask)."""

    con_id: int
    bid: float | None
    ask: float | None
    last: float | None
    bid_size: int
    ask_size: int
    last_size: int
    open: float
    high: float
    low: float
    close: float  # previous session's close
    volume: int
    at: datetime  # aware UTC
    halted: bool = False


@dataclass(frozen=True, slots=True)
class OptionComputation:
    """Black-Scholes values; vega per 1 percentage point, theta per calendar day, as IB reports them."""

    implied_volatility: float
    delta: float
    price: float
    dividend_present_value: float
    gamma: float
    vega: float
    theta: float
    underlying_price: float


@dataclass(frozen=True, slots=True)
class Bar:
    """`start` is the bar's opening time, aware UTC; daily bars carry midnight UTC of the session date."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    average: float
    count: int


@dataclass(frozen=True, slots=True)
class HistoricalTick:
    """One past moment: `price` and `size` of a trade or midpoint, bid and ask where they were asked for."""

    at: datetime
    price: float
    size: int
    bid: float = 0.0
    ask: float = 0.0
    bid_size: int = 0
    ask_size: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """One option class of an underlying at one exchange."""

    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: int
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """Regular trading hours of one day, aware UTC."""

    opens_at: datetime
    closes_at: datetime
    date: str  # yyyymmdd, exchange time


class RequestError(Exception):
    """A request the gateway answers with an error message.

    code: IB error code (200 no security definition, 162 historical data, 321 validation, ...)
    text: the message as IB words it, ASCII.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class MarketSettings:
    seed: int = 7
    start: datetime | None = None  # simulated "now"; None follows the machine's clock
    tick_interval: float = 0.25  # seconds between market steps; 0 moves only on `tick N`
    exchange_hours: bool = False  # False: open at all hours
    extra: dict[str, str] = field(default_factory=dict)
