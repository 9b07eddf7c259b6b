"""Against the simulator, through a real gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models import QuerySet

from apps.broker import gate
from apps.broker.choices import OrderPurpose
from apps.broker.models import Execution, Order
from apps.broker.simulator.testing import SimulatorProcess
from apps.risk import reconciliation_selectors
from apps.risk.choices import BreakState, RunTrigger
from apps.risk.models import Break, OpeningBalance, ReconciliationRun
from apps.risk.services.reconciliation import reconcile
from tests.broker.gateway.running import running, wait_until_tables_agree
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.known import Known
from tradeops.sentinel import guarding
from tradeops.sentinel.guarding import Comparisons

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process
    connections.close_all()


def look() -> ReconciliationRun:
    return reconcile(trigger=RunTrigger.SCHEDULE)


def adopt(simulator: SimulatorProcess) -> None:
    wait_until_tables_agree(simulator)
    wait_for(lambda: look().is_clean, seconds=15, what="the first clean reconciliation")


@pytest.mark.mission(158)
@pytest.mark.mission(159)
def test_trade_by_hand_is_followed_and_one_without_its_execution_is_a_break(simulator: SimulatorProcess) -> None:
    with running(simulator):
        adopt(simulator)
        before = OpeningBalance.objects.get(instrument__symbol="SPY", instrument__sec_type="STK").quantity
        simulator.control("trade SPY BUY 5")
        wait_until_tables_agree(simulator)
        wait_for(lambda: look().is_clean, seconds=25, what="followed")
        assert Order.objects.filter(is_external=True, instrument__symbol="SPY").exists()
        assert isinstance(reconciliation_selectors.is_clean(), Known)

        # What the ledger was never told of: it forgets the execution, the broker's position stays.
        lost = Execution.objects.get(instrument__symbol="SPY")
        Execution.objects.filter(pk=lost.pk).update(is_current=False, as_of=lost.as_of - timedelta(minutes=1))
        Order.objects.filter(is_external=True).update(updated_at=lost.as_of - timedelta(minutes=1))
        wait_for(lambda: look() and Break.objects.filter(state=BreakState.OPEN).exists(), seconds=15)
        row = Break.objects.get(state=BreakState.OPEN)
        assert (row.kind, row.ledger_value, row.broker_value) == ("position", f"{before:.0f}", f"{before + 5:.0f}")
        assert not gate.look(con_id=lost.instrument.con_id).admits(OrderPurpose.ENTRY)
        output = StringIO()
        with pytest.raises(CommandError, match="ledger and broker differ"):
            call_command("reconcile", "--json", "--user", "rita", stdout=output)
        report = json.loads(output.getvalue())
        assert (report["positions_match"], report["pending_orders_match"], report["account_value_matches"]) == (
            False,
            True,
            True,
        )

        # The other side of the trade, by hand as well: both sides agree again, and the lock goes by itself.
        Execution.objects.filter(pk=lost.pk).update(is_current=True)
        for _ in range(2):
            assert look().is_clean is True
        row.refresh_from_db()
        assert row.state == BreakState.CLEARED
        assert gate.look(con_id=lost.instrument.con_id).admits(OrderPurpose.ENTRY)


@pytest.mark.mission(158)
def test_execution_that_was_never_reported_is_found_within_the_minute(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's own fault, and found by the sentinel's look: nobody waits for the job."""
    monkeypatch.setattr(guarding, "COMPARE_SECONDS", 0.2)
    turns = Comparisons(again_seconds=0.2)
    with running(simulator):
        adopt(simulator)
        before = OpeningBalance.objects.get(instrument__symbol="SPY", instrument__sec_type="STK").quantity
        wait_for(lambda: turns.turn() and watched().filter(positions_match=True).exists(), what="all is well")
        simulator.control("swallow-exec 1")
        simulator.control("trade SPY BUY 5")
        wait_for(lambda: turns.turn() and Break.objects.filter(kind="position", state=BreakState.OPEN).exists())
        row = Break.objects.get(kind="position")
        assert (row.ledger_value, row.broker_value) == (f"{before:.0f}", f"{before + 5:.0f}")
        assert row.instrument is not None
        assert not gate.look(con_id=row.instrument.con_id).admits(OrderPurpose.ENTRY)
        assert not Execution.objects.filter(instrument__symbol="SPY").exists()
        assert watched().latest("started_at").is_clean is False


def watched() -> QuerySet[ReconciliationRun]:
    return ReconciliationRun.objects.filter(trigger=RunTrigger.WATCH)


def test_broker_that_does_not_answer_leaves_the_verdict_open(simulator: SimulatorProcess) -> None:
    with running(simulator):
        adopt(simulator)
        simulator.control("1100")
        wait_for(lambda: "do not follow" in look().problem, seconds=10)
        assert look().is_clean is None
        simulator.control("1102")
        wait_for(lambda: look().is_clean, seconds=20)


@pytest.mark.mission(158)
def test_sentinel_compares_once_after_every_login(simulator: SimulatorProcess) -> None:
    turns = Comparisons(again_seconds=0.2)
    with running(simulator) as gateway:

        def compared() -> list[str]:
            turns.turn()
            return [run.verdict for run in ReconciliationRun.objects.filter(trigger=RunTrigger.START)]

        wait_for(lambda: "agree" in compared(), seconds=15)
        epoch = gateway.wait_ready().epoch
        assert not reconciliation_selectors.needs_start(now=clock.now())
        simulator.control("drop all")
        wait_for(lambda: gateway.wait_ready(30).epoch > epoch, seconds=30)
        assert reconciliation_selectors.needs_start(now=clock.now())
        wait_for(lambda: compared().count("agree") >= 2, seconds=15)
