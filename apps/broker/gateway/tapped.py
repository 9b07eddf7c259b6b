"""Hears each message of the broker as it was sent, before the library's own opinion of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ib_async import IB, CommissionReport, Contract, Execution, IBDefaults, Order, OrderState
from ib_async.wrapper import Wrapper

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """How the broker names an order, and how its client does."""

    perm_id: int
    client_id: int
    order_id: int


class Tap(Protocol):
    """Hears each message as the broker sent it, before the library's own opinion of it.

    The library calls orders cancelled after informational errors, drops executions of orders that it does not know,
    hides open orders that answer a question, and turns "no realised profit" into 0.
    """

    def on_open_order(self, order_id: int, contract: Contract, order: Order, state: OrderState) -> None: ...

    def on_order_status(
        self, order: OrderKey, status: str, filled: float, remaining: float, average: float
    ) -> None: ...

    def on_completed_order(self, contract: Contract, order: Order, state: OrderState) -> None: ...

    def on_execution(self, contract: Contract, execution: Execution) -> None: ...

    def on_commission(self, exec_id: str, commission: float, currency: str, realized_pnl: float) -> None: ...

    def on_position(self, account: str, contract: Contract, quantity: float, average_cost: float) -> None: ...

    def on_portfolio(self, account: str, contract: Contract, numbers: tuple[float, ...]) -> None: ...

    def on_account_value(self, account: str, tag: str, value: str, currency: str) -> None: ...

    def on_pnl(self, account: str, daily: float, unrealized: float, realized: float) -> None: ...


class TappedWrapper(Wrapper):
    def __init__(self, ib: IB, defaults: IBDefaults) -> None:
        self.tap: Tap | None = None
        self.on_other_accounts: Callable[[], None] = lambda: None
        self.unreadable = 0
        self.summary_request = 0
        self.next_order_id = 1
        super().__init__(ib, defaults=defaults)

    def managedAccounts(self, accountsList: str) -> None:
        before = set(self.accounts)
        super().managedAccounts(accountsList)
        if before and before != set(self.accounts):
            self.on_other_accounts()

    def openOrder(self, orderId: int, contract: Contract, order: Order, orderState: OrderState) -> None:
        if not order.whatIf:
            self._tell("on_open_order", orderId, contract, order, orderState)
        super().openOrder(orderId, contract, order, orderState)

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        *rest: Any,
    ) -> None:
        self._tell("on_order_status", OrderKey(permId, clientId, orderId), status, filled, remaining, avgFillPrice)
        super().orderStatus(
            orderId, status, filled, remaining, avgFillPrice, permId, parentId, lastFillPrice, clientId, *rest
        )

    def completedOrder(self, contract: Contract, order: Order, orderState: OrderState) -> None:
        self._tell("on_completed_order", contract, order, orderState)
        super().completedOrder(contract, order, orderState)

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        self._tell("on_execution", contract, execution)
        super().execDetails(reqId, contract, execution)

    def commissionReport(self, commissionReport: CommissionReport) -> None:
        report = commissionReport
        self._tell("on_commission", report.execId, report.commission, report.currency, report.realizedPNL)
        super().commissionReport(commissionReport)

    def position(self, account: str, contract: Contract, posSize: float, avgCost: float) -> None:
        self._tell("on_position", account, contract, posSize, avgCost)
        super().position(account, contract, posSize, avgCost)

    def updatePortfolio(
        self,
        contract: Contract,
        posSize: float,
        marketPrice: float,
        marketValue: float,
        averageCost: float,
        unrealizedPNL: float,
        realizedPNL: float,
        account: str,
    ) -> None:
        numbers = (posSize, marketPrice, marketValue, averageCost, unrealizedPNL, realizedPNL)
        self._tell("on_portfolio", account, contract, numbers)
        super().updatePortfolio(contract, *numbers, account)

    def updateAccountValue(self, tag: str, val: str, currency: str, account: str) -> None:
        self._tell("on_account_value", account, tag, val, currency)
        super().updateAccountValue(tag, val, currency, account)

    def accountUpdateMulti(self, reqId: int, account: str, modelCode: str, tag: str, val: str, currency: str) -> None:
        if not modelCode:
            self._tell("on_account_value", account, tag, val, currency)
        super().accountUpdateMulti(reqId, account, modelCode, tag, val, currency)

    def pnl(self, reqId: int, dailyPnL: float, unrealizedPnL: float, realizedPnL: float) -> None:
        subscription = self.reqId2PnL.get(reqId)
        if subscription is not None:
            self._tell("on_pnl", subscription.account, dailyPnL, unrealizedPnL, realizedPnL)
        super().pnl(reqId, dailyPnL, unrealizedPnL, realizedPnL)

    def _tell(self, method: str, *values: Any) -> None:
        """A message that cannot be kept counts as undecodable; it must not take the others in its packet along."""
        if self.tap is None:
            return
        try:
            getattr(self.tap, method)(*values)
        except Exception:
            logger.exception("a message of the broker could not be read: %s%r", method, values)
            self.ib.client.decoder.logger.error("%s%r", method, values)
