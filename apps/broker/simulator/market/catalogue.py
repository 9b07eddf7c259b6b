"""Every line except options: its contract and the recipe of its price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt

from ..types import Contract
from .listings import SECTOR_FUNDS, SECTOR_VOLATILITY, US_LINES, SectorFund, UsLine

US_RULE, OPTION_RULE, PENNY_OPTION_RULE, CURRENCY_RULE, LSE_DOLLAR_RULE, LSE_PENCE_RULE = 26, 110, 32, 239, 557, 1698
MARKET_RULES: dict[int, tuple[tuple[float, float], ...]] = {
    US_RULE: ((0.0, 0.01),),
    OPTION_RULE: ((0.0, 0.01), (3.0, 0.05)),
    PENNY_OPTION_RULE: ((0.0, 0.01),),
    CURRENCY_RULE: ((0.0, 0.00005),),
    LSE_DOLLAR_RULE: ((0.0, 0.01),),
    LSE_PENCE_RULE: ((0.0, 0.5),),
}
STERLING = "GBP.USD"
MARKET_DEVIATION = 0.0088
_STOCK_ORDERS = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT", "MOC", "LOC", "MIDPRICE", "REL")
_CURRENCY_ORDERS = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A contract with what drives its price. Volatilities are annual, `volume` is shares on an average day."""

    contract: Contract
    venue: str
    noise_name: str  # lines of the same fund share it
    log_level: float
    annual_drift: float = 0.0
    market_weight: float = 0.0
    fear_weight: float = 0.0
    factors: tuple[tuple[str, float, float], ...] = ()  # name, annual volatility, weight
    follows: tuple[tuple[str, float], ...] = ()  # other lines whose manual price changes carry over
    volume: int = 0
    spread: float = 0.0001  # fraction of the price
    dividend_yield: float = 0.0
    strike_step: float = 0.0

    @property
    def daily_deviation(self) -> float:
        own = sum((volatility * weight / 16.3) ** 2 for _, volatility, weight in self.factors)
        return sqrt((MARKET_DEVIATION * self.market_weight) ** 2 + (0.069 * self.fear_weight) ** 2 + own)

    @property
    def market_correlation(self) -> float:
        common = MARKET_DEVIATION * self.market_weight - 0.062 * self.fear_weight
        return max(-1.0, min(1.0, common / self.daily_deviation))

    @property
    def annual_volatility(self) -> float:
        return 16.3 * self.daily_deviation

    @property
    def has_options(self) -> bool:
        return self.strike_step > 0

    @property
    def is_traded(self) -> bool:
        return self.contract.sec_type != "IND"


def all_instruments() -> list[Instrument]:
    return [*map(_us_instrument, US_LINES), *_sector_funds(), *_indices(), *_currencies()]


def _us_instrument(line: UsLine) -> Instrument:
    is_fund = not line.industry
    contract = Contract(
        con_id=line.con_id,
        symbol=line.symbol,
        sec_type="STK",
        currency="USD",
        exchange="SMART",
        primary_exchange=line.primary_exchange,
        local_symbol=line.symbol,
        trading_class="NMS" if line.primary_exchange == "NASDAQ" else line.symbol,
        long_name=line.name,
        stock_type="ETF" if is_fund else "COMMON",
        industry=line.industry,
        category=line.category,
        subcategory=line.subcategory,
        valid_exchanges=("SMART", "AMEX", "NYSE", "CBOE", "ARCA", "BATS", "IEX", "NASDAQ", "MEMX", "IBKRATS"),
        order_types=_STOCK_ORDERS,
        market_rule_id=US_RULE,
        isin=line.isin,
    )
    sector = [(f"sector:{line.sector}", SECTOR_VOLATILITY[line.sector], line.sector_weight)] if line.sector else []
    own = [(f"own:{line.symbol}", line.volatility, 1.0)] if line.volatility else []
    return Instrument(
        contract,
        venue="US",
        noise_name=line.symbol,
        log_level=log(line.price),
        annual_drift=0.07 * line.beta - line.dividend_yield,
        market_weight=line.beta,
        factors=(*sector, *own),
        volume=line.volume * 1000,
        spread=0.00002 if line.volume > 30_000 else 0.0001,
        dividend_yield=line.dividend_yield,
        strike_step=line.strike_step,
    )


def _sector_funds() -> Iterator[Instrument]:
    for fund in SECTOR_FUNDS:
        yield _dollar_line(fund)
        yield _pence_line(fund)


