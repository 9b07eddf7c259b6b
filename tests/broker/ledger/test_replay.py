"""Many executions, told in parts, corrected, told again and only after a reconnect: ledger and trades are exact.

REPLAY_EXECUTIONS=100000 (`make replay`) makes it the long form.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

import pytest

from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import ExecutionRow, InstrumentRow, OrderRow
from apps.broker.gateway.writer import write_changes, write_snapshot
from apps.broker.models import Closing, Execution, HoldingChange, Order, OrderEvent, Position, Trade
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

COUNT = int(os.environ.get("REPLAY_EXECUTIONS", "250"))
SEED = int(os.environ.get("REPLAY_SEED", "20260302"))
IS_LONG = COUNT >= 5000
DAYS = 20 if IS_LONG else 4
LARGEST_BATCH = 1000 if IS_LONG else 40
SYMBOLS = [instrument_row(f"S{number}", 100 + number) for number in range(20 if IS_LONG else 5)]
FEE = Decimal("0.35")
QUANTITY = 12
PARTS = [("4", "8"), ("1", "2", "9"), ("3",) * 4, ("2",) * 6, ("1",) * 12]
PARTIAL, CORRECTED, REPEATED, MISSED = 0.2, 0.05, 0.3, 0.1
REPORTS_PER_ORDER = (1 - PARTIAL + PARTIAL * sum(map(len, PARTS)) / len(PARTS)) * (1 + CORRECTED)


@dataclass
class Day:
    """What the broker did on one day, in its order. `missed` was reported while nobody listened."""

    told: list[ExecutionRow] = field(default_factory=list)
    missed: set[str] = field(default_factory=set)


def make_orders(count: int, chance: random.Random) -> list[Order]:
    """Positions are opened and closed again; one symbol of ten is never flat."""
    account = make_account()
    known = [make_instrument(row.symbol, row.con_id) for row in SYMBOLS]
    held = [0] * len(known)
    orders = []
    for number in range(count):
        place = number % len(known)
        drifts = place % 10 == 0
        buys = number // len(known) % 3 > 0 if drifts else chance.random() < (0.5 - 0.2 * held[place])
        held[place] += 1 if buys else -1
        orders.append(
            Order(
                idempotency_key=f"replay {number}",
                account=account,
                instrument=known[place],
                side=Side.BUY if buys else Side.SELL,
                quantity=QUANTITY,
                order_type=OrderType.MARKET,
                purpose=OrderPurpose.ENTRY,
                reason="replay",
                requested_by="test",
                strategy="replay",
            )
        )
    Order.objects.bulk_create(orders, batch_size=5000)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING):
        Order.objects.update(state=state)
    return orders


def executed(orders: list[Order], chance: random.Random) -> Iterator[tuple[ExecutionRow, bool]]:
    """Reports with whether they were missed: a fifth of the orders in parts, a twentieth corrected, a tenth missed."""
    second = 0
    for number, order in enumerate(orders, start=1):
        parts = chance.choice(PARTS) if chance.random() < PARTIAL else (str(QUANTITY),)
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
            yield row, chance.random() < MISSED
            if chance.random() < CORRECTED:
                price = row.price + Decimal(chance.randint(1, 99)) / 100
                newer = replace(row, exec_id=f"e.{number}.{place}.02", revision=2, price=price)
                yield newer, chance.random() < MISSED


def days_of(orders: list[Order], chance: random.Random) -> list[Day]:
    per_day = -(-len(orders) // DAYS)
    days: defaultdict[int, Day] = defaultdict(Day)
    for row, is_missed in executed(orders, chance):
        day = days[(row.perm_id - 1) // per_day]
        day.told.append(row)
        if is_missed:
            day.missed.add(row.exec_id)
    return [days[number] for number in sorted(days)]


def current(rows: list[ExecutionRow]) -> list[ExecutionRow]:
    newest: dict[str, ExecutionRow] = {}
    for row in rows:
        if row.exec_key not in newest or newest[row.exec_key].revision < row.revision:
            newest[row.exec_key] = row
    return list(newest.values())


@dataclass
class Walked:
    gross: Decimal = Decimal(0)
    fees: Fraction = Fraction(0)
    held: int = 0
    flat: int = 0


def walk(rows: list[ExecutionRow]) -> Walked:
    """What was earned, share by share."""
    held: deque[tuple[int, Decimal, Fraction]] = deque()
    found = Walked()
    for row in rows:
        side, fee = (1 if row.side is Side.BUY else -1), Fraction(FEE) / int(row.quantity)
        for _ in range(int(row.quantity)):
            if held and held[0][0] != side:
                _, price, opening_fee = held.popleft()
                found.gross += (row.price - price) * -side
                found.fees += opening_fee + fee
                found.flat += not held
            else:
                held.append((side, row.price, fee))
    found.held = sum(side for side, *_ in held)
    return found


def test_replayed_corrected_partial_and_missed_executions_are_counted_exactly() -> None:
    chance = random.Random(SEED)
    orders = make_orders(round(COUNT / REPORTS_PER_ORDER), chance)
    days = days_of(orders, chance)
    so_far: list[ExecutionRow] = []
    for number, day in enumerate(days, start=1):
        hear(day, chance)
        so_far += day.told
        reconnect(day, so_far)
        assert Execution.objects.filter(is_current=True).count() == len(current(so_far))
        print(f"day {number} of {DAYS}: {len(so_far)} reports, {len(day.missed)} of the day's came by the reconnect")
    exact(orders, so_far)
    events, stored = OrderEvent.objects.count(), set(Trade.objects.values_list("id", "net_pnl", "closed_at"))
    reconnect(days[-1], so_far)
    exact(orders, so_far)
    assert OrderEvent.objects.count() == events, "lists that tell nothing new leave no trace"
    assert set(Trade.objects.values_list("id", "net_pnl", "closed_at")) == stored
    for account_id, instrument_id in trades.traded_instruments():
        assert trades.rebuild_trades(account_id=account_id, instrument_id=instrument_id, dry_run=True).changed == 0


def hear(day: Day, chance: random.Random) -> None:
    """In batches, as they come; three of ten are told once more."""
    rows = [row for row in day.told if row.exec_id not in day.missed]
    place = 0
    while place < len(rows):
        size = chance.randint(1, LARGEST_BATCH)
        batch = rows[place : place + size]
        before = rows[max(0, place - 500) : place]
        again = [row for row in before if chance.random() < REPEATED * size / len(before)]
        paid = [commission_row(row.exec_id, str(FEE)) for row in batch]
        write_changes(changes(*batch, *again, *paid), 1)
        place += size


def reconnect(day: Day, so_far: list[ExecutionRow]) -> None:
    """The broker lists the day's executions and orders, and every position."""
    second = (so_far[-1].executed_at - BEGIN).total_seconds() + 0.5
    ended = [filled_row(perm_id, row) for perm_id, row in {row.perm_id: row for row in day.told}.items()]
    paid = [commission_row(row.exec_id, str(FEE)) for row in day.told]
    held = holdings(so_far)
    positions = [position_row(str(held[row.con_id]), row, second=second) for row in SYMBOLS]
    write_snapshot(snapshot([*day.told, *paid, *positions], completed=ended, second=second), Changes(), 1)


