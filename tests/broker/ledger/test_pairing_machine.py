"""Executions in any order, late, corrected, their commissions later still: the stored trades are those of a slow walk.

EXAMPLES=300 makes it a long form.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from apps.broker.choices import Side
from apps.broker.gateway.rows import ExecutionRow
from apps.broker.gateway.writer import write_changes
from apps.broker.models import Closing, PairingCheckpoint, Trade
from apps.broker.services import trades
from tests.broker.ledger.builders import changes, commission_row, execution_row, make_account, make_instrument

EXAMPLES = int(os.environ.get("EXAMPLES", "15"))
PICKS = st.integers(0, 20)
DAY = 24 * 3600


@dataclass
class Walked:
    gross: Decimal = Decimal(0)
    fees: Fraction = Fraction(0)
    closed: int = 0
    held: int = 0
    flat: int = 0


def walk(rows: Iterable[ExecutionRow], paid: dict[str, Decimal]) -> Walked:
    """Unit by unit, the oldest first: slow, and too plain to be wrong."""
    open_units: deque[tuple[int, Decimal, Fraction]] = deque()
    found = Walked()
    for row in rows:
        side = 1 if row.side is Side.BUY else -1
        fee = Fraction(paid.get(row.exec_key, Decimal(0))) / int(row.quantity)
        for _ in range(int(row.quantity)):
            if open_units and open_units[0][0] != side:
                opened, price, opening_fee = open_units.popleft()
                found.gross += (row.price - price) * opened
                found.fees += opening_fee + fee
                found.closed += 1
                found.flat += not open_units
            else:
                open_units.append((side, row.price, fee))
    found.held = sum(side for side, *_ in open_units)
    return found


class PairingMachine(RuleBasedStateMachine):
    """`at_broker` holds each execution as it stands, by the moment of its execution."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        make_account()
        make_instrument()
        self.at_broker: dict[int, ExecutionRow] = {}
        self.paid: dict[str, Decimal] = {}

    def teardown(self) -> None:
        try:
            for account_id, instrument_id in trades.traded_instruments():
                rebuilt = trades.rebuild_trades(account_id=account_id, instrument_id=instrument_id, dry_run=True)
                assert rebuilt.changed == 0
                carried = self._checkpoints()
                trades.rebuild_trades(account_id=account_id, instrument_id=instrument_id)
                assert self._checkpoints() == carried, "each midnight leaves what a derivation of everything leaves"
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @rule(
        moment=st.integers(0, 12 * DAY // 600),
        side=st.sampled_from(Side),
        units=st.integers(1, 6),
        price=st.integers(90, 110),
        order=st.integers(1, 4),
        fee=st.sampled_from(["0", "1", "0.35"]),
        is_paid=st.booleans(),
    )
    def execute(self, moment: int, side: Side, units: int, price: int, order: int, fee: str, is_paid: bool) -> None:
        """At any moment of twelve days, heard now: before what is known, or after it."""
        second = moment * 600
        while second in self.at_broker:
            second += 1
        perm_id = order if side is Side.BUY else order + 10
        name = f"p.{second}.01"
        row = execution_row(name, side, str(units), str(price), second=second, perm_id=perm_id)
        self.at_broker[second] = row
        self._hear(row, *([self._pay(row, fee)] if is_paid else []))

    @precondition(lambda self: self.at_broker)
    @rule(pick=PICKS, price=st.integers(90, 110))
    def correct(self, pick: int, price: int) -> None:
        second, row = self._one(pick)
        newer = replace(row, revision=row.revision + 1, price=Decimal(price))
        newer = replace(newer, exec_id=f"{row.exec_key}.{newer.revision:02}")
        self.at_broker[second] = newer
        self._hear(newer, *([self._pay(newer, str(self.paid[row.exec_key]))] if row.exec_key in self.paid else []))

    @precondition(lambda self: self.at_broker)
    @rule(pick=PICKS, fee=st.sampled_from(["0", "1", "0.35", "-0.2"]))
    def pay(self, pick: int, fee: str) -> None:
        _, row = self._one(pick)
        self._hear(self._pay(row, fee))

    @precondition(lambda self: self.at_broker)
    @rule(pick=PICKS)
    def repeat(self, pick: int) -> None:
        _, row = self._one(pick)
        before = set(Closing.objects.values_list("pk", flat=True))
        self._hear(row)
        assert set(Closing.objects.values_list("pk", flat=True)) == before, "what is known already rewrites nothing"

    def _checkpoints(self) -> list[tuple[object, ...]]:
        return list(PairingCheckpoint.objects.order_by("at").values_list("at", "number", "lots", "trip"))

    def _pay(self, row: ExecutionRow, fee: str) -> object:
        self.paid[row.exec_key] = Decimal(fee)
        return commission_row(row.exec_id, fee)

    def _hear(self, *rows: object) -> None:
        write_changes(changes(*rows), 1)

    def _one(self, pick: int) -> tuple[int, ExecutionRow]:
        rows = sorted(self.at_broker.items())
        return rows[pick % len(rows)]

    @invariant()
    def trades_are_those_of_the_walk(self) -> None:
        walked = walk((row for _, row in sorted(self.at_broker.items())), self.paid)
        closings = list(
            Closing.objects.values_list("exit_value", "entry_value", "trade__direction", "quantity", "commission")
        )
        gross = sum(((exit_ - entry) * (1 if way == "long" else -1) for exit_, entry, way, *_ in closings), Decimal(0))
        assert gross == walked.gross
        assert sum((quantity for *_, quantity, _ in closings), Decimal(0)) == walked.closed
        fees = sum((Fraction(fee) for *_, fee in closings), Fraction(0))
        assert abs(fees - walked.fees) <= Fraction(len(closings), 10**8)
        stored = list(Trade.objects.order_by("number").values_list("direction", "open_quantity", "closed_at"))
        assert sum((units if way == "long" else -units for way, units, _ in stored), Decimal(0)) == walked.held
        assert sum(closed_at is not None for *_, closed_at in stored) == walked.flat
        assert all(closed_at is not None for *_, closed_at in stored[:-1]), "only the last one may be open"


@pytest.mark.django_db
def test_stored_trades_survive_any_sequence() -> None:
    run_state_machine_as_test(
        PairingMachine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
