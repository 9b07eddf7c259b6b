"""The life of an order: taken in, held back, triggered, filled, cancelled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from . import conditions, order_types, pricing, triggers, what_if
from .account import Account
from .book import Book
from .fills import Fills
from .listener import Listener
from .margin import margins
from .moments import parse_moment
from .orders import Order
from .valuation import Valuation

if TYPE_CHECKING:
    from ..market import Market


class Desk:
    """Works the orders of one exchange against its market."""

    def __init__(
        self, market: Market, accounts: dict[str, Account], book: Book, fills: Fills, valuation: Valuation
    ) -> None:
        self.hold = False
        self.fill_chunk: int | None = None
        self.reject_status_first = False
        self._market = market
        self._accounts = accounts
        self._book = book
        self._fills = fills
        self._valuation = valuation

    @property
    def listener(self) -> Listener:
        return self._fills.listener

    # --- in -------------------------------------------------------------------------------------------------------

    def activate(self, order: Order) -> None:
        """Transmits an order: checks the money, announces it and tries to fill it."""
        order.transmitted = True
        order.placed_at = self._market.now()
        refusal = self.refusal(order)
        if refusal:
            self.reject(order, 201, refusal)
            return
        self.refresh(order)
        self.announce(order)
        self.work(order)

    def refusal(self, order: Order) -> str:
        """Why the account cannot afford the order; empty if it can. Children are judged when their turn comes."""
        if _waits_for_parent(order):
            return ""
        account = self._accounts[order.account]
        effect = what_if.preview(order, account, self._market, self._valuation)
        return "" if what_if.is_affordable(order, effect, account) else what_if.rejection(effect)

    def reject(self, order: Order, code: int, text: str) -> None:
        """Assumed of the real gateway: the error comes before the status Inactive; either order happens."""
        order.transmitted = True
        order.reason, order.completed_at, order.why_held = text, self._market.now(), ""
        order.status = "Inactive"
        if self.reject_status_first:
            self.listener.order_status(order)
        self.listener.error(order.client_id, order.order_id, code, text)
        if not self.reject_status_first:
            self.listener.order_status(order)
        self._cancel_children(order, "parent rejected")

    def refresh(self, order: Order) -> None:
        """Sets status, reason to wait and deadlines after placing or changing an order."""
        close = self._next_close(order)
        request = order.request
        order.auction_at = close if request.order_type in order_types.AUCTION else None
        if request.tif == order_types.GTD:
            order.expires_at = parse_moment(request.good_till_date)
        else:
            order.expires_at = close if request.tif == order_types.DAY else None
        self.set_status(order)

    def set_status(self, order: Order) -> None:
        if _waits_for_parent(order):
            order.status, order.why_held = "PreSubmitted", "child"
        elif triggers.needs_trigger(order):
            order.status, order.why_held = "PreSubmitted", "trigger"
        elif not self._is_awake(order):
            order.status, order.why_held = "PreSubmitted", ""
        else:
            order.status, order.why_held = "Submitted", ""

    def announce(self, order: Order) -> None:
        self.listener.order_opened(order)
        self.listener.order_status(order)

    def _next_close(self, order: Order) -> datetime | None:
        now = self._market.now()
        contract = order.legs[0].contract
        closes = [each.closes_at for each in self._market.sessions(contract, now, now + timedelta(days=10))]
        return min((close for close in closes if close > now), default=None)

    # --- matching -------------------------------------------------------------------------------------------------

    def work_all(self) -> None:
        for order in self._book.working():
            self.work(order)

    def work(self, order: Order) -> None:
        """Lets an order trigger, fill or expire as the market stands."""
        if not order.is_working or not order.transmitted:
            return
        now = self._market.now()
        if order.auction_at and now >= order.auction_at:
            self.cross_at_close(order)
        elif order.expires_at and now >= order.expires_at:
            self.cancel(order, "expired")
        elif not _waits_for_parent(order) and self._can_trade(order, now):
            self._wake_and_fill(order)

    def _can_trade(self, order: Order, now: datetime) -> bool:
        return all(self._market.is_open(leg.contract, now) for leg in order.legs)

    def _wake_and_fill(self, order: Order) -> None:
        if not self._is_awake(order):
            return
        request = order.request
        if request.conditions and request.conditions_cancel_order and self._conditions_met(order):
            self.cancel(order, "condition met")
            return
        if triggers.needs_trigger(order):
            order.triggered = triggers.is_reached(self._market, order)
            if not order.triggered:
                return
        if order.status != "Submitted":
            order.status, order.why_held = "Submitted", ""
            self.announce(order)
        if not self.hold and request.order_type not in order_types.AUCTION:
            self._match(order)

    def _is_awake(self, order: Order) -> bool:
        request = order.request
        if request.good_after_time and self._market.now() < parse_moment(request.good_after_time):
            return False
        if request.conditions_cancel_order:
            return True
        return self._conditions_met(order)

    def _conditions_met(self, order: Order) -> bool:
        wanted = order.request.conditions
        return not wanted or conditions.are_met(wanted, self._situation(order))

    def _situation(self, order: Order) -> conditions.Situation:
        account = self._accounts[order.account]
        executed = [each.execution for each in self._fills.today() if each.execution.account == order.account]
        return conditions.Situation(self._market, self._market.now(), lambda: self._cushion(account), executed)

    def _cushion(self, account: Account) -> float:
        now = margins(account, self._valuation)
        net_liquidation = self._valuation.net_liquidation(account)
        return float((now.equity_with_loan - now.maintenance) / net_liquidation * 100) if net_liquidation else 0.0

    def _match(self, order: Order) -> None:
        price = pricing.executable_price(self._market, order)
        quantity = self._quantity(order)
        if price is not None and quantity:
            self.fill(order, quantity, price)
        if order.is_working and order.request.tif in order_types.IMMEDIATE:
            self.cancel(order, "not filled immediately")

    def _quantity(self, order: Order) -> Decimal:
        chunk = order.remaining if self.fill_chunk is None else min(order.remaining, Decimal(self.fill_chunk))
        if chunk == order.remaining:
            return chunk
        if order.request.tif == order_types.FOK:
            return Decimal(0)
        return order.remaining if order.request.all_or_none else chunk

    def cross_at_close(self, order: Order) -> None:
        """Market and limit on close trade at the closing price or not at all."""
        price = None if self.hold or _waits_for_parent(order) else pricing.auction_price(self._market, order)
        if price is not None:
            self.fill(order, order.remaining, price)
        else:
            self.cancel(order, "not filled in the closing auction")

    # --- consequences ---------------------------------------------------------------------------------------------

    def fill(self, order: Order, quantity: Decimal, price: float) -> None:
        self._fills.fill(order, quantity, price)
        self._apply_group(order, quantity)
        if order.status == "Filled":
            for child in order.children:
                self._release(child)

    def _release(self, child: Order) -> None:
        """The parent is filled: the child begins to work."""
        if not child.is_working or not child.transmitted:
            return
        refusal = self.refusal(child)
        if refusal:
            self.reject(child, 201, refusal)
            return
        self.set_status(child)
        self.announce(child)
        self.work(child)

    def _apply_group(self, order: Order, quantity: Decimal) -> None:
        for other in self._book.group(order):
            if order.oca_type in (2, 3):
                self._reduce(other, quantity)
            else:
                self.cancel(other, "another order of the OCA group was filled")

    def _reduce(self, order: Order, quantity: Decimal) -> None:
        if order.remaining <= quantity:
            self.cancel(order, "another order of the OCA group was filled")
            return
        order.request = replace(order.request, quantity=order.request.quantity - quantity)
        self.announce(order)

    def cancel(self, order: Order, reason: str) -> None:
        """Cancels with error 202, and the children with it."""
        if not order.is_working:
            return
        order.transmitted = True
        order.status, order.why_held, order.reason = "Cancelled", "", f"Cancelled: {reason}"
        order.completed_at = self._market.now()
        self.announce(order)
        self.listener.error(order.client_id, order.order_id, 202, "Order Canceled - reason:")
        self._cancel_children(order, "parent cancelled")
        if order.parent and order.request.auto_cancel_parent:
            self.cancel(order.parent, "child cancelled")

    def _cancel_children(self, order: Order, reason: str) -> None:
        for child in order.children:
            self.cancel(child, reason)


def _waits_for_parent(order: Order) -> bool:
    """Assumed of the real gateway, which may start children earlier: they wait for the complete parent fill."""
    return order.parent is not None and order.parent.status != "Filled"
