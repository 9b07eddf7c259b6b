"""Any sequence of what people, the gateway and the broker do to orders: the ledger stays lawful and ends in the truth.

EXAMPLES=300 makes it a long form.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from apps.broker import ledger
from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side
from apps.broker.domain.orders import ENDED, TRANSITIONS
from apps.broker.exceptions import OrderError
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import ExecutionRow, OrderRow
from apps.broker.gateway.writer import write_changes, write_snapshot
from apps.broker.models import Execution, Order, OrderEvent, Trade
from apps.broker.services import Terms
from tests.broker.ledger.builders import (
    BEGIN,
    changes,
    execution_row,
    make_account,
    make_instrument,
    order_row,
    position_row,
    snapshot,
)

S = OrderState
T = TypeVar("T")
QUANTITY = 6
EXAMPLES = int(os.environ.get("EXAMPLES", "12"))
PICKS = st.integers(0, 5)


@dataclass
class AtBroker:
    """The truth about one order, whatever the ledger has heard of it."""

    pk: UUID
    perm_id: int
    side: Side
    ending: str = ""
    executions: dict[str, ExecutionRow] = field(default_factory=dict)

    @property
    def filled(self) -> int:
        return int(sum(row.quantity for row in self.executions.values()))

    @property
    def is_open(self) -> bool:
        return not self.ending and self.filled < QUANTITY

    def row(self, second: int) -> OrderRow:
        status = "Filled" if self.filled == QUANTITY else self.ending or "Submitted"
        at = BEGIN + timedelta(seconds=second)
        own = {"side": self.side, "quantity": QUANTITY, "filled": self.filled, "as_of": at}
        return order_row(self.perm_id, status, order_ref=str(self.pk), reason="(IBKR 202)" * bool(self.ending), **own)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.at_broker: list[AtBroker] = []
        self.told: dict[str, ExecutionRow] = {}
        self.second = 0

    def teardown(self) -> None:
        try:
            self.look()
            self.agrees()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # people

    @rule(side=st.sampled_from(Side))
    def propose(self, side: Side) -> None:
        terms = Terms(
            account=make_account(),
            instrument=make_instrument(),
            side=side,
            quantity=Decimal(QUANTITY),
            order_type=OrderType.MARKET,
            purpose=OrderPurpose.ENTRY,
            reason="machine",
        )
        broker.propose_order(terms=terms, idempotency_key=uuid4().hex, requested_by="machine")

    @rule(pick=PICKS, act=st.sampled_from(["approve", "deny", "cancel"]))
    def judge(self, pick: int, act: str) -> None:
        order = self._pick(pick, S)
        with suppress(OrderError):
            if order is not None and act == "approve":
                broker.approve_order(order_id=order.pk, actor="machine")
            elif order is not None and act == "deny":
                broker.deny_order(order_id=order.pk, reason="machine", actor="machine")
            elif order is not None:
                broker.request_cancel(order_id=order.pk, actor="machine")

    # the gateway

    @rule(pick=PICKS, arrives=st.booleans())
    def send(self, pick: int, arrives: bool) -> None:
        order = self._pick(pick, [S.APPROVED])
        if order is None:
            return
        ledger.move(order.pk, before=[S.APPROVED], after=S.SUBMITTING, message="sent", submitted_at=BEGIN)
        if arrives:
            self.at_broker.append(AtBroker(order.pk, len(self.at_broker) + 1, Side(order.side)))

    @rule(pick=PICKS)
    def give_up(self, pick: int) -> None:
        order = self._pick(pick, [S.SUBMITTING])
        if order is not None:
            ledger.move(order.pk, before=[S.SUBMITTING], after=S.UNRESOLVED, message="no answer")

    # the broker

    @precondition(lambda self: any(item.is_open for item in self.at_broker))
    @rule(pick=PICKS, units=st.integers(1, QUANTITY), is_heard=st.booleans())
    def execute(self, pick: int, units: int, is_heard: bool) -> None:
        item = _one([item for item in self.at_broker if item.is_open], pick)
        self.second += 1
        quantity = min(units, QUANTITY - item.filled)
        name = f"m.{item.perm_id}.{len(item.executions)}.01"
        row = execution_row(name, item.side, str(quantity), "100", second=self.second, perm_id=item.perm_id,
                            order_ref=str(item.pk))  # fmt: skip
        item.executions[row.exec_key] = row
        if is_heard:
            self._hear(row)

    @precondition(lambda self: any(item.executions for item in self.at_broker))
    @rule(pick=PICKS, price=st.integers(90, 110), is_heard=st.booleans())
    def correct(self, pick: int, price: int, is_heard: bool) -> None:
        item = _one([item for item in self.at_broker if item.executions], pick)
        row = _one(list(item.executions.values()), pick)
        newer = replace(row, revision=row.revision + 1, price=Decimal(price))
        newer = replace(newer, exec_id=f"{row.exec_key}.{newer.revision:02}")
        item.executions[row.exec_key] = newer
        if is_heard:
            self._hear(newer)

    @precondition(lambda self: any(item.is_open for item in self.at_broker))
    @rule(pick=PICKS, ending=st.sampled_from(["Cancelled", "Inactive"]), is_heard=st.booleans())
    def end(self, pick: int, ending: str, is_heard: bool) -> None:
        item = _one([item for item in self.at_broker if item.is_open], pick)
        item.ending = ending
        if is_heard:
            self._hear(item.row(self.second))

    # what is heard of it

    @precondition(lambda self: self.at_broker)
    @rule(pick=PICKS)
    def show(self, pick: int) -> None:
        self._hear(_one(self.at_broker, pick).row(self.second))

    @precondition(lambda self: self.told)
    @rule(pick=PICKS)
    def repeat(self, pick: int) -> None:
        self._hear(_one(list(self.told.values()), pick))

    @rule()
    def look(self) -> None:
        """Everything is asked anew."""
        self.second += 15
        rows = [item.row(self.second) for item in self.at_broker]
        executions = [row for item in self.at_broker for row in item.executions.values()]
        self.told |= {row.exec_id: row for row in executions}
        held = sum(row.quantity if row.side is Side.BUY else -row.quantity for row in executions)
        told = snapshot(
            [*executions, *(row for row in rows if row.is_open), position_row(str(held))],
            completed=[row for row in rows if not row.is_open],
            second=self.second,
        )
        write_snapshot(told, Changes(), 1)
        self.agrees()

    def _hear(self, row: ExecutionRow | OrderRow) -> None:
        if isinstance(row, ExecutionRow):
            self.told[row.exec_id] = row
        write_changes(changes(row), 1)

    def _pick(self, pick: int, states: object) -> Order | None:
        orders = list(Order.objects.filter(state__in=list(states)).order_by("created_at"))  # type: ignore[call-overload]
        return _one(orders, pick) if orders else None

    # what must hold

    def agrees(self) -> None:
        """After a complete look the ledger says what is true."""
        for item in self.at_broker:
            order = Order.objects.get(pk=item.pk)
            assert order.filled_quantity == item.filled and order.perm_id == item.perm_id
            if item.filled == QUANTITY:
                assert order.state == S.FILLED
            elif item.is_open:
                assert order.state == S.WORKING
            else:
                assert order.state in (S.CANCELLED, S.REJECTED)
            if item.filled:
                paid = sum(row.quantity * row.price for row in item.executions.values())
                assert order.average_fill_price == round(paid / item.filled, 8)

    @invariant()
    def every_step_was_lawful(self) -> None:
        for before, after in OrderEvent.objects.exclude(before="").values_list("before", "after"):
            assert before == after or S(after) in TRANSITIONS[S(before)]

    @invariant()
    def nothing_was_doubled(self) -> None:
        arrived = {item.pk for item in self.at_broker}
        assert not Order.objects.filter(is_external=True).exists()
        assert not Order.objects.exclude(pk__in=arrived).exclude(perm_id=None).exists()

    @invariant()
    def filled_means_executed(self) -> None:
        executed: defaultdict[str, Decimal] = defaultdict(Decimal)
        for reference, quantity in Execution.objects.filter(is_current=True).values_list("order_ref", "quantity"):
            executed[reference] += quantity
        for order in Order.objects.filter(state=S.FILLED):
            assert executed[str(order.pk)] == QUANTITY
        for order in Order.objects.filter(state__in=ENDED):
            assert order.filled_quantity >= executed[str(order.pk)]

    @invariant()
    def trades_hold_what_was_executed(self) -> None:
        rows = Execution.objects.filter(is_current=True).values_list("side", "quantity")
        held = sum((quantity if side == Side.BUY else -quantity for side, quantity in rows), Decimal(0))
        open_trades = Trade.objects.filter(closed_at=None).values_list("direction", "open_quantity")
        assert sum((units if way == "long" else -units for way, units in open_trades), Decimal(0)) == held


def _one(rows: list[T], pick: int) -> T:
    return rows[pick % len(rows)]


@pytest.mark.django_db
def test_ledger_survives_any_sequence() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=20, suppress_health_check=list(HealthCheck)),
    )
