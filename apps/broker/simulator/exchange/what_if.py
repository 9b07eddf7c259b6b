"""What an order would do to an account's margin and cash."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .account import Account, amount
from .commissions import order_commission
from .margin import margins
from .orders import Order, WhatIf
from .pricing import leg_prices
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market


def preview(order: Order, account: Account, market: Market, valuation: Valuation) -> WhatIf:
    """Margins before and after the rest of the order was filled at the market.

    Not at its limit: a trade far from the market would count as profit at once.
    """
    trial = account.copy()
    commission = _trade_all(order, trial, market, valuation)
    return WhatIf(margins(account, valuation), margins(trial, valuation), commission, order.contract.currency)


def is_affordable(order: Order, effect: WhatIf, account: Account) -> bool:
    """Equity with loan value must cover the initial margin afterwards; orders that only reduce always pass."""
    return effect.after.equity_with_loan >= effect.after.initial or _only_reduces(order, account)


def rejection(effect: WhatIf) -> str:
    return (
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH "
        f"LOAN VALUE [{effect.after.equity_with_loan} USD] MUST EXCEED THE INITIAL MARGIN "
        f"[{effect.after.initial} USD]"
    )


def _trade_all(order: Order, trial: Account, market: Market, valuation: Valuation) -> Decimal:
    total = Decimal(0)
    prices = leg_prices(market, order) or [valuation.mark(leg.contract) for leg in order.legs]
    for leg, price in zip(order.legs, prices, strict=True):
        shares = order.remaining * abs(leg.ratio)
        exact = Decimal(str(price))
        commission = order_commission(leg.contract, shares, abs(amount(leg.contract, shares, exact)))
        buys = (leg.ratio > 0) == order.is_buy
        trial.trade(leg.contract, shares if buys else -shares, exact, commission)
        total += commission
    return total


def _only_reduces(order: Order, account: Account) -> bool:
    for leg in order.legs:
        held = account.quantity(leg.contract.con_id)
        trade = order.remaining * leg.ratio * (1 if order.is_buy else -1)
        if held * trade >= 0 or abs(trade) > abs(held):
            return False
    return True