def _fund_contract(fund: SectorFund, *, pence: bool) -> Contract:
    return Contract(
        con_id=fund.sterling_con_id if pence else fund.dollar_con_id,
        symbol=fund.symbol,
        sec_type="STK",
        currency="GBP" if pence else "USD",
        exchange="LSEETF",
        primary_exchange="LSEETF",
        local_symbol=fund.sterling_symbol if pence else fund.symbol,
        trading_class="EUF1" if pence else "EUE1",
        min_tick=0.5 if pence else 0.01,
        long_name=fund.name,
        stock_type="ETF",
        valid_exchanges=("SMART", "LSEETF", "BATSUK", "TRQXUK", "IBEOS"),
        order_types=_STOCK_ORDERS,
        market_rule_id=LSE_PENCE_RULE if pence else LSE_DOLLAR_RULE,
        price_magnifier=100 if pence else 1,
        time_zone="GB",
        isin=fund.isin,
    )


def _dollar_line(fund: SectorFund) -> Instrument:
    own = (f"own:{fund.symbol}", fund.volatility, 1.0)
    return Instrument(
        _fund_contract(fund, pence=False),
        venue="LSE",
        noise_name=fund.symbol,
        log_level=log(fund.price),
        annual_drift=0.07 * fund.beta,
        market_weight=fund.beta,
        factors=((f"sector:{fund.sector}", SECTOR_VOLATILITY[fund.sector], fund.sector_weight), own),
        volume=fund.volume * 1000,
        spread=0.0008,
    )


def _pence_line(fund: SectorFund) -> Instrument:
    dollar = _dollar_line(fund)
    return Instrument(
        _fund_contract(fund, pence=True),
        venue="LSE",
        noise_name=fund.symbol,
        log_level=dollar.log_level + log(100 / _CURRENCIES["GBP"][1]),
        annual_drift=dollar.annual_drift,
        market_weight=dollar.market_weight,
        factors=(*dollar.factors, *((name, size, -weight) for name, size, weight in _currency_factors("GBP"))),
        follows=((STERLING, -1.0),),
        volume=fund.volume * 600,
        spread=0.001,
    )


def _indices() -> Iterator[Instrument]:
    yield Instrument(_index(416904, "SPX", "S&P 500 Stock Index"), "INDEX", "SPY", log(6835.0), 0.059, 1.0)
    yield Instrument(_index(13455763, "VIX", "CBOE Volatility Index"), "INDEX", "VIX", log(17.2), fear_weight=1.0)
    yield Instrument(
        _index(81204273, "VIX3M", "CBOE S&P 500 3-Month Volatility Index"),
        "INDEX",
        "VIX3M",
        log(19.4),
        fear_weight=0.62,
        factors=(("own:VIX3M", 0.1, 1.0),),
        follows=(("VIX", 0.62),),
    )


def _index(con_id: int, symbol: str, name: str) -> Contract:
    return Contract(
        con_id=con_id,
        symbol=symbol,
        sec_type="IND",
        currency="USD",
        exchange="CBOE",
        local_symbol=symbol,
        trading_class=symbol,
        long_name=name,
        industry="Indices",
        category="Broad Range Equity Index",
        subcategory="*",
        valid_exchanges=("CBOE",),
        order_types=(),
        market_rule_id=US_RULE,
    )


_DOLLAR_VOLATILITY = 0.06
_CURRENCIES = {
    "EUR": (12087792, 1.174, 0.035, "European Monetary Union Euro"),
    "GBP": (12087797, 1.347, 0.045, "British pound"),
}


def _currency_factors(symbol: str) -> tuple[tuple[str, float, float], ...]:
    """Most of a pair's movement is the dollar's."""
    return (("dollar", _DOLLAR_VOLATILITY, 1.0), (f"own:{symbol}.USD", _CURRENCIES[symbol][2], 1.0))


def _currencies() -> Iterator[Instrument]:
    for symbol, (con_id, level, _, name) in _CURRENCIES.items():
        contract = Contract(
            con_id=con_id,
            symbol=symbol,
            sec_type="CASH",
            currency="USD",
            exchange="IDEALPRO",
            local_symbol=f"{symbol}.USD",
            trading_class=f"{symbol}.USD",
            min_tick=0.00005,
            long_name=name,
            valid_exchanges=("IDEALPRO",),
            order_types=_CURRENCY_ORDERS,
            market_rule_id=CURRENCY_RULE,
        )
        yield Instrument(contract, "FX", f"{symbol}.USD", log(level), factors=_currency_factors(symbol), spread=0.00003)
