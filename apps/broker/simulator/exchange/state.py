"""What an exchange must not forget, as a flat dictionary of JSON values: all of it, or what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..plain import pack
from .account import Holding
from .moments import EXCHANGE_TIME
from .orders import Order
from .packing import Unpacking, pack_booked, pack_order

if TYPE_CHECKING:
    from .exchange import Exchange

_HOLDING_STATE = attrgetter("quantity", "cost", "realized_today", "spent_today", "value_at_day_start")
_ORDER_STATE = attrgetter(
    *("request", "placed_at", "order_id", "status", "why_held", "transmitted", "filled", "average_fill_price"),
    *("last_fill_price", "triggered", "trail_stop_price", "oca_group", "oca_type", "expires_at", "auction_at"),
    *("reason", "completed_at", "parent_perm_id"),
)


class ExchangeState:
    """Compares with what it saw last, so that nobody needs to report a change.

    Finished orders are looked at again only when an execution of theirs is booked.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._parts = exchange.parts
        self._facts: dict[str, object] = {}
        self._holdings: dict[str, object] = {}
        self._working: dict[int, tuple[Order, object]] = {}
        self._newest_perm_id = 0
        self._bookings = 0

    def changes(self) -> dict[str, Any]:
        """What is different since the last time; None for what is no more."""
        orders = self._changed_orders()
        return {**self._changed_facts(), **self._changed_holdings(), **orders, **self._new_bookings()}

    def everything(self) -> dict[str, Any]:
        """Without what is over: orders and executions of days before, unless something still refers to them."""
        today = self._exchange.today
        bookings = [each for each in self._parts.fills.booked if _day(each.execution.at) >= today]
        orders = {each.order.perm_id: each.order for each in bookings}
        for order in self._parts.orders.all():
            if order.is_working or (order.completed_at and _day(order.completed_at) >= today):
                orders[order.perm_id] = order
        for order in list(orders.values()):
            orders |= {ancestor.perm_id: ancestor for ancestor in _ancestors(order)}
        return {
            **{key: pack(fact) for key, fact in self._present_facts().items()},
            **{key: pack(holding) for key, holding in self._present_holdings()},
            **{f"order/{perm_id}": pack_order(orders[perm_id]) for perm_id in sorted(orders)},
            **{f"execution/{each.execution.exec_id}": pack_booked(each) for each in bookings},
        }

    def restore(self, values: Mapping[str, Any]) -> None:
        """KeyError, TypeError, ValueError or ArithmeticError if the values are not those of such an exchange."""
        unpacking = Unpacking(self._parts.market, values)
        for code, account in self._parts.books.items():
            account.cash, account.holdings = unpacking.cash(code), unpacking.holdings(code)
        orders = unpacking.orders()
        highest = {int(client_id): order_id for client_id, order_id in values["order-ids"].items()}
        self._parts.orders.restore(orders.values(), highest)
        self._parts.fills.restore(unpacking.bookings(orders))
        perm_id, day, execution = values["counters"]
        self._parts.identifiers.go_on_from((perm_id, day, execution))
        self._exchange.resume(date.fromisoformat(values["day"]))

    # --- the present ----------------------------------------------------------------------------------------------

    def _present_facts(self) -> dict[str, object]:
        return {
            "day": self._exchange.today.isoformat(),
            "counters": self._parts.identifiers.counters,
            "order-ids": dict(self._parts.orders.highest_order_ids),
            **{f"cash/{code}": dict(account.cash) for code, account in self._parts.books.items()},
        }

    def _present_holdings(self) -> Iterator[tuple[str, Holding]]:
        for code, account in self._parts.books.items():
            for con_id, holding in account.holdings.items():
                yield f"holding/{code}/{con_id}", holding

    # --- compared with the past -----------------------------------------------------------------------------------

    def _changed_facts(self) -> dict[str, Any]:
        before, self._facts = self._facts, self._present_facts()
        return {key: pack(fact) for key, fact in self._facts.items() if before.get(key) != fact}

    def _changed_holdings(self) -> dict[str, Any]:
        present = dict(self._present_holdings())
        before, self._holdings = self._holdings, {key: _HOLDING_STATE(held) for key, held in present.items()}
        changed = {key: pack(present[key]) for key, state in self._holdings.items() if before.get(key) != state}
        return changed | dict.fromkeys(before.keys() - self._holdings.keys())

    def _changed_orders(self) -> dict[str, Any]:
        changed = {}
        for order, before in self._suspects():
            state = _ORDER_STATE(order), _charges(order)
            if state != before:
                changed[f"order/{order.perm_id}"] = pack_order(order)
            if order.is_working:
                self._working[order.perm_id] = order, state
            else:
                self._working.pop(order.perm_id, None)
        return changed

    def _suspects(self) -> list[tuple[Order, object]]:
        """Orders that may have changed, with their last known state."""
        new = self._parts.orders.since(self._newest_perm_id)
        self._newest_perm_id = max((order.perm_id for order in new), default=self._newest_perm_id)
        filled = (each.order for each in self._parts.fills.booked[self._bookings :])
        others = {order.perm_id: (order, None) for order in (*new, *filled) if order.perm_id not in self._working}
        return [*self._working.values(), *others.values()]

    def _new_bookings(self) -> dict[str, Any]:
        new = self._parts.fills.booked[self._bookings :]
        self._bookings += len(new)
        return {f"execution/{each.execution.exec_id}": pack_booked(each) for each in new}


def _charges(order: Order) -> list[tuple[object, ...]]:
    return [(charge.filled, charge.value, charge.commission) for charge in order.charges.values()]


def _ancestors(order: Order) -> Iterator[Order]:
    while order.parent is not None:
        order = order.parent
        yield order


def _day(at: datetime) -> date:
    return at.astimezone(EXCHANGE_TIME).date()
