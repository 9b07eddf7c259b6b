"""What a portfolio is worth: pure arithmetic on what the broker stated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

AVERAGE_COST = "avg_cost"
# Equity this far above cash must be positions: an answer without any is incomplete.
EQUITY_TO_CASH_LIMIT = Decimal("1.1")


@dataclass(frozen=True, slots=True)
class Contract:
    """`multiplier` shares a contract; `price_magnifier` 100 where prices are quoted in pence.

    Both None where the broker has not described the contract (a delisted one): then no quote of it can be read.
    """

    con_id: int
    symbol: str
    currency: str
    multiplier: Decimal | None
    price_magnifier: int | None
    local_symbol: str = ""

    @property
    def name(self) -> str:
        """Tells an option from its underlying, which share the symbol."""
        return self.local_symbol or self.symbol


@dataclass(frozen=True, slots=True)
class Holding:
    """`avg_cost` as the broker states it: per contract, in the currency (not in pence), multiplier included."""

    contract: Contract
    quantity: Decimal
    avg_cost: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """As quoted: in pence where the exchange quotes pence."""

    value: Decimal
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Quoted:
    """`note`: what a person can do about a missing or delayed price."""

    price: Price | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ValuedPosition:
    """Money in the contract's currency; `base_value` in the account's, None without a known exchange rate."""

    holding: Holding
    price: Price
    market_value: Decimal
    unrealized_pnl: Decimal
    exchange_rate: Decimal | None
    base_value: Decimal | None
    note: str = ""

    @property
    def symbol(self) -> str:
        return self.holding.contract.symbol

    @property
    def name(self) -> str:
        return self.holding.contract.name


@dataclass(frozen=True, slots=True)
class Balance:
    """`rates`: what one unit of a currency is worth in the account's base currency."""

    equity: Decimal
    cash: Decimal
    currency: str
    rates: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Valuation:
    account: str
    at: datetime
    balance: Balance
    positions: Sequence[ValuedPosition]

    @property
    def unpriced(self) -> list[ValuedPosition]:
        return [position for position in self.positions if position.price.source == AVERAGE_COST]

    @property
    def sources(self) -> dict[str, int]:
        """How many positions have their price from where."""
        names = sorted(position.price.source for position in self.positions)
        return {name: names.count(name) for name in dict.fromkeys(names)}


def value_portfolio(
    account: str, at: datetime, balance: Balance, holdings: Iterable[Holding], quotes: Mapping[int, Quoted]
) -> Valuation:
    """Value every holding; those without a usable price at their average cost. `quotes` by contract id."""
    held = [holding for holding in holdings if holding.quantity]
    nothing = Quoted(None)
    positions = [value_position(holding, quotes.get(holding.contract.con_id, nothing), balance, at) for holding in held]
    return Valuation(account, at, balance, sorted(positions, key=lambda position: (position.symbol, position.name)))


def value_position(holding: Holding, quoted: Quoted, balance: Balance, at: datetime) -> ValuedPosition:
    value = None if quoted.price is None else market_value(holding, quoted.price.value)
    if value is None or quoted.price is None:
        price, value = average_cost_price(holding, at), holding.quantity * holding.avg_cost
    else:
        price = quoted.price
    currency = holding.contract.currency
    rate = Decimal(1) if currency == balance.currency else balance.rates.get(currency)
    return ValuedPosition(
        holding=holding,
        price=price,
        market_value=value,
        unrealized_pnl=value - holding.quantity * holding.avg_cost,
        exchange_rate=rate,
        base_value=None if rate is None else value * rate,
        note=quoted.note,
    )


def market_value(holding: Holding, price: Decimal) -> Decimal | None:
    """quantity x price x multiplier / magnifier, in the contract's currency; None for an undescribed contract."""
    contract = holding.contract
    if contract.multiplier is None or contract.price_magnifier is None:
        return None
    return holding.quantity * price * contract.multiplier / contract.price_magnifier


def average_cost_price(holding: Holding, at: datetime) -> Price:
    """The price, in the units of a quote where they are known, at which the holding is worth what it cost."""
    contract = holding.contract
    multiplier, magnifier = contract.multiplier or Decimal(1), contract.price_magnifier or 1
    return Price(holding.avg_cost * magnifier / multiplier, AVERAGE_COST, at)


def find_contradiction(equity: Decimal, cash: Decimal, positions: int) -> str | None:
    """Why the broker's answer cannot be whole, or None."""
    if equity > 0 and positions == 0 and equity > EQUITY_TO_CASH_LIMIT * cash:
        return (
            f"The broker reports no positions, but equity {equity:,.2f} is more than "
            f"{EQUITY_TO_CASH_LIMIT} x cash {cash:,.2f}: its list is incomplete. Nothing was stored; take it again."
        )
    return None
