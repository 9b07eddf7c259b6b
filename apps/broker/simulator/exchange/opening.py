"""The portfolio an account starts with."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ..types import Contract, Query
from .account import ZERO, Account, Holding, amount
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market

NET_LIQUIDATION = Decimal(1_000_000)
CASH = {"GBP": Decimal("12000.00"), "EUR": Decimal("8000.00")}
# Symbol and value in USD: five ETFs, three of them listed in London, and two stocks.
HOLDINGS = (
    ("SXLK", 70_000),
    ("SXLV", 60_000),
    ("SXLF", 50_000),
    ("SPY", 110_000),
    ("XLE", 60_000),
    ("AAPL", 60_000),
    ("MSFT", 70_000),
)
SHORT_PUTS = (("SPY", 2), ("AAPL", 3), ("IWM", 4))
MONEYNESS = {"SPY": 0.95, "AAPL": 0.93, "IWM": 0.935}
EARLIEST_DAYS, PREFERRED_DAYS, LATEST_DAYS = 25, 37, 55
CENT = Decimal("0.01")


def opening_account(code: str, market: Market, valuation: Valuation, number: int, seed: int) -> Account:
    """The first account is worth about 1,000,000 USD, the second half of it, the third a third, and so on."""
    account = Account(code)
    dice = random.Random(f"{seed}:{code}")
    for symbol, value in HOLDINGS:
        contract = _stock(market, symbol)
        units = max(1, round(value / number / valuation.mark(contract)))
        _hold(account, contract, Decimal(units), dice.uniform(0.88, 1.05), market, valuation)
    for symbol, contracts in SHORT_PUTS:
        put = _short_put(market, valuation, symbol)
        _hold(account, put, Decimal(-max(1, contracts // number)), dice.uniform(1.1, 1.5), market, valuation)
    account.cash = {currency: (cash / number).quantize(CENT) for currency, cash in CASH.items()}
    account.cash["USD"] = (NET_LIQUIDATION / number - valuation.net_liquidation(account)).quantize(CENT)
    return account


def _hold(
    account: Account, contract: Contract, quantity: Decimal, paid: float, market: Market, valuation: Valuation
) -> None:
    """`paid` is the price paid as a share of the price now."""
    price = Decimal(str(round(valuation.mark(contract) * paid, 4)))
    close = Decimal(str(market.quote(contract.con_id).close))
    account.holdings[contract.con_id] = Holding(
        contract,
        quantity,
        cost=amount(contract, quantity, price),
        realized_today=ZERO,
        value_at_day_start=amount(contract, quantity, close),
    )


def _stock(market: Market, symbol: str) -> Contract:
    return market.find(Query(symbol=symbol, sec_type="STK", currency="USD"))[0]


def _short_put(market: Market, valuation: Valuation, symbol: str) -> Contract:
    underlying = _stock(market, symbol)
    chain = next(each for each in market.chains(underlying.con_id) if each.trading_class == symbol)
    wanted = valuation.mark(underlying) * MONEYNESS[symbol]
    query = Query(
        symbol=symbol,
        sec_type="OPT",
        expiry=_monthly_expiry(chain.expirations, market.now()),
        strike=min(chain.strikes, key=lambda strike: abs(strike - wanted)),
        right="P",
        exchange="SMART",
        currency="USD",
        trading_class=symbol,
    )
    return market.find(query)[0]


def _monthly_expiry(expirations: tuple[str, ...], now: datetime) -> str:
    """The third Friday (or the Thursday before a holiday) about five weeks away, else the nearest expiry to that."""

    def days(expiry: str) -> int:
        return (datetime.strptime(expiry, "%Y%m%d").date() - now.date()).days

    monthly = [each for each in expirations if _is_monthly(each) and EARLIEST_DAYS <= days(each) <= LATEST_DAYS]
    return min(monthly or expirations, key=lambda expiry: abs(days(expiry) - PREFERRED_DAYS))


def _is_monthly(expiry: str) -> bool:
    day = datetime.strptime(expiry, "%Y%m%d")
    return (day.weekday() == 4 and 15 <= day.day <= 21) or (day.weekday() == 3 and 14 <= day.day <= 20)
