"""Signal and rebalance for real: simulated broker over TCP, the real gateway process, commands, worker and job."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from apps.broker.models import BrokerOrder, Request
from apps.jobs.domain.cron import find_zone, following
from apps.jobs.models import JobRun, JobSchedule, WorkerHeartbeat
from apps.jobs.registry import find
from apps.jobs.services import ensure_schedules
from apps.journal.models import Event
from apps.strategies import services
from apps.strategies.domain.universe import SECTORS
from apps.strategies.models import DailyBar, MomentumSignal, PriceSeries, RebalanceAdvice
from apps.strategies.price_history import london_date
from tests.snapshots.conftest import Desk
from tests.snapshots.test_snapshot_end_to_end import STERLING_SXLK, buy
from tests.strategies import slow
from tests.waiting import wait_for
from tradeops.lib import clock

pytestmark = pytest.mark.timeout(600)


def run(desk: Desk, *arguments: str) -> dict[str, Any]:
    done = desk.manage(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def take_snapshot(desk: Desk) -> dict[str, Any]:
    return run(desk, "snapshot")


@pytest.mark.mission(24)
def test_signal_command_prints_and_stores_the_ranking_of_the_nine_funds(desk: Desk) -> None:
    done = desk.manage("signal")
    assert done.returncode == 0, done.stderr
    assert "12-1 momentum of" in done.stdout and "Stored." in done.stdout
    assert all(symbol in done.stdout and sector in done.stdout for symbol, sector in SECTORS.items())
    signal = MomentumSignal.objects.get()
    rows = {row.symbol: row for row in signal.rows.all()}
    assert set(rows) == set(SECTORS)
    prices = {symbol: [str(value) for value in row.month_end_closes.values()] for symbol, row in rows.items()}
    expected = slow.weights(prices, top_n=3, floor="-0.2", held=set(), exit_rank=5, cash_when_fewer=False)
    assert {symbol: row.target_weight for symbol, row in rows.items()} == pytest.approx(
        {symbol: float(weight) for symbol, weight in expected.items()}
    )
    for symbol, row in rows.items():
        assert row.momentum == pytest.approx(float(slow.momentum(prices[symbol])), abs=1e-9)
        stored = DailyBar.objects.filter(series__symbol=symbol).order_by("date")
        assert stored.count() > 450
        for day, value in row.month_end_closes.items():
            assert float(stored.get(date=day).close) == value
    assert not DailyBar.objects.filter(date__gte=london_date(clock.now())).exists()
    assert set(PriceSeries.objects.values_list("con_id", flat=True)) == {205116851 + place for place in range(9)}
    assert Event.objects.filter(step="Price history", level="INFO").count() == 9


def test_dry_run_stores_no_signal_and_the_second_signal_asks_for_no_history(desk: Desk) -> None:
    first = run(desk, "signal", "--dry-run", "--top-n", "2")
    assert first["top_n"] == len(first["top_sectors"]) == 2
    assert not MomentumSignal.objects.exists()
    asked = Request.objects.filter(kind="history").count()
    assert asked == 9
    second = run(desk, "signal")
    assert Request.objects.filter(kind="history").count() == asked
    assert [row["momentum_12_1"] for row in first["rankings"]] == [row["momentum_12_1"] for row in second["rankings"]]
    assert MomentumSignal.objects.count() == 1


def test_history_that_was_rewritten_is_loaded_again(desk: Desk) -> None:
    """The stored closes are those of before a split that the broker has adjusted for since."""
    before = run(desk, "signal")
    with transaction.atomic():
        DailyBar.objects.filter(series__symbol="SXLE").update(close=F("close") * 2)
        PriceSeries.objects.update(checked_at=clock.now() - timedelta(hours=1))
    after = run(desk, "signal")
    assert after["rankings"] == before["rankings"]
    warning = Event.objects.get(step="Price history", level="WARN")
    assert warning.symbol == "SXLE" and "factor 0.5" in warning.message


@pytest.mark.mission(25)
def test_rebalance_command_prints_and_stores_advice_and_sends_nothing(desk: Desk) -> None:
    refused = desk.manage("rebalance")
    assert refused.returncode == 1 and "take one first with `manage.py snapshot`" in refused.stderr
    assert "Traceback" not in refused.stderr
    snapshot = take_snapshot(desk)
    orders = BrokerOrder.objects.count()
    dry = desk.manage("rebalance", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Net cash flow" in dry.stdout and "Dry run: nothing was stored." in dry.stdout
    assert not RebalanceAdvice.objects.exists() and not MomentumSignal.objects.exists()
    shown = run(desk, "rebalance")
    stored = RebalanceAdvice.objects.get()
    assert stored.signal == MomentumSignal.objects.get()
    assert stored.trades.count() == len(shown["trades"]) > 0
    assert BrokerOrder.objects.count() == orders
    assert desk.simulator.control("positions")["positions"]
    equity, held = snapshot["total_equity"], {row["symbol"]: row for row in snapshot["positions"]}
    targets = dict(stored.signal.rows.values_list("symbol", "target_weight"))
    for trade in shown["trades"]:
        position = held.get(trade["symbol"])
        current = position["base_value"] / equity if position else 0.0
        assert trade["current_weight"] == pytest.approx(current, abs=1e-6)
        difference = targets[trade["symbol"]] - current
        assert abs(difference) >= 0.02
        shares = int(abs(difference) * equity / trade["price"] + 1e-9)
        if trade["action"] == "SELL":
            assert position is not None
            shares = position["quantity"] if targets[trade["symbol"]] == 0 else min(shares, position["quantity"])
        assert (trade["action"], trade["shares_to_trade"]) == ("BUY" if difference > 0 else "SELL", shares)
    advised = {trade["symbol"] for trade in shown["trades"]}
    for symbol in SECTORS:
        current = held[symbol]["base_value"] / equity if symbol in held else 0.0
        assert (symbol in advised) == (abs(targets[symbol] - current) >= 0.02)
    assert any("AAPL" in text and "left alone" in text for text in shown["warnings"])


def test_fund_held_in_pence_is_recognised_and_its_worth_counted_in_dollars(desk: Desk) -> None:
    buy(desk, STERLING_SXLK, 300)
    snapshot = take_snapshot(desk)
    lines = [row for row in snapshot["positions"] if row["symbol"] == "SXLK"]
    assert {row["currency"] for row in lines} == {"USD", "GBP"}
    shown = run(desk, "rebalance", "--threshold", "0")
    [trade] = [row for row in shown["trades"] if row["symbol"] == "SXLK"][:1]
    worth = sum(row["base_value"] for row in lines)
    assert trade["current_weight"] == pytest.approx(worth / snapshot["total_equity"], abs=1e-6)
    assert 0.1 < trade["current_weight"] < 0.2  # 70,000 USD in dollars, as much as half of that again in pence


def test_fund_without_a_price_is_held_with_a_warning(desk: Desk) -> None:
    """Every fund is wanted; one that is not held, so that no earlier price is known, has no permission."""
    services.create_revision(values={"top_n": 9, "momentum_floor": -1.0}, reason="Everything.", actor="test")
    take_snapshot(desk)
    run(desk, "signal", "--dry-run")
    desk.simulator.control("entitle none SXLU")
    shown = run(desk, "rebalance")
    assert {trade["symbol"] for trade in shown["trades"]} >= {"SXLE", "SXLY", "SXLP", "SXLI", "SXLB"}
    assert "SXLU" not in {trade["symbol"] for trade in shown["trades"]}
    assert any(text.startswith("HOLD SXLU: no price.") for text in shown["warnings"])


def test_broker_that_is_away_is_named_and_nothing_is_stored(desk: Desk) -> None:
    desk.simulator.stop()
    wait_for(lambda: "not connected" in desk.manage("signal").stderr, what="the gateway noticed")
    done = desk.manage("signal")
    assert done.returncode == 1 and "The broker did not say" in done.stderr and "Traceback" not in done.stderr
    assert not MomentumSignal.objects.exists()


@pytest.mark.mission(15)
def test_job_runs_on_sunday_evening_and_stores_signal_and_advice(desk: Desk) -> None:
    ensure_schedules(now=clock.now())
    schedule = JobSchedule.objects.get(job="weekly_rebalance")
    assert (schedule.cron, schedule.time_zone, schedule.enabled) == ("0 20 * * 0", "UTC", True)
    [due] = following(schedule.cron, find_zone(schedule.time_zone), clock.now(), 1)
    assert (due.isoweekday(), due.hour, due.minute) == (7, 20, 0)
    assert find("rebalance").name == "weekly_rebalance"
    take_snapshot(desk)
    desk.start("worker")
    wait_for(lambda: WorkerHeartbeat.objects.filter(canaries__gt=0).exists(), what="worker")
    shown = run(desk, "run_job", "rebalance")
    assert (shown["job"], shown["state"], shown["attempt"]) == ("weekly_rebalance", "succeeded", 1)
    advice = RebalanceAdvice.objects.get()
    assert advice.job_run == advice.signal.job_run == shown["run"]
    trades = advice.buy_count + advice.sell_count
    assert shown["result"]["message"] == f"{trades} trades recommended" and trades > 1
    assert advice.trades.count() == trades
    assert shown["result"]["selected"] == list(
        advice.signal.rows.filter(is_selected=True).values_list("symbol", flat=True)
    )
    ran = JobRun.objects.get(job="weekly_rebalance")
    assert (ran.progress_done, ran.progress_total, ran.progress_text) == (9, 9, "history complete")
    assert advice.net_cash_flow == advice.sell_value - advice.buy_value != Decimal(0)