def filled_row(perm_id: int, row: ExecutionRow) -> OrderRow:
    own = {"side": row.side, "order_ref": row.order_ref, "instrument": row.instrument}
    return order_row(perm_id, "Filled", quantity=QUANTITY, filled=QUANTITY, **own)


def holdings(rows: list[ExecutionRow]) -> defaultdict[int, Decimal]:
    held: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in current(rows):
        held[row.instrument.con_id] += row.quantity if row.side is Side.BUY else -row.quantity
    return held


def exact(orders: list[Order], rows: list[ExecutionRow]) -> None:
    counted = current(rows)
    assert set(Execution.objects.values_list("exec_id", flat=True)) == {row.exec_id for row in rows}
    current_ids = Execution.objects.filter(is_current=True).values_list("exec_id", flat=True)
    assert set(current_ids) == {row.exec_id for row in counted}
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in counted:
        amounts[row.order_ref] += row.quantity * row.price
    found = {order.pk: order for order in Order.objects.all()}
    assert len(found) == len(orders), "nothing was taken for somebody else's"
    for order in found.values():
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, QUANTITY)
        assert order.average_fill_price == round(amounts[str(order.pk)] / QUANTITY, 8)
    assert not HoldingChange.objects.exclude(quantity=0).exists(), "nothing is held that no execution explains"
    held = holdings(rows)
    shown = dict(Position.objects.values_list("instrument__con_id", "quantity"))
    assert {con_id: quantity for con_id, quantity in shown.items() if quantity} == {
        con_id: quantity for con_id, quantity in held.items() if quantity
    }
    by_symbol: defaultdict[int, list[ExecutionRow]] = defaultdict(list)
    for row in counted:
        by_symbol[row.instrument.con_id].append(row)
    for symbol in SYMBOLS:
        exact_trades(symbol, by_symbol[symbol.con_id])
    assert set(Trade.objects.values_list("strategy", flat=True)) == {"replay"}


def exact_trades(symbol: InstrumentRow, rows: list[ExecutionRow]) -> None:
    walked = walk(rows)
    own = Closing.objects.filter(trade__instrument__con_id=symbol.con_id)
    closings = list(own.values_list("exit_value", "entry_value", "trade__direction", "commission", "net"))
    gross = sum(((exit_ - entry) * (1 if way == "long" else -1) for exit_, entry, way, *_ in closings), Decimal(0))
    fees = sum((fee for *_, fee, _ in closings), Decimal(0))
    net = sum((net for *_, net in closings), Decimal(0))
    assert (gross, net) == (walked.gross, gross - fees)
    assert abs(Fraction(fees) - walked.fees) <= Fraction(len(closings), 10**8), "shares of a fee are kept to 8 decimals"
    mine = list(Trade.objects.filter(instrument__con_id=symbol.con_id).values_list("direction", "open_quantity"))
    assert sum((units if way == "long" else -units for way, units in mine), Decimal(0)) == walked.held
    assert sum(not units for _, units in mine) == walked.flat
