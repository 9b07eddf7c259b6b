"""Compares the ledger with the broker's own books: whatever differs is a sentence, with the order that it is about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

from apps.broker import selectors
from apps.broker.choices import OrderState, OrderType, TradeDirection
from apps.broker.models import Execution, Order, Trade
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.chaos.model import Row, latest, round_trips
from tests.broker.gateway.running import shown_positions, true_positions

S = OrderState
NEVER_THERE = {S.DENIED, S.REJECTED, S.CANCELLED, S.EXPIRED}
MAY_BECOME = {"Filled": {S.FILLED}, "Cancelled": {S.CANCELLED, S.EXPIRED}, "Inactive": {S.REJECTED}}
# What the broker rounds and we do not.
SLACK = Decimal("0.000001")
CENTS = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Books:
    """The broker's, as the simulator keeps them for itself."""

    orders: list[Row]
    executions: list[Row]
    positions: Mapping[tuple[str, int], Decimal]

    def of(self, order: Order) -> list[Row]:
        return [row for row in self.orders if row["order_ref"] == str(order.pk)]

    def executed(self, order: Order) -> list[Row]:
        return [row for row in latest(self.executions) if row["order_ref"] == str(order.pk)]


def books_of(simulator: SimulatorProcess) -> Books:
    executions, orders = simulator.control("executions")["executions"], simulator.control("orders")["orders"]
    return Books(orders, executions, true_positions(simulator))


@dataclass(frozen=True, slots=True)
class Difference:
    order: UUID | None
    text: str

    def __str__(self) -> str:
        return f"{self.order}: {self.text}" if self.order else self.text


def differences(books: Books, intents: Collection[UUID]) -> list[Difference]:
    orders = list(
        Order.objects.filter(is_external=False).select_related("account", "instrument").order_by("created_at")
    )
    found = [Difference(order.pk, text) for order in orders for text in _of_order(order, books)]
    found += [Difference(None, text) for text in _of_everything(orders, books, intents)]
    return found


def _of_everything(orders: list[Order], books: Books, intents: Collection[UUID]) -> Iterator[str]:
    known, counted = {str(order.pk) for order in orders}, Counter(row["order_ref"] for row in books.orders)
    if {order.pk for order in orders} != set(intents):
        yield f"{len(orders)} orders in the ledger, {len(intents)} intents"
    yield from (f"{ref} is at the broker and not in the ledger" for ref in counted.keys() - known)
    yield from (f"{ref} is at the broker {count} times" for ref, count in counted.items() if count > 1)
    adopted = Order.objects.filter(is_external=True).count()
    if adopted:
        yield f"{adopted} orders are taken for those of others"
    if shown_positions() != books.positions:
        yield f"positions {shown_positions()}, at the broker {books.positions}"
    yield from _of_executions(books)
    yield from _of_trades(books)


def _of_order(order: Order, books: Books) -> Iterator[str]:
    rows = books.of(order)
    if not rows:
        if order.state not in NEVER_THERE or order.filled_quantity:
            yield f"{order.state}, {order.filled_quantity.normalize():f} filled; the broker has no such order"
        return
    [row, *_] = rows
    if order.state not in MAY_BECOME.get(row["status"], {S.WORKING}):
        yield f"{order.state}, at the broker {row['status']} ({row['reason']})"
    yield from _of_terms(order, row)
    yield from _of_fills(order, row, books.executed(order))


def _of_terms(order: Order, row: Row) -> Iterator[str]:
    """The broker takes units off the others of a bracket or group by itself; of those only prices are compared."""
    seen: dict[str, tuple[object, object]] = {
        "perm_id": (order.perm_id, row["perm_id"]),
        "side": (order.side, row["action"]),
        "order_type": (order.order_type, row["order_type"]),
        "con_id": (order.instrument.con_id, row["con_id"]),
    }
    if order.parent_id is None and not order.oca_group:
        seen["quantity"] = order.quantity, Decimal(row["quantity"])
    if order.order_type == OrderType.LIMIT:
        seen["limit_price"] = order.limit_price, Decimal(str(row["limit_price"]))
    if order.order_type == OrderType.STOP:
        seen["stop_price"] = order.stop_price, Decimal(str(row["aux_price"]))
    yield from (f"{name} {ours}, at the broker {theirs}" for name, (ours, theirs) in seen.items() if ours != theirs)


def _of_fills(order: Order, row: Row, executed: list[Row]) -> Iterator[str]:
    filled = sum((Decimal(each["shares"]) for each in executed), Decimal(0))
    if not order.filled_quantity == filled == Decimal(row["filled"]):
        yield f"filled {order.filled_quantity}, by executions {filled}, by the broker's count {row['filled']}"
    if not filled:
        return
    average = sum((Decimal(each["shares"]) * Decimal(str(each["price"])) for each in executed), Decimal(0)) / filled
    if order.average_fill_price is None or abs(order.average_fill_price - average) > SLACK:
        yield f"average price {order.average_fill_price}, by executions {average}"


def _of_executions(books: Books) -> Iterator[str]:
    rows = Execution.objects.filter(is_current=True)
    shown = {
        exec_id: values
        for exec_id, *values in rows.values_list("exec_id", "quantity", "price", "order_ref", "commission__amount")
    }
    true = {row["exec_id"]: _values(row) for row in latest(books.executions)}
    for exec_id in sorted(shown.keys() | true.keys()):
        if shown.get(exec_id) != true.get(exec_id):
            yield f"execution {exec_id}: {shown.get(exec_id)}, at the broker {true.get(exec_id)}"


def _values(row: Row) -> list[object]:
    return [Decimal(row["shares"]), Decimal(str(row["price"])), row["order_ref"], Decimal(row["commission"])]


def _of_trades(books: Books) -> Iterator[str]:
    by_instrument: defaultdict[int, list[Row]] = defaultdict(list)
    for row in books.executions:
        by_instrument[row["con_id"]].append(row)
    for con_id, rows in by_instrument.items():
        wanted = [
            (trip.is_long, trip.units, trip.open_units, trip.gross, trip.commissions, trip.gross - trip.commissions)
            for trip in round_trips(rows)
        ]
        trades = Trade.objects.filter(instrument__con_id=con_id).order_by("number")
        derived = [
            (
                trade.direction == TradeDirection.LONG,
                *(trade.quantity, trade.open_quantity, trade.gross_pnl, trade.commissions, trade.net_pnl),
            )
            for trade in trades
        ]
        if not are_near(wanted, derived):
            yield f"trades of {rows[0]['symbol']}: {derived}, by the model {wanted}"


def are_near(wanted: list[tuple[Any, ...]], derived: list[tuple[Any, ...]]) -> bool:
    if len(wanted) != len(derived):
        return False
    pairs = zip(chain(*wanted), chain(*derived), strict=True)
    return all(abs(ours - theirs) < CENTS for ours, theirs in pairs)


def stories(orders: Iterable[UUID], books: Books) -> str:
    """What the ledger and the broker tell of them."""
    told: list[str] = []
    for order in Order.objects.filter(pk__in=set(orders)).select_related("account", "instrument"):
        told += [f"--- {order.pk}", *selectors.order_story(order), *(f"broker: {row}" for row in books.of(order))]
    return "\n".join(told)
