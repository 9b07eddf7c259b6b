"""Positions, portfolio, P&L and account values as the gateway reports them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ..types import RequestError
from .account import ZERO, Account, Holding
from .account_values import account_values, summary
from .records import AccountValue, Pnl, PnlSingle, PortfolioItem, Position
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market


class Statements:
    def __init__(self, market: Market, accounts: dict[str, Account], valuation: Valuation) -> None:
        self._market = market
        self._accounts = accounts
        self._valuation = valuation

    def positions(self, account: str) -> list[Position]:
        return [_position(account, held) for held in self.books(account).holdings.values() if held.quantity]

    def position(self, account: str, con_id: int) -> Position | None:
        holding = self.books(account).holdings.get(con_id)
        return _position(account, holding) if holding else None

    def portfolio(self, account: str) -> list[PortfolioItem]:
        return [self._item(account, holding) for holding in self.books(account).holdings.values()]

    def account_values(self, account: str) -> list[AccountValue]:
        return account_values(self.books(account), self._valuation)

    def summary(self, account: str, tags: Sequence[str]) -> list[AccountValue]:
        return summary(self.books(account), self._valuation, tags)

    def pnl(self, account: str) -> Pnl:
        singles = [self._single(holding) for holding in self.books(account).holdings.values()]
        return Pnl(
            daily=round(sum(single.daily for single in singles), 2),
            unrealized=round(sum(single.unrealized for single in singles), 2),
            realized=round(sum(single.realized for single in singles), 2),
        )

    def pnl_single(self, account: str, con_id: int) -> PnlSingle:
        """Zeros for a line the account does not hold."""
        holding = self.books(account).holdings.get(con_id)
        return self._single(holding) if holding else PnlSingle(ZERO, 0.0, 0.0, 0.0, 0.0)

    def books(self, code: str) -> Account:
        """The exact books behind the statements; RequestError for an unknown account."""
        if code not in self._accounts:
            raise RequestError(321, f"Error validating request. Invalid account code {ascii(code[:20])}")
        return self._accounts[code]

    def _item(self, account: str, holding: Holding) -> PortfolioItem:
        return PortfolioItem(
            account=account,
            contract=holding.contract,
            quantity=holding.quantity,
            market_price=round(self._valuation.mark(holding.contract), 6),
            market_value=_rounded(self._valuation.value(holding)),
            average_cost=float(round(holding.average_cost, 6)),
            unrealized_pnl=_rounded(self._valuation.unrealized(holding)),
            realized_pnl=_rounded(holding.realized_today),
        )

    def _single(self, holding: Holding) -> PnlSingle:
        rate = self._valuation.rate(holding.contract.currency)
        return PnlSingle(
            quantity=holding.quantity,
            daily=_rounded(self._valuation.daily(holding) * rate),
            unrealized=_rounded(self._valuation.unrealized(holding) * rate),
            realized=_rounded(holding.realized_today * rate),
            value=_rounded(self._valuation.value(holding) * rate),
        )


def _position(account: str, holding: Holding) -> Position:
    # Assumed of the real gateway: a position's contract names no exchange and cannot be ordered as it is.
    contract = replace(holding.contract, exchange="")
    return Position(account, contract, holding.quantity, float(round(holding.average_cost, 6)))


def _rounded(value: Decimal) -> float:
    return float(round(value, 2))
