"""Option positions captured from the simulated broker over TCP, by the real gateway, command, worker and job."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from ib_async import Contract

from apps.broker.models import Trade
from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.journal.models import Event
from apps.snapshots.models import PositionSnapshot
from tests.snapshots.conftest import Desk
from tests.snapshots.listed import listed
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(400)


def trade(desk: Desk, contract: Contract, side: str, quantity: int) -> Trade:
    """By hand in TWS; the trade as the ledger derives it, put back to before the last close.

    The simulated market trades at any hour, and what is opened after a close has no snapshot of that day.
    """
    desk.simulator.control(f"trade {contract.conId} {side} {quantity}")
    found = Trade.objects.filter(instrument__con_id=contract.conId, closed_at=None, open_quantity=quantity)
    # Once its commission is known nothing more is told of it, so nothing derives it anew.
    derived = wait_for(
        lambda: found.filter(commissions_known=True).first(), seconds=120, what=f"the trade of {contract.localSymbol}"
    )
    Trade.objects.filter(pk=derived.pk).update(opened_at=derived.opened_at - timedelta(days=7))
    return derived


def capture(desk: Desk, *options: str) -> dict[str, Any]:
    done = desk.manage("snapshot-positions", "--json", *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.mission(45)
@pytest.mark.mission(46)
def test_short_put_and_long_call_are_captured_once_a_day(desk: Desk) -> None:
    put, call = listed(desk.simulator, "SPY", "P", 0.95), listed(desk.simulator, "AAPL", "C", 1.05)
    short, long = trade(desk, put, "SELL", 5), trade(desk, call, "BUY", 2)
    quotes = desk.simulator.control("quote SPY")["quotes"]
    document = capture(desk)
    assert document["captured"] == 2
    row = PositionSnapshot.objects.get(trade=short)
    assert row.current_premium is not None and row.current_pnl is not None and row.stock_price is not None
    assert float(row.current_pnl) == pytest.approx(float((short.entry_price - row.current_premium) * 500))
    assert row.current_pnl_pct == pytest.approx(float(1 - row.current_premium / short.entry_price))
    assert float(row.stock_price) == pytest.approx(quotes[0]["last"], rel=0.01)
    assert row.distance_to_strike_pct == pytest.approx(1 - put.strike / float(row.stock_price))
    expiry = date.fromisoformat(put.lastTradeDateOrContractMonth)
    assert row.dte_remaining == (expiry - row.snapshot_date).days
    assert row.delta is not None and -0.5 < row.delta < 0 and row.iv is not None and 0 < row.iv < 2
    assert row.missing == {} and row.price_source == "market"
    other = PositionSnapshot.objects.get(trade=long)
    assert other.current_premium is not None and other.stock_price is not None
    assert float(other.current_pnl or 0) == pytest.approx(float((other.current_premium - long.entry_price) * 200))
    assert other.distance_to_strike_pct == pytest.approx(call.strike / float(other.stock_price) - 1)
    assert other.delta is not None and 0 < other.delta < 0.5
    assert (other.vix, other.spy_price) == (row.vix, row.spy_price) and None not in (row.vix, row.spy_price)
    # The account began with three short puts: nothing tells at which premium.
    held = [row for row in desk.simulator.control("positions")["positions"] if row["sec_type"] == "OPT"]
    assert len(document["untracked"]) == len(held) - 2 == 3
    again = capture(desk)
    assert (again["captured"], again["already"], PositionSnapshot.objects.count()) == (0, 2, 2)


@pytest.mark.mission(69)
@pytest.mark.mission(79)
def test_without_permission_the_snapshot_says_so_and_the_others_are_whole(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    # Before it is held, else the gateway would follow its price already.
    desk.simulator.control("entitle none IWM")
    lost = trade(desk, listed(desk.simulator, "IWM", "P", 0.9), "SELL", 1)
    kept = trade(desk, listed(desk.simulator, "SPY", "P", 0.95), "SELL", 1)
    done = desk.manage("snapshot_positions")
    assert done.returncode == 0, done.stderr
    assert "Connected to IBKR at 127.0.0.1" in done.stdout and "captured 2" in done.stdout
    assert "unknown" in done.stdout and "No live market data permission" in done.stdout
    assert "Failed to capture current_premium" in caplog.text
    row = PositionSnapshot.objects.get(trade=lost)
    assert (row.current_pnl, row.delta, row.stock_price) == (None, None, None)
    assert set(row.missing.values()) == {"no_permission"} and "Client Portal" in row.note
    assert PositionSnapshot.objects.get(trade=kept).missing == {}
    stats = desk.manage("learning-stats")
    assert stats.returncode == 0, stats.stderr
    assert "No market data permission" in stats.stdout and "lack half of their fields" in stats.stdout


@pytest.mark.mission(45)
@pytest.mark.mission(68)
def test_job_captures_through_the_queue_and_waits_for_its_next_attempt_without_a_broker(desk: Desk) -> None:
    put = trade(desk, listed(desk.simulator, "SPY", "P", 0.95), "SELL", 5)
    desk.start("worker")
    wait_for(lambda: WorkerHeartbeat.objects.filter(canaries__gt=0).exists(), seconds=180, what="worker")
    done = desk.manage("run_job", "position_snapshots", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["state"], shown["result"]["captured"]) == ("succeeded", 1)
    row = PositionSnapshot.objects.get()
    assert (row.trade, row.job_run) == (put, shown["run"])
    assert Event.objects.filter(message__startswith="captured 1 position snapshots").exists()
    desk.simulator.stop()
    PositionSnapshot.objects.all().delete()
    assert desk.manage("run_job", "position_snapshots", "--no-wait").returncode == 0
    run = wait_for(
        lambda: JobRun.objects.filter(state="waiting-retry").first(), seconds=120, what="first attempt failed"
    )
    assert run.attempt == 1 and "Failed to connect to IBKR: cannot connect to 127.0.0.1" in run.error
    assert not PositionSnapshot.objects.exists()
