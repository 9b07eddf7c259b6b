"""Options that reached their expiry: worthless ones vanish, those in the money become shares or cash."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..types import Contract
from .account import ZERO, Account
from .listener import Listener
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market


def settle_expired(account: Account, market: Market, valuation: Valuation, listener: Listener, today: str) -> None:
    """Settles options whose expiry lies before `today` (yyyymmdd).

    Assumed of the real gateway: assignment at the price of the next day's start, without commission and without an
    execution; the option leaves at 0 and the shares come at the strike. Index options are settled in cash.
    """
    for holding in list(account.holdings.values()):
        option = holding.contract
        if option.sec_type == "OPT" and option.expiry < today and holding.quantity:
            _settle(account, option, holding.quantity, market, valuation)
            listener.position_changed(account.code, option.con_id)
            listener.position_changed(account.code, option.under_con_id)


def _settle(account: Account, option: Contract, quantity: Decimal, market: Market, valuation: Valuation) -> None:
    points = valuation.underlying(option) - option.strike
    intrinsic = max(0.0, points if option.right == "C" else -points)
    underlying = market.by_con_id(option.under_con_id)
    if intrinsic and underlying and underlying.sec_type == "STK":
        account.trade(option, -quantity, ZERO, ZERO)
        shares = quantity * option.multiplier * (1 if option.right == "C" else -1)
        account.trade(underlying, shares, Decimal(str(option.strike)), ZERO)
    else:
        account.trade(option, -quantity, Decimal(str(round(intrinsic, 4))), ZERO)
