"""Account, positions and open orders read at the broker now, not from the tables."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ib_async import Position, Trade

from apps.broker.choices import Priority
from apps.broker.exceptions import AnswerError
from apps.broker.gateway import parsing, translate
from apps.broker.gateway.library import account_summary_question, cancel_account_summary
from apps.broker.gateway.link import Link
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.sharing import Shared
from tradeops.lib import clock
from tradeops.lib.known import Known

ANSWER_SECONDS = 7.0
CACHE_SECONDS = 2.0

Rows = list[dict[str, Any]]


class LiveReads:
    """Reads over the data link, so that a burst of questions cannot delay an order; over the other while it is down."""

    def __init__(self, trading: Link, data: Link, picture: Callable[[], Picture | None]) -> None:
        self._trading = trading
        self._data = data
        self._picture = picture
        self._shared: Shared[Rows] = Shared(CACHE_SECONDS)

    async def account_summary(self, account: str, priority: Priority) -> Known[Rows]:
        return self._of_account(await self._shared.get("summary", lambda: self._read_summary(priority)), account)

    async def positions(self, account: str, priority: Priority, *, fresh: bool = False) -> Known[Rows]:
        known = await self._get("positions", lambda: self._read_positions(priority), fresh=fresh)
        return self._of_account(known, account)

    async def open_orders(self, priority: Priority, *, fresh: bool = False) -> Known[Rows]:
        return await self._get("orders", lambda: self._read_open_orders(priority), fresh=fresh)

    async def _get(self, key: str, read: Callable[[], Coroutine[Any, Any, Rows]], *, fresh: bool) -> Known[Rows]:
        """`fresh`: asked after the question came, never an answer to an earlier one; `as_of` is then its beginning."""
        if not fresh:
            return await self._shared.get(key, read)
        began_at = clock.now()
        return Known(await read(), began_at)

    def _link(self) -> Link:
        return self._data if self._data.ib is not None else self._trading

    def _of_account(self, known: Known[Rows], account: str) -> Known[Rows]:
        return Known([row for row in known.value if row["account"] == account], known.as_of)

    async def _read_summary(self, priority: Priority) -> Rows:
        link = self._link()
        try:
            await link.ask(priority, "accountSummary", account_summary_question, timeout=ANSWER_SECONDS, is_list=True)
            values = list(link.connection().wrapper.acctSummary.values())
        finally:
            # The broker allows two at a time, and each lasts until it is cancelled.
            await link.send(Priority.RECONCILE, cancel_account_summary)
        return [
            {"account": item.account, "tag": item.tag, "value": item.value, "currency": item.currency}
            for item in values
            if item.account not in {"", "All"}
        ]

    async def _read_positions(self, priority: Priority) -> Rows:
        found: list[Position] = await self._link().ask(
            priority, "positions", lambda ib: ib.reqPositionsAsync(), timeout=ANSWER_SECONDS, is_list=True
        )
        last = {(item.account, item.contract.conId): item for item in found}
        return [self._position(item) for item in last.values() if item.position]

    def _position(self, item: Position) -> dict[str, Any]:
        number = parsing.decimal_text
        picture = self._picture()
        priced = picture.portfolio.get((item.account, item.contract.conId)) if picture else None
        return {
            "account": item.account,
            "con_id": item.contract.conId,
            "symbol": item.contract.symbol,
            "sec_type": item.contract.secType,
            "exchange": item.contract.exchange or item.contract.primaryExchange,
            "currency": item.contract.currency,
            "position": number(parsing.required(item.position, "position")),
            "avg_cost": number(parsing.number(item.avgCost)),
            "market_price": number(priced.market_price) if priced else None,
            "market_value": number(priced.market_value) if priced else None,
            "unrealised_pnl": number(priced.unrealized_pnl) if priced else None,
            "realised_pnl": number(priced.realized_pnl) if priced else None,
        }

    async def _read_open_orders(self, priority: Priority) -> Rows:
        found: list[Trade] = await self._link().ask(
            priority, "openOrders", lambda ib: ib.reqAllOpenOrdersAsync(), timeout=ANSWER_SECONDS, is_list=True
        )
        last = {trade.order.permId: trade for trade in found}
        # The list names what is held back too, and calls it inactive; what was refused is not in it.
        ended = translate.DONE - {"Inactive"}
        return [order_answer(trade) for trade in last.values() if trade.orderStatus.status not in ended]


def order_answer(trade: Trade) -> dict[str, Any]:
    order, status = trade.order, trade.orderStatus
    number = parsing.decimal_text
    return {
        "order_id": order.orderId,
        "perm_id": order.permId,
        "client_id": order.clientId,
        "account": order.account,
        "con_id": trade.contract.conId,
        "symbol": trade.contract.symbol,
        "exchange": trade.contract.exchange,
        "currency": trade.contract.currency,
        "action": order.action,
        "order_type": order.orderType,
        "total_qty": number(parsing.number(order.totalQuantity)),
        "filled": number(parsing.number(status.filled)),
        "remaining": number(parsing.number(status.remaining)),
        "status": status.status,
        "lmt_price": number(translate.stated_price(order.lmtPrice)),
        "aux_price": number(translate.stated_price(order.auxPrice)),
    }


def require_account(account: str, accounts: list[str], chosen: str) -> str:
    """The account asked for, or the traded one. Raises AnswerError for one that is not of this login."""
    if not account:
        return chosen
    if account not in accounts:
        raise AnswerError(f"{account} is not an account of this login; it has {', '.join(accounts)}.")
    return account
