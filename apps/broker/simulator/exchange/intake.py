"""Takes orders in: new ones, modifications, what-ifs, and the families of brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types import RequestError
from . import checks, conditions, what_if
from .account import Account
from .book import Book
from .desk import Desk
from .identifiers import Identifiers
from .instruments import resolve
from .orders import Order
from .requests import OrderRequest
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market

BRACKET_OCA_TYPE = 3  # reduces the sibling without blocking


class Intake:
    """Every refusal is a RequestError; nothing of a refused request remains."""

    def __init__(
        self,
        market: Market,
        accounts: dict[str, Account],
        book: Book,
        desk: Desk,
        identifiers: Identifiers,
        valuation: Valuation,
    ) -> None:
        self.rejections: list[tuple[int, str]] = []  # code and text for the next new orders
        self._market = market
        self._accounts = accounts
        self._orders = book
        self._desk = desk
        self._identifiers = identifiers
        self._valuation = valuation

    def accept(self, request: OrderRequest) -> None:
        if request.what_if:
            self._preview(request)
            return
        existing = self._orders.find(request.client_id, request.order_id)
        if existing:
            self._modify(existing, request)
        else:
            self._place_new(request)

    def _place_new(self, request: OrderRequest) -> None:
        self._check_new_id(request)
        order = self.take_in(request)
        self._attach(order)
        self._orders.add(order)
        if self.rejections:
            self._desk.reject(order, *self.rejections.pop(0))
        elif request.transmit:
            self._transmit(order)

    def _check_new_id(self, request: OrderRequest) -> None:
        if request.order_id <= 0:
            raise RequestError(321, "Error validating request. The order id must be positive.")
        self._orders.check_new_id(request.client_id, request.order_id)

    def take_in(self, request: OrderRequest) -> Order:
        """Checks a request and makes the order, not yet in the book. RequestError if it is refused."""
        account = checks.choose_account(request, list(self._accounts))
        contract, legs = resolve(self._market, request)
        checks.check_terms(request, contract)
        conditions.check(request.conditions, self._market)
        return Order(
            request=request,
            contract=contract,
            legs=legs,
            perm_id=self._identifiers.next_perm_id(),
            account=account,
            placed_at=self._market.now(),
            client_id=request.client_id,
            order_id=request.order_id,
            transmitted=False,
            trail_stop_price=request.trail_stop_price,
            oca_group=request.oca_group,
            oca_type=request.oca_type or (1 if request.oca_group else 0),
        )

    def _attach(self, order: Order) -> None:
        """Makes an order the child of its parent; siblings form an OCA group named after the parent's permId."""
        if not order.request.parent_id:
            return
        parent = self._orders.find(order.client_id, order.request.parent_id)
        if parent is None or parent is order:
            raise RequestError(135, f"Can't find order with id = {order.request.parent_id}")
        if not parent.is_working and parent.status != "Filled":
            raise RequestError(106, f"Can't transmit order ID: {order.order_id}, its parent is {parent.status}")
        order.parent = parent
        parent.children.append(order)
        if not order.oca_group:
            order.oca_group, order.oca_type = str(parent.perm_id), BRACKET_OCA_TYPE

    def _transmit(self, order: Order) -> None:
        """The last child releases its parent and siblings, the parent first."""
        family = [order]
        if order.parent:
            family = [order.parent, *order.parent.children]
        for member in family:
            if not member.transmitted and member.is_working:
                self._desk.activate(member)

    def _preview(self, request: OrderRequest) -> None:
        order = self.take_in(request)
        order.what_if = what_if.preview(order, self._accounts[order.account], self._market, self._valuation)
        order.status, order.transmitted = "PreSubmitted", True
        self._desk.listener.order_opened(order)

    def _modify(self, order: Order, request: OrderRequest) -> None:
        self._check_modification(order, request)
        before = order.request, order.trail_stop_price
        order.request = request
        if request.trail_stop_price is not None and request.trail_stop_price != before[0].trail_stop_price:
            order.trail_stop_price = request.trail_stop_price
        if not order.transmitted:
            if request.transmit:
                self._transmit(order)
            return
        refusal = self._desk.refusal(order)
        if refusal:
            order.request, order.trail_stop_price = before
            raise RequestError(201, refusal)
        self._desk.refresh(order)
        self._desk.announce(order)
        self._desk.work(order)

    def _check_modification(self, order: Order, request: OrderRequest) -> None:
        if order.status == "Filled":
            raise RequestError(104, "Cannot modify a filled order.")
        if not order.is_working:
            raise RequestError(103, f"Duplicate order id: {request.order_id}")
        contract, legs = resolve(self._market, request)
        same = (contract.con_id, request.action, request.parent_id) == (
            order.contract.con_id,
            order.request.action,
            order.request.parent_id,
        )
        if not same or legs != order.legs or checks.choose_account(request, list(self._accounts)) != order.account:
            raise RequestError(105, "Order being modified does not match original order.")
        checks.check_terms(request, contract)
        conditions.check(request.conditions, self._market)
        if request.quantity <= order.filled:
            raise RequestError(105, "Order being modified does not match original order: more is filled already.")
