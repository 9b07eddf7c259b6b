"""The broker library as the gateway wants it: raw messages tapped, its traps closed.

Everything that reaches into the library's private parts is in this module and in `tapped`.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any

from ib_async import IB, BarDataList, Contract, IBDefaults, Ticker
from ib_async.client import Client
from ib_async.util import formatIBDatetime
from ib_async.wrapper import RequestError

from apps.broker.gateway.tapped import Tap, TappedWrapper

logger = logging.getLogger(__name__)

TIME_ZONE = "US/Eastern"
NAN = float("nan")
UTC_SECONDS = 2
DECODER = "ib_async.Decoder"
FIRST_REQUEST_ID = 1_000_000_000
# As in IB's own client: 16 MB less one byte. Behind a greater length the library would gather bytes for ever.
LONGEST_MESSAGE = 0xFFFFFF


class BoundedClient(Client):
    """Ends a connection that announces a message longer than any: nothing behind it can be read any more."""

    def __init__(self, wrapper: TappedWrapper) -> None:
        self.cut_reason = ""
        super().__init__(wrapper)  # type: ignore[no-untyped-call]

    def _onSocketHasData(self, data: bytes) -> None:
        super()._onSocketHasData(data)  # type: ignore[no-untyped-call]
        if len(self._data) < struct.calcsize(">I") or self.cut_reason:
            return
        (announced,) = struct.unpack_from(">I", self._data)
        if announced > LONGEST_MESSAGE:
            self.cut_reason = f"the other side announced a message of {announced:,} bytes, and TWS sends no such thing."
            self._data = b""
            self.apiError.emit(self.cut_reason)
            if self.conn.transport is not None:
                self.conn.transport.abort()


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
    ib.client = BoundedClient(wrapper)
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


def on_other_accounts(ib: IB, call: Callable[[], None]) -> None:
    """`call` is called when other accounts are told than at the login."""
    if isinstance(ib.wrapper, TappedWrapper):
        ib.wrapper.on_other_accounts = call


def unreadable(ib: IB) -> int:
    """How many messages of this connection could not be decoded or kept: what they said is not known."""
    return ib.wrapper.unreadable if isinstance(ib.wrapper, TappedWrapper) else 0


def cut_reason(ib: IB) -> str:
    """Why the connection was ended from this side while it was read; empty where it was not."""
    return ib.client.cut_reason if isinstance(ib.client, BoundedClient) else ""


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
