"""Many executions, told in parts, corrected, told again and in lists: the ledger and the trades are exact.

EXECUTIONS=100000 makes it a long form.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import ExecutionRow
from apps.broker.gateway.writer import write_changes, write_snapshot
from apps.broker.models import Closing, Execution, Order, OrderEvent, Trade
from apps.broker.services import trades
from tests.broker.ledger.builders import (
    BEGIN,
    changes,
    commission_row,
    execution_row,
    instrument_row,
    make_account,
    make_instrument,
    order_row,
    position_row,
    snapshot,
)

pytestmark = pytest.mark.django_db

COUNT = int(os.environ.get("EXECUTIONS", "250"))
SYMBOLS = [instrument_row(f"S{number}", 100 + number) for number in range(max(5, COUNT // 2000))]
FEE = Decimal("0.35")


def make_orders(count: int) -> list[Order]:
    account = make_account()
    known = [make_instrument(row.symbol, row.con_id) for row in SYMBOLS]
    orders = [
        Order(
            idempotency_key=f"replay {number}",
            account=account,
            instrument=known[number % len(known)],
            side=Side.BUY if number // len(known) % 3 else Side.SELL,
            quantity=10,
            order_type=OrderType.MARKET,
            purpose=OrderPurpose.ENTRY,
            reason="replay",
            requested_by="test",
            strategy="replay",
        )
        for number in range(count)
    ]
    Order.objects.bulk_create(orders)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING):
        Order.objects.update(state=state)
    return orders


def told(orders: list[Order], chance: random.Random) -> Iterator[ExecutionRow]:
    """A fifth of the orders in two or three parts; a twentieth of the executions corrected afterwards."""
    second = 0
    for number, order in enumerate(orders, start=1):
        parts = chance.choice([("4", "6"), ("1", "2", "7")]) if chance.random() < 0.2 else ("10",)
        for place, quantity in enumerate(parts):
            second += 1
            row = execution_row(
                f"e.{number}.{place}.01",
                Side(order.side),
                quantity,
                str(chance.randint(9000, 11000) / Decimal(100)),
                second=second,
                perm_id=number,
                order_ref=str(order.pk),
                instrument=SYMBOLS[(number - 1) % len(SYMBOLS)],
            )
            yield row
            if chance.random() < 0.05:
                price = row.price + Decimal(chance.randint(1, 99)) / 100
                yield replace(row, exec_id=f"e.{number}.{place}.02", revision=2, price=price)


def current(rows: list[ExecutionRow]) -> list[ExecutionRow]:
    newest: dict[str, ExecutionRow] = {}
    for row in rows:
        if row.exec_key not in newest or newest[row.exec_key].revision < row.revision:
            newest[row.exec_key] = row
    return list(newest.values())


def walk(rows: list[ExecutionRow]) -> Decimal:
    """What was earned, share by share."""
    held: deque[tuple[int, Decimal]] = deque()
    gained = Decimal(0)
    for row in rows:
        side = 1 if row.side is Side.BUY else -1
        for _ in range(int(row.quantity)):
            if held and held[0][0] != side:
                gained += (row.price - held.popleft()[1]) * -side
            else:
                held.append((side, row.price))
    return gained


def test_replayed_corrected_and_partial_executions_are_counted_exactly() -> None:
    chance = random.Random(20260302)
    orders = make_orders(int(COUNT / 1.35))
    rows = list(told(orders, chance))
    hear(rows, chance)
    exact(orders, rows)
    events, stored = OrderEvent.objects.count(), set(Trade.objects.values_list("id", "net_pnl", "closed_at"))
    look(rows)
    exact(orders, rows)
    assert OrderEvent.objects.count() == events, "lists that tell nothing new leave no trace"
    assert set(Trade.objects.values_list("id", "net_pnl", "closed_at")) == stored
    for account_id, instrument_id in trades.traded_instruments():
        assert trades.rebuild_trades(account_id=account_id, instrument_id=instrument_id, dry_run=True).changed == 0


def hear(rows: list[ExecutionRow], chance: random.Random) -> None:
    """In batches, as they come; three of ten are told once more."""
    place = 0
    while place < len(rows):
        size = chance.randint(1, 40)
        batch = rows[place : place + size]
        again = [row for row in rows[max(0, place - 500) : place] if chance.random() < 0.3 * size / 500]
        paid = [commission_row(row.exec_id, str(FEE)) for row in batch]
        write_changes(changes(*batch, *again, *paid), 1)
        place += size


def look(rows: list[ExecutionRow]) -> None:
    ended = [
        order_row(
            perm_id, "Filled", quantity=10, filled=10, side=row.side, order_ref=row.order_ref, instrument=row.instrument
        )  # fmt: skip
        for perm_id, row in {row.perm_id: row for row in rows}.items()
    ]
    held: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in current(rows):
        held[row.instrument.con_id] += row.quantity if row.side is Side.BUY else -row.quantity
    positions = [position_row(str(held[row.con_id]), row) for row in SYMBOLS]
    write_snapshot(snapshot([*rows, *positions], completed=ended, second=1e6), Changes(), 1)


def exact(orders: list[Order], rows: list[ExecutionRow]) -> None:
    counted = current(rows)
    assert Execution.objects.filter(is_current=True).count() == len(counted)
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in counted:
        amounts[row.order_ref] += row.quantity * row.price
    found = {order.pk: order for order in Order.objects.all()}
    assert len(found) == len(orders), "nothing was taken for somebody else's"
    for order in found.values():
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, 10)
        assert order.average_fill_price == round(amounts[str(order.pk)] / 10, 8)
    gained = Decimal(0)
    for symbol in SYMBOLS:
        gained += walk([row for row in counted if row.instrument.con_id == symbol.con_id])
    closings = list(Closing.objects.values_list("exit_value", "entry_value", "trade__direction"))
    gross = sum((exit_ - entry) * (1 if way == "long" else -1) for exit_, entry, way in closings)
    assert gross == gained
    assert set(Trade.objects.values_list("strategy", flat=True)) == {"replay"}
    assert min(row.executed_at for row in rows) > BEGIN
