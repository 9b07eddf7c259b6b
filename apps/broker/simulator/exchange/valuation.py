"""What an account is worth now."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..types import Contract
from .account import ZERO, Account, Holding, amount

if TYPE_CHECKING:
    from ..market import Market

BASE_CURRENCY = "USD"


class Valuation:
    """Prices holdings by the market: options by the middle of bid and ask, everything else by the last trade."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def mark(self, contract: Contract) -> float:
        quote = self._market.quote(contract.con_id)
        middle = (quote.bid + quote.ask) / 2 if quote.bid is not None and quote.ask is not None else None
        first, second = (middle, quote.last) if contract.sec_type in ("OPT", "CASH") else (quote.last, middle)
        if first is not None:
            return first
        return quote.close if second is None else second

    def underlying(self, option: Contract) -> float:
        contract = self._market.by_con_id(option.under_con_id)
        return self.mark(contract) if contract else option.strike

    def rate(self, currency: str, target: str = BASE_CURRENCY) -> Decimal:
        if currency == target:
            return Decimal(1)
        return Decimal(str(self._market.exchange_rate(currency, target)))

    def value(self, holding: Holding) -> Decimal:
        """In the contract's currency."""
        if not holding.quantity:
            return ZERO
        return amount(holding.contract, holding.quantity, Decimal(str(self.mark(holding.contract))))

    def base_value(self, holding: Holding) -> Decimal:
        return self.value(holding) * self.rate(holding.contract.currency)

    def cash(self, account: Account) -> Decimal:
        return sum((cash * self.rate(currency) for currency, cash in account.cash.items()), ZERO)

    def holdings(self, account: Account, *sec_types: str) -> Decimal:
        return sum((self.base_value(held) for held in account.holdings.values() if _is(held, sec_types)), ZERO)

    def gross(self, account: Account) -> Decimal:
        return sum((abs(self.base_value(held)) for held in account.holdings.values()), ZERO)

    def net_liquidation(self, account: Account) -> Decimal:
        return self.cash(account) + self.holdings(account)

    def unrealized(self, holding: Holding) -> Decimal:
        """In the contract's currency."""
        return self.value(holding) - holding.cost if holding.quantity else ZERO

    def daily(self, holding: Holding) -> Decimal:
        """Today's P&L in the contract's currency: held overnight against the close, traded today against the fill."""
        return self.value(holding) - holding.value_at_day_start - holding.spent_today

    def start_day(self, account: Account) -> None:
        """Forgets closed lines and today's P&L."""
        account.holdings = {con_id: held for con_id, held in account.holdings.items() if held.quantity}
        for holding in account.holdings.values():
            holding.value_at_day_start = self.value(holding)
            holding.realized_today = holding.spent_today = ZERO


def _is(holding: Holding, sec_types: tuple[str, ...]) -> bool:
    return not sec_types or holding.contract.sec_type in sec_types
