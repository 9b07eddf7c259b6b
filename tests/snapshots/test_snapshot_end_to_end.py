"""A real snapshot: simulated broker over TCP, the real gateway process, the real command, worker and job."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from ib_async import IB, Contract, MarketOrder

from apps.jobs.models import JobRun, WorkerHeartbeat
from apps.journal.models import Event
from apps.snapshots.models import PortfolioSnapshot
from tests.snapshots.conftest import Desk
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(600)
STERLING_SXLK = 205116901


def holdings(desk: Desk) -> dict[int, dict[str, Any]]:
    """What the simulated broker itself says, read past the product; by contract id."""
    return {row["con_id"]: row for row in desk.simulator.control("positions")["positions"]}


def take(desk: Desk, *options: str) -> dict[str, Any]:
    done = desk.manage("snapshot", "--json", *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def buy(desk: Desk, con_id: int, quantity: int) -> None:
    """As another program of the same account would."""

    async def trade() -> None:
        ib = IB()
        await ib.connectAsync("127.0.0.1", desk.simulator.port, clientId=77, timeout=10)
        ib.placeOrder(Contract(conId=con_id, exchange="SMART"), MarketOrder("BUY", quantity))
        while holdings(desk).get(con_id, {}).get("quantity") != str(quantity):
            desk.simulator.control("tick 1")
            await asyncio.sleep(0.05)
        ib.disconnect()

    asyncio.run(asyncio.wait_for(trade(), 30))


@pytest.mark.mission(23)
def test_command_stores_what_the_broker_holds_once_a_day(desk: Desk) -> None:
    document = take(desk)
    held = holdings(desk)
    snapshot = PortfolioSnapshot.objects.get()
    stored = {row.instrument.con_id: row for row in snapshot.positions.select_related("instrument")}
    assert {key: f"{row.quantity.normalize():f}" for key, row in stored.items()} == {
        key: row["quantity"] for key, row in held.items()
    }
    for con_id, row in held.items():
        assert float(stored[con_id].avg_cost) == pytest.approx(row["average_cost"], abs=0.0001)
        assert stored[con_id].price_source == "market"
    worth = sum(position["base_value"] for position in document["positions"]) + document["cash"]
    assert worth == pytest.approx(document["total_equity"], rel=0.002)
    desk.simulator.control("trade AAPL BUY 7")
    wait_for(lambda: any(row["symbol"] == "AAPL" for row in holdings(desk).values()))
    assert take(desk)["date"] == document["date"]
    assert PortfolioSnapshot.objects.get().positions.filter(symbol="AAPL").exists()


def test_option_is_valued_with_its_multiplier(desk: Desk) -> None:
    take(desk)
    options = PortfolioSnapshot.objects.get().positions.filter(instrument__sec_type="OPT")
    assert options
    for option in options:
        assert option.market_value == option.quantity * option.market_price * 100
        assert option.unrealized_pnl == pytest.approx(option.market_value - option.quantity * option.avg_cost)


def test_line_quoted_in_pence_is_valued_in_pounds(desk: Desk) -> None:
    buy(desk, STERLING_SXLK, 100)
    take(desk)
    [quote] = [row for row in desk.simulator.control("quote SXLK")["quotes"] if row["con_id"] == STERLING_SXLK]
    position = PortfolioSnapshot.objects.get().positions.get(instrument__con_id=STERLING_SXLK)
    assert float(position.market_price) == pytest.approx(quote["last"], rel=0.01)
    assert float(position.market_value) == pytest.approx(quote["last"], rel=0.01)  # 100 shares at price/100 pounds
    assert abs(position.unrealized_pnl) < position.market_value / 50
    assert position.exchange_rate is not None and 1 < position.exchange_rate < 2
    assert position.base_value == pytest.approx(position.market_value * position.exchange_rate, abs=Decimal("0.01"))


@pytest.mark.mission(36)
def test_without_live_permission_delayed_prices_are_used_and_the_remedy_shown(desk: Desk) -> None:
    desk.simulator.control("entitle delayed")
    done = desk.manage("snapshot")
    assert done.returncode == 0, done.stderr
    sources = set(PortfolioSnapshot.objects.get().positions.values_list("price_source", flat=True))
    assert sources <= {"delayed", "delayed_last"} and sources
    assert "No live market data permission for" in done.stdout
    assert "Market Data Subscriptions" in done.stdout.replace("\n", " ")
    assert not Event.objects.filter(step="Snapshot", level="WARN").exists()


@pytest.mark.mission(36)
def test_without_any_permission_positions_are_worth_their_cost_and_warned_of(desk: Desk) -> None:
    desk.simulator.control("entitle none SXLK")
    done = desk.manage("snapshot")
    assert done.returncode == 0, done.stderr
    position = PortfolioSnapshot.objects.get().positions.get(symbol="SXLK")
    assert (position.price_source, position.unrealized_pnl) == ("avg_cost", 0)
    others = PortfolioSnapshot.objects.get().positions.exclude(symbol="SXLK").values_list("price_source", flat=True)
    assert set(others) == {"market"}
    warning = Event.objects.get(step="Snapshot", level="WARN")
    assert (warning.symbol, "Client Portal" in warning.message) == ("SXLK", True)
    assert "No price for SXLK: valued at its average cost" in done.stdout


def test_dry_run_shows_a_table_and_stores_nothing(desk: Desk) -> None:
    done = desk.manage("snapshot", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "SXLK" in done.stdout and "market" in done.stdout and "Dry run: nothing was stored." in done.stdout
    assert not PortfolioSnapshot.objects.exists()


def test_unknown_account_is_refused(desk: Desk) -> None:
    done = desk.manage("snapshot", "--account", "DU0000001")
    assert done.returncode == 1
    assert "DU0000001 is not an account of this login" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("question", ["reqPositions", "reqAccountSummary"])
def test_broker_that_does_not_answer_leaves_nothing_stored(desk: Desk, question: str) -> None:
    desk.simulator.control(f"mute {question} 3")
    done = desk.manage("snapshot")
    assert done.returncode == 1
    assert "The broker did not say" in done.stderr
    assert not PortfolioSnapshot.objects.exists()


@pytest.mark.mission(14)
@pytest.mark.mission(30)
def test_job_takes_the_snapshot_through_the_queue(desk: Desk) -> None:
    desk.start("worker")
    wait_for(lambda: WorkerHeartbeat.objects.filter(canaries__gt=0).exists(), what="worker")
    done = desk.manage("run_job", "snapshot", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["job"], shown["state"], shown["attempt"]) == ("daily_snapshot", "succeeded", 1)
    snapshot = PortfolioSnapshot.objects.get()
    assert snapshot.job_run == shown["run"] == JobRun.objects.get().pk
    assert shown["result"]["positions"] == snapshot.positions.count() > 0
    assert shown["result"]["price_sources"] == {"market": snapshot.positions.count()}


@pytest.mark.mission(22)
def test_job_waits_for_its_next_attempt_while_the_broker_is_away(desk: Desk) -> None:
    desk.start("worker")
    wait_for(lambda: WorkerHeartbeat.objects.filter(canaries__gt=0).exists(), what="worker")
    desk.simulator.stop()
    assert desk.manage("run_job", "snapshot", "--no-wait").returncode == 0
    run = wait_for(lambda: JobRun.objects.filter(state="waiting-retry").first(), what="first attempt failed")
    assert run.attempt == 1 and "did not say" in run.error
    assert run.next_attempt_at and 55 < (run.next_attempt_at - run.attempt_started_at).total_seconds() < 100
    assert not PortfolioSnapshot.objects.exists()
