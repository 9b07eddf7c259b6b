"""The books of one account: cash by currency and holdings. Exact, in Decimal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from ..types import Contract

ZERO = Decimal(0)


def amount(contract: Contract, quantity: Decimal, price: Decimal) -> Decimal:
    """What `quantity` costs in the contract's currency (a GBX quote is in pence)."""
    return quantity * price * contract.multiplier / contract.price_magnifier


@dataclass(slots=True)
class Holding:
    """One line of an account. It stays until the day ends after it was closed, for today's P&L.

    `cost` is signed and includes commissions: what came in for a short position is negative.
    """

    contract: Contract
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized_today: Decimal = ZERO
    spent_today: Decimal = ZERO  # net cash paid for trades and commissions
    value_at_day_start: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        return self.cost / self.quantity if self.quantity else ZERO


@dataclass(slots=True)
class Account:
    code: str
    cash: dict[str, Decimal] = field(default_factory=dict)
    holdings: dict[int, Holding] = field(default_factory=dict)

    def quantity(self, con_id: int) -> Decimal:
        holding = self.holdings.get(con_id)
        return holding.quantity if holding else ZERO

    def pay(self, currency: str, value: Decimal) -> None:
        self.cash[currency] = self.cash.get(currency, ZERO) - value

    def trade(self, contract: Contract, quantity: Decimal, price: Decimal, commission: Decimal) -> Decimal | None:
        """Books a trade (`quantity` negative for a sale). The realized P&L, or None if it only opened.

        The realized P&L is after the commissions of both sides, as IB reports it.
        """
        self.pay(contract.currency, amount(contract, quantity, price) + commission)
        if contract.sec_type == "CASH":
            self.pay(contract.symbol, -quantity)
            return None
        holding = self.holdings.setdefault(contract.con_id, Holding(contract))
        return _book(holding, quantity, price, commission)

    def correct_price(self, contract: Contract, quantity: Decimal, old: Decimal, new: Decimal, closed: bool) -> None:
        """A fill's price was wrong: moves cash, and cost or (for a closing fill) realized P&L."""
        difference = amount(contract, quantity, new - old)
        self.pay(contract.currency, difference)
        holding = self.holdings.setdefault(contract.con_id, Holding(contract))
        holding.spent_today += difference
        if closed or not holding.quantity:
            holding.realized_today -= difference
        else:
            holding.cost += difference

    def copy(self) -> Account:
        """An independent copy, to try out a trade."""
        return Account(self.code, dict(self.cash), {key: replace(held) for key, held in self.holdings.items()})


def _book(holding: Holding, quantity: Decimal, price: Decimal, commission: Decimal) -> Decimal | None:
    closing = _closing_part(holding.quantity, quantity)
    opening = quantity - closing
    closing_commission = commission * closing / quantity
    holding.spent_today += amount(holding.contract, quantity, price) + commission
    realized = None
    if closing:
        cost_removed = holding.cost * -closing / holding.quantity
        realized = -amount(holding.contract, closing, price) - closing_commission - cost_removed
        holding.cost -= cost_removed
        holding.realized_today += realized
    holding.quantity += quantity
    if opening:
        holding.cost += amount(holding.contract, opening, price) + commission - closing_commission
    return realized


def _closing_part(held: Decimal, quantity: Decimal) -> Decimal:
    """How much of a trade reduces what is held, with the trade's sign."""
    if held * quantity >= 0:
        return ZERO
    return quantity if abs(quantity) <= abs(held) else -held
