"""The exchange and the broker behind the simulated gateway: orders in, executions out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ..types import Query, RequestError
from .account import Account
from .book import Book
from .desk import Desk
from .expiry import settle_expired
from .fills import Fills
from .identifiers import Identifiers
from .intake import Intake
from .listener import Listener
from .moments import EXCHANGE_TIME
from .opening import opening_account
from .orders import Order
from .pricing import market_price
from .records import (
    AccountValue,
    CommissionReport,
    Execution,
    ExecutionFilter,
    Pnl,
    PnlSingle,
    PortfolioItem,
    Position,
)
from .requests import OrderRequest
from .statements import Statements
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market

EVERYTHING = ExecutionFilter()


class Parts(NamedTuple):
    market: Market
    books: dict[str, Account]
    orders: Book
    fills: Fills
    identifiers: Identifiers


class Exchange:
    """One instance outlives restarts of the server: working orders, positions and executions stay."""

    def __init__(self, market: Market, accounts: Sequence[str] = ("DU1234567",), seed: int = 7) -> None:
        self.accounts = list(accounts)
        self.auto_bind = False  # orders entered by hand get a negative order id of client 0 at once
        self._market = market
        self._identifiers = identifiers = Identifiers(market.now(), seed)
        self._valuation = Valuation(market)
        self._books = {
            code: opening_account(code, market, self._valuation, number, seed)
            for number, code in enumerate(self.accounts, 1)
        }
        self._orders = Book()
        self._fills = Fills(market, self._books, identifiers)
        self._desk = Desk(market, self._books, self._orders, self._fills, self._valuation)
        self._intake = Intake(market, self._books, self._orders, self._desk, identifiers, self._valuation)
        self._statements = Statements(market, self._books, self._valuation)
        self._today = self._date()

    # --- switches -------------------------------------------------------------------------------------------------

    @property
    def listener(self) -> Listener:
        return self._fills.listener

    @listener.setter
    def listener(self, listener: Listener) -> None:
        self._fills.listener = listener

    @property
    def hold(self) -> bool:
        """No fills while it is on. Switching it off fills at once what can be filled."""
        return self._desk.hold

    @hold.setter
    def hold(self, on: bool) -> None:
        self._desk.hold = on
        if not on:
            self._desk.work_all()

    @property
    def fill_chunk(self) -> int | None:
        """At most this many units per order and market step."""
        return self._desk.fill_chunk

    @fill_chunk.setter
    def fill_chunk(self, chunk: int | None) -> None:
        if chunk is not None and chunk < 1:
            raise RequestError(321, "The fill size must be at least 1.")
        self._desk.fill_chunk = chunk

    @property
    def reject_status_first(self) -> bool:
        """A rejected order's status Inactive is sent before its error 201."""
        return self._desk.reject_status_first

    @reject_status_first.setter
    def reject_status_first(self, on: bool) -> None:
        self._desk.reject_status_first = on

    # --- orders of clients: refusals go to listener.error, never an exception ---------------------------------------

    def place(self, request: OrderRequest) -> None:
        """A new order, a modification (same client and order id), or a what-if."""
        try:
            self._intake.accept(request)
        except RequestError as error:
            self.listener.error(request.client_id, request.order_id, error.code, error.text)

    def cancel(self, client_id: int, order_id: int) -> None:
        order = self._orders.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self.listener.error(client_id, order_id, 10147, text)
        elif not order.is_working:
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {order.status}."
            self.listener.error(client_id, order_id, 10148, text)
        else:
            self._desk.cancel(order, "by the client")

    def global_cancel(self) -> None:
        """Every client's orders and those entered by hand."""
        for order in self._orders.working():
            self._desk.cancel(order, "global cancel")

    # --- by hand in TWS, and faults: RequestError if impossible -----------------------------------------------------

    def cancel_by_perm_id(self, perm_id: int) -> None:
        order = self._orders.by_perm_id(perm_id)
        if order is None or not order.is_working:
            raise RequestError(321, f"There is no working order with permId {perm_id}.")
        self._desk.cancel(order, "by hand")

    def manual_order(self, symbol: str, side: str, quantity: Decimal, price: float | None = None) -> Order:
        """An order entered in TWS: a limit order, or a market order without a price. `symbol` may be a conId."""
        order = self._enter_by_hand(symbol, side, quantity, price)
        self._desk.activate(order)
        return order

    def manual_trade(self, symbol: str, side: str, quantity: Decimal) -> Order:
        """A trade made in TWS: filled at once, even while fills are on hold."""
        order = self._enter_by_hand(symbol, side, quantity, None)
        self._desk.refresh(order)
        order.transmitted = True
        price = market_price(self._market, order)
        self._desk.fill(order, quantity, self._valuation.mark(order.contract) if price is None else price)
        return order

    def _enter_by_hand(self, symbol: str, side: str, quantity: Decimal, price: float | None) -> Order:
        request = OrderRequest(
            client_id=0,
            order_id=0,
            query=self._query_by_hand(symbol),
            action=side.upper(),
            quantity=quantity,
            order_type="MKT" if price is None else "LMT",
            limit_price=price,
            account=self.accounts[0],
        )
        order = self._intake.take_in(request)
        if self.auto_bind:
            self._orders.bind(order)
        self._orders.add(order)
        return order

    def _query_by_hand(self, symbol: str) -> Query:
        if symbol.isdigit():
            return Query(con_id=int(symbol), exchange="SMART")
        found = self._market.find(Query(symbol=symbol, sec_type="STK"))
        return Query(con_id=found[0].con_id, exchange="SMART")

    def bind_manual(self, client_id: int = 0) -> None:
        """Gives orders entered by hand negative order ids; only client 0 may. Error 327 goes to the listener."""
        if client_id != 0:
            text = "Only API connections with clientId set to 0 can set the auto bind TWS orders property."
            self.listener.error(client_id, -1, 327, text)
            return
        for order in self._orders.working():
            if order.order_id == 0:
                self._orders.bind(order)
                self._desk.announce(order)

    def fill(self, client_id: int, order_id: int, quantity: Decimal, price: float) -> None:
        """Fills an order by force, whatever the market says."""
        order = self._orders.find(client_id, order_id)
        if order is None or not order.is_working:
            raise RequestError(321, f"There is no working order {order_id} of client {client_id}.")
        if not 0 < quantity <= order.remaining:
            raise RequestError(321, f"The quantity must be above 0 and at most {order.remaining}.")
        if not order.transmitted:
            self._desk.activate(order)
        self._desk.fill(order, quantity, price)

    def reject_next(self, count: int, code: int = 201, text: str = "Order rejected - reason:Simulated") -> None:
        self._intake.rejections = [(code, text)] * count

    def duplicate_last_execution(self) -> Execution:
        return self._fills.repeat_last()

    def correct_execution(self, exec_id: str, price: float | None = None, shares: Decimal | None = None) -> Execution:
        return self._fills.correct(exec_id, price, shares)

    # --- market and clock -------------------------------------------------------------------------------------------

    def on_market_change(self, changed: frozenset[int]) -> None:
        """Works all orders. Call it after every market step; options move with their underlyings."""
        self._start_day_if_new()
        self._desk.work_all()

    def end_day(self) -> None:
        """The session closes now: closing auctions, DAY orders expire, a new day begins for the P&L."""
        for order in self._orders.working():
            if order.auction_at and order.is_working and order.transmitted:
                self._desk.cross_at_close(order)
            elif order.request.tif == "DAY":
                self._desk.cancel(order, "expired")
        self._start_day()

    def _start_day_if_new(self) -> None:
        if self._date() != self._today:
            self._start_day()

    def _start_day(self) -> None:
        self._today = self._date()
        for account in self._books.values():
            settle_expired(account, self._market, self._valuation, self.listener, f"{self._today:%Y%m%d}")
            self._valuation.start_day(account)
            self.listener.account_changed(account.code)

    # --- memory -----------------------------------------------------------------------------------------------------

    @property
    def parts(self) -> Parts:
        """What has to be kept so that the exchange survives its process."""
        return Parts(self._market, self._books, self._orders, self._fills, self._identifiers)

    @property
    def today(self) -> date:
        """The day in exchange time that orders and profits count to."""
        return self._today

    def resume(self, day: date) -> None:
        """Goes on after its parts were restored, with a new day if it is over."""
        self._today = day
        self._start_day_if_new()

    # --- reading ----------------------------------------------------------------------------------------------------

    def open_orders(self, client_id: int | None = None) -> list[Order]:
        """Working orders, those not yet transmitted among them; client 0 also has the orders entered by hand."""
        return [order for order in self._orders.working() if client_id in (None, order.client_id)]

    def completed_orders(self, api_only: bool = False) -> list[Order]:
        """Orders finished today, exchange time."""
        return [
            order
            for order in self._orders.all()
            if order.completed_at
            and order.completed_at.astimezone(EXCHANGE_TIME).date() == self._date()
            and not (api_only and order.is_by_hand)
        ]

    def executions(self, wanted: ExecutionFilter = EVERYTHING) -> list[tuple[Execution, CommissionReport]]:
        return self._fills.select(wanted)

    def next_order_id(self, client_id: int) -> int:
        return self._orders.next_order_id(client_id)

    def reset_order_ids(self) -> None:
        self._orders.reset_order_ids()

    def positions(self, account: str) -> list[Position]:
        return self._statements.positions(account)

    def position(self, account: str, con_id: int) -> Position | None:
        """Quantity 0 if it was closed; None if the account never held it."""
        return self._statements.position(account, con_id)

    def portfolio(self, account: str) -> list[PortfolioItem]:
        """Lines closed today are in it with quantity 0."""
        return self._statements.portfolio(account)

    def account_values(self, account: str) -> list[AccountValue]:
        return self._statements.account_values(account)

    def summary(self, account: str, tags: Sequence[str]) -> list[AccountValue]:
        return self._statements.summary(account, tags)

    def pnl(self, account: str) -> Pnl:
        return self._statements.pnl(account)

    def pnl_single(self, account: str, con_id: int) -> PnlSingle:
        return self._statements.pnl_single(account, con_id)

    def books(self, account: str) -> Account:
        """Exact cash and holdings; the statements above are rounded."""
        return self._statements.books(account)

    def _date(self) -> date:
        return self._market.now().astimezone(EXCHANGE_TIME).date()
