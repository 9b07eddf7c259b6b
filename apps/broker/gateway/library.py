"""The broker library as the gateway wants it: raw messages tapped, its traps closed.

Everything that reaches into the library's private parts is in this module.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ib_async import IB, BarDataList, CommissionReport, Contract, Execution, IBDefaults, Order, OrderState, Ticker
from ib_async.client import Client
from ib_async.util import formatIBDatetime
from ib_async.wrapper import RequestError, Wrapper

logger = logging.getLogger(__name__)

TIME_ZONE = "US/Eastern"
NAN = float("nan")
UTC_SECONDS = 2
DECODER = "ib_async.Decoder"
FIRST_REQUEST_ID = 1_000_000_000


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
        self.unreadable = 0
        self.summary_request = 0
        self.next_order_id = 1
        super().__init__(ib, defaults=defaults)

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


class DecoderLog(logging.LoggerAdapter[logging.Logger]):
    """The log of one connection's decoder: only there does the library tell that it dropped a message."""

    def __init__(self, wrapper: TappedWrapper) -> None:
        super().__init__(logging.getLogger(DECODER), {})
        self._wrapper = wrapper

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        self._wrapper.unreadable += 1
        return msg, kwargs


def new_ib() -> IB:
    defaults = IBDefaults(emptyPrice=NAN, emptySize=NAN)
    ib = IB(defaults=defaults)
    ib.wrapper = wrapper = TappedWrapper(ib, defaults)
    ib.client = Client(wrapper)
    ib.client.decoder.logger = DecoderLog(wrapper)  # type: ignore[assignment]
    ib.client.apiEnd += ib.disconnectedEvent
    # Its own handler opens one more account summary after each 1102 and never closes it.
    ib.errorEvent -= ib._onError
    ib.RaiseRequestErrors = True
    ib.TimezoneTWS = TIME_ZONE
    # The pacer decides. The library's own limit is IB's: above the pacer's, or messages would wait in its queue.
    ib.client.MaxRequests = 50
    ib.client.RequestsInterval = 1
    return ib


def set_tap(ib: IB, tap: Tap) -> None:
    if isinstance(ib.wrapper, TappedWrapper):
        ib.wrapper.tap = tap


def unreadable(ib: IB) -> int:
    """How many messages of this connection could not be decoded or kept: what they said is not known."""
    return ib.wrapper.unreadable if isinstance(ib.wrapper, TappedWrapper) else 0


def separate_request_ids(ib: IB) -> None:
    """Requests and orders share one counter and one field in error messages: keep their numbers apart.

    Call it once, right after the login.
    """
    if isinstance(ib.wrapper, TappedWrapper):
        ib.wrapper.next_order_id = ib.client._reqIdSeq
    ib.client.updateReqId(FIRST_REQUEST_ID)


def next_order_id(ib: IB) -> int:
    """What the broker proposed at the login."""
    return ib.wrapper.next_order_id if isinstance(ib.wrapper, TappedWrapper) else ib.client._reqIdSeq


def forget_question(ib: IB, kind: str) -> None:
    """An unanswered question would swallow the live messages of its kind as if they were its answer."""
    if kind in {"openOrders", "positions", "currentTime"}:
        ib.wrapper._futures.pop(kind, None)
        ib.wrapper._results.pop(kind, None)


def end_question(ib: IB, error: RequestError) -> None:
    if error.reqId in ib.wrapper._futures:
        ib.wrapper._endReq(error.reqId, error, success=False)


def subscribe(ib: IB, contract: Contract) -> tuple[Ticker, int]:
    ticker = ib.reqMktData(contract, "", False, False)
    return ticker, ib.wrapper.ticker2ReqId["mktData"][ticker]


def cancel_subscription(ib: IB, *, request_id: int) -> None:
    ib.client.cancelMktData(request_id)


def forget_ticker(ib: IB, ticker: Ticker, request_id: int) -> None:
    """The library would give the next subscription the old object with the old prices, and never forgets the id."""
    wrapper = ib.wrapper
    if wrapper.tickers.get(hash(ticker.contract)) is ticker:
        del wrapper.tickers[hash(ticker.contract)]
    wrapper.ticker2ReqId["mktData"].pop(ticker, None)
    wrapper.reqId2Ticker.pop(request_id, None)
    wrapper._reqId2Contract.pop(request_id, None)
    wrapper.pendingTickers.discard(ticker)


def account_summary_question(ib: IB) -> Any:
    """Start an account summary whose id is remembered, so that it can be cancelled."""
    ib.wrapper.acctSummary.clear()
    if isinstance(ib.wrapper, TappedWrapper):
        ib.wrapper.summary_request = ib.client._reqIdSeq
    return ib.reqAccountSummaryAsync()


def cancel_account_summary(ib: IB) -> None:
    if isinstance(ib.wrapper, TappedWrapper):
        ib.client.cancelAccountSummary(ib.wrapper.summary_request)


def account_updates_question(ib: IB, account: str) -> tuple[int, Any]:
    request_id = ib.client._reqIdSeq
    return request_id, ib.reqAccountUpdatesMultiAsync(account)


def history_question(
    ib: IB, contract: Contract, *, end: datetime | None, duration: str, bar_size: str, what: str, use_rth: bool
) -> tuple[int, Any]:
    """Bars whose request id is known, so that it can be cancelled; times come as UTC seconds."""
    request_id = ib.client.getReqId()
    future = ib.wrapper.startReq(request_id, contract, container=BarDataList())
    ib.client.reqHistoricalData(
        request_id, contract, formatIBDatetime(end), duration, bar_size, what, use_rth, UTC_SECONDS, False, []
    )
    return request_id, future


class DecodeErrors(logging.Handler):
    """Counts the messages that nobody could decode or keep: the library would drop them with a log line only.

    What such a message said is not known: `tell` makes the gateway ask for everything again.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(logging.ERROR)
        self.count = 0
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        logger.error("undecodable message: %s", record.getMessage())
        self._tell()


def take_over_logging(on_undecodable: Callable[[], None]) -> DecodeErrors:
    """Silence what the gateway decides about anyway, and count what the library fails to decode."""
    counter = DecodeErrors(on_undecodable)
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    decoder = logging.getLogger(DECODER)
    decoder.setLevel(logging.ERROR)
    decoder.propagate = False
    decoder.handlers = [counter]
    return counter
