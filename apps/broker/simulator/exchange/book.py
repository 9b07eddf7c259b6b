"""All orders of the day, and which order ids are free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from ..types import RequestError
from .orders import Order


class Book:
    """Orders of clients are found by client and order id, those by hand until bound only by permId."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, int], Order] = {}
        self._by_perm_id: dict[int, Order] = {}
        self._working: dict[int, Order] = {}
        self._highest: dict[int, int] = {}

    def add(self, order: Order) -> None:
        self._by_perm_id[order.perm_id] = order
        self._working[order.perm_id] = order
        if order.order_id:
            self._by_key[order.client_id, order.order_id] = order
        if order.order_id > self._highest.get(order.client_id, 0):
            self._highest[order.client_id] = order.order_id

    def find(self, client_id: int, order_id: int) -> Order | None:
        return self._by_key.get((client_id, order_id))

    def by_perm_id(self, perm_id: int) -> Order | None:
        return self._by_perm_id.get(perm_id)

    def working(self) -> list[Order]:
        """Oldest first, including those not yet transmitted."""
        done = [perm_id for perm_id, order in self._working.items() if not order.is_working]
        for perm_id in done:
            del self._working[perm_id]
        return list(self._working.values())

    def all(self) -> Iterator[Order]:
        return iter(self._by_perm_id.values())

    def since(self, perm_id: int) -> list[Order]:
        """Orders that came after a permId, oldest first: permIds only go up."""
        newer = takewhile(lambda order: order.perm_id > perm_id, reversed(self._by_perm_id.values()))
        return list(newer)[::-1]

    def group(self, order: Order) -> list[Order]:
        """The other working orders of an order's OCA group."""
        if not order.oca_group:
            return []
        return [
            other
            for other in self.working()
            if other is not order and other.oca_group == order.oca_group and other.account == order.account
        ]

    def check_new_id(self, client_id: int, order_id: int) -> None:
        """RequestError 103 unless the id is higher than all this client used before."""
        if order_id <= self._highest.get(client_id, 0):
            raise RequestError(103, f"Duplicate order id: {order_id}")

    def next_order_id(self, client_id: int) -> int:
        return self._highest.get(client_id, 0) + 1

    def reset_order_ids(self) -> None:
        """As after a restart of the gateway: ids start again behind those of orders that still work."""
        self._by_key = {key: order for key, order in self._by_key.items() if order.is_working}
        self._highest = {}
        for client_id, order_id in self._by_key:
            self._highest[client_id] = max(order_id, self._highest.get(client_id, 0))

    @property
    def highest_order_ids(self) -> Mapping[int, int]:
        """By client."""
        return self._highest

    def restore(self, orders: Iterable[Order], highest: Mapping[int, int]) -> None:
        """Replaces everything. Finished orders whose ids were given back stay without them."""
        kept = list(orders)
        self._by_perm_id = {order.perm_id: order for order in kept}
        self._working = {order.perm_id: order for order in kept if order.is_working}
        self._highest = dict(highest)
        self._by_key = {
            (order.client_id, order.order_id): order
            for order in kept
            if order.order_id and (order.is_working or order.order_id <= highest.get(order.client_id, 0))
        }

    def bind(self, order: Order) -> None:
        """Gives an order entered by hand its negative id of client 0."""
        lowest = min((order_id for client_id, order_id in self._by_key if client_id == 0), default=0)
        order.order_id = order.request.order_id = min(lowest, 0) - 1
        self._by_key[order.client_id, order.order_id] = order
