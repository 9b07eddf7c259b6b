"""The commands and the job of position snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.jobs import registry
from apps.jobs.choices import RunState
from apps.jobs.context import JobContext
from apps.jobs.domain.plans import following
from apps.jobs.models import JobRun
from apps.journal.models import Incident
from apps.snapshots import selectors
from apps.snapshots.exceptions import BrokerUnknown, CaptureIncomplete, TooLate
from apps.snapshots.models import PositionSnapshot
from tests.snapshots.answering import answering
from tests.snapshots.option_builders import AFTER_CLOSE, DAY, details, gone, hold, open_trade, option, quotes, stored
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)
SLOT = datetime(2026, 1, 15, 21, 5, tzinfo=UTC)


def said(name: str, *options: str) -> str:
    output = StringIO()
    call_command(name, *options, stdout=output)
    return output.getvalue()


def snapshot_positions(*options: str, **changed: dict[str, Any] | None) -> str:
    with answering(quotes=quotes(**changed), contract_details=details):
        return said("snapshot_positions", *options)


@pytest.mark.mission(50)
def test_command_prints_the_connection_the_table_and_how_many() -> None:
    trade = open_trade()
    shown = snapshot_positions()
    assert "Connected to IBKR at " in shown and "captured 1" in shown
    for heading in ("Symbol", "P&L", "P&L %", "DTE", "Distance"):
        assert heading in shown, heading
    for cell in (str(trade.instrument), "+750.00 USD", "+60.0 %", "+5.0 %"):
        assert cell in shown, cell
    assert PositionSnapshot.objects.count() == 1
    again = snapshot_positions()
    assert "1 had the snapshot of this trading day already." in again and "captured 0" in again


@pytest.mark.mission(50)
def test_command_says_unknown_for_what_is_unknown() -> None:
    open_trade()
    shown = snapshot_positions(_1={"price": None, "price_source": None, "greeks": None})
    assert shown.count("unknown") == 2 and "captured 1" in shown


@pytest.mark.mission(50)
def test_command_says_why_a_trade_is_left_out_that_was_opened_after_the_close() -> None:
    """In the future, so after every close until now."""
    open_trade(opened_at=clock.now() + timedelta(days=1))
    shown = snapshot_positions()
    assert "its first snapshot is that of the next session's close." in shown and "captured 0" in shown
    assert "No open option trades" not in shown


@pytest.mark.mission(50)
def test_empty_book_is_a_friendly_notice() -> None:
    shown = snapshot_positions()
    assert "No open option trades: nothing to capture." in shown and "captured 0" in shown


@pytest.mark.mission(50)
def test_dry_run_stores_nothing() -> None:
    open_trade()
    assert "captured 1 (dry run: nothing was stored)" in snapshot_positions("--dry-run")
    assert not PositionSnapshot.objects.exists()


def test_json_is_for_machines() -> None:
    open_trade()
    hold(option(2), -3)
    document = json.loads(snapshot_positions("--json"))
    assert (document["captured"], document["already"], document["stored"]) == (1, 0, True)
    assert document["snapshots"][0]["current_pnl_pct"] == 0.6
    assert "belong to no open trade" in document["untracked"][0]


@pytest.mark.mission(68)
def test_command_without_a_broker_says_so_and_fails() -> None:
    open_trade()
    with pytest.raises(CommandError, match="Failed to connect to IBKR: cannot connect to"):
        call_command("snapshot_positions")


def test_command_fails_for_a_trade_that_was_not_captured() -> None:
    open_trade()
    open_trade(2)
    with pytest.raises(CommandError, match="Failed to capture ACME"):
        snapshot_positions(_1=gone(1))
    assert PositionSnapshot.objects.count() == 1


@pytest.mark.mission(51)
@pytest.mark.parametrize("name", ["snapshot_positions", "learning_stats"])
def test_commands_explain_themselves(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(name, "--help")
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.mission(53)
@pytest.mark.mission(69)
def test_learning_stats_show_coverage_buckets_and_why_values_are_missing() -> None:
    trade = open_trade()
    nothing = dict.fromkeys(("delta", "theta", "gamma", "vega", "iv", "vix", "spy_price"), "market_closed")
    stored(trade, missing=nothing, **dict.fromkeys(nothing))
    for days in (1, 2):
        stored(trade, DAY + timedelta(days=days))
    for days in range(3, 10):
        stored(trade, DAY + timedelta(days=days), stock_price=None, missing={"stock_price": "no_permission"})
    shown = said("learning_stats")
    assert "10 position snapshots of 1 trades, 2026-01-15 to 2026-01-24" in shown
    assert "delta (critical)" in shown and "9 of 10" in shown and "90.0 %" in shown
    assert "High (90 % and more): 12" in shown and "Low (below 50 %): 1: stock_price" in shown
    assert "7 values missing: The market was closed" in shown and "7 values missing: No market data permission" in shown
    assert "1 snapshots lack half of their fields or more" in shown and "2026-01-15 ACME" in shown


@pytest.mark.mission(53)
def test_learning_stats_for_machines() -> None:
    trade = open_trade()
    stored(trade)
    stored(trade, DAY + timedelta(days=1), iv=None, missing={"iv": "market_closed"})
    document = json.loads(said("learning_stats", "--json"))
    assert (document["position_snapshots"], document["trades"], document["total_fields"]) == (2, 1, 13)
    assert document["fields"]["iv"] == {
        "coverage": 0.5,
        "non_null": 1,
        "total": 2,
        "bucket": "medium",
        "status": "warning",
        "critical": True,
    }
    assert document["critical_fields_coverage"] == {"delta": 1, "iv": 0.5, "vix": 1, "dte_remaining": 1}
    assert document["missing"] == {"market_closed": 1}
    assert document["overall_avg_coverage"] == pytest.approx(12.5 / 13)


@pytest.mark.mission(53)
def test_learning_stats_warn_of_a_critical_field_that_is_known_too_seldom() -> None:
    trade = open_trade()
    for days in range(4):
        stored(trade, DAY + timedelta(days=days))
    stored(trade, DAY + timedelta(days=4), vix=None, spy_price=None)
    assert "should be known in at least" not in said("learning_stats")
    stored(trade, DAY + timedelta(days=5), vix=None, spy_price=None)
    shown = " ".join(said("learning_stats").split())
    assert "at least 80 % of the snapshots, and are not: vix in 66.7 %." in shown
    assert json.loads(said("learning_stats", "--json"))["alert"].startswith("Critical fields should be known")


@pytest.mark.mission(53)
def test_job_keeps_an_incident_open_while_a_critical_field_is_known_too_seldom(
    run: Callable[..., dict[str, Any]],
) -> None:
    trade = open_trade()
    run(_902={"price": None, "price_source": None})
    incident = Incident.objects.get(key="snapshots:coverage")
    assert incident.resolved_at is None and "vix in 0.0 %" in incident.detail
    for days in range(1, 5):
        stored(trade, DAY - timedelta(days=days))
    run(slot=SLOT + timedelta(days=1), now=SLOT + timedelta(days=1))
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_learning_stats_of_nothing_and_of_nonsense() -> None:
    assert "No position snapshots yet" in said("learning_stats")
    assert json.loads(said("learning_stats", "--json"))["overall_avg_coverage"] is None
    with pytest.raises(CommandError, match="--days must be a whole number from 1 to"):
        call_command("learning_stats", "--days", "0")


def test_coverage_counts_only_what_is_asked_for() -> None:
    trade = open_trade()
    stored(trade)
    stored(trade, DAY + timedelta(days=5), iv=None, missing={"iv": "not_sent"})
    found = selectors.coverage(since=DAY + timedelta(days=1))
    assert found.total == 1 and dict(found.reasons) == {"not_sent": 1}


# The job


@pytest.mark.mission(56)
@pytest.mark.mission(71)
def test_job_follows_the_close_through_half_days_holidays_and_daylight_saving() -> None:
    plan = registry.find("snapshot_positions").plan
    assert plan == registry.find("position_snapshots").plan

    def slots(after: datetime, count: int) -> list[str]:
        return [f"{slot:%a %m-%d %H:%M}" for slot in following(plan, after, count)]

    assert slots(datetime(2026, 11, 25, tzinfo=UTC), 3) == ["Wed 11-25 21:05", "Fri 11-27 18:05", "Mon 11-30 21:05"]
    assert slots(datetime(2026, 3, 6, tzinfo=UTC), 2) == ["Fri 03-06 21:05", "Mon 03-09 20:05"]
    assert slots(datetime(2026, 10, 30, tzinfo=UTC), 2) == ["Fri 10-30 20:05", "Mon 11-02 21:05"]
    assert slots(datetime(2026, 1, 16, tzinfo=UTC), 2) == ["Fri 01-16 21:05", "Tue 01-20 21:05"]


@pytest.fixture
def run() -> Callable[..., dict[str, Any]]:
    """Run the job's function as an attempt of a run for a slot, by default that of its day."""

    def perform(
        *,
        now: datetime = AFTER_CLOSE,
        slot: datetime | None = SLOT,
        attempt: int = 1,
        contract_details: Any = details,
        **changed: Any,
    ) -> dict[str, Any]:
        values = {"attempt": attempt, "max_attempts": 3, "started_by": "test"}
        row = JobRun.objects.create(job="position_snapshots", slot=slot, state=RunState.RUNNING, **values)
        try:
            with answering(quotes=quotes(**changed), contract_details=contract_details):
                return registry.find("position_snapshots").function(JobContext(row, now))
        finally:
            JobRun.objects.filter(pk=row.pk).update(state=RunState.SUCCEEDED)

    return perform


def but_not(symbol: str) -> Callable[[dict[str, Any]], Any]:
    """Every contract is described, only that of this name gets no answer."""
    return lambda payload: None if payload["query"].get("symbol") == symbol else details(payload)


@pytest.mark.mission(45)
def test_job_captures_and_says_what_came_of_it(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    result = run()
    assert (result["captured"], result["already"], result["failed"], result["notice"]) == (1, 0, [], "")
    assert PositionSnapshot.objects.get().job_run == JobRun.objects.get().pk


def test_job_without_positions_succeeds_and_says_so(run: Callable[..., dict[str, Any]]) -> None:
    assert run()["notice"] == "No open option trades: nothing to capture."


def test_job_is_tried_again_for_what_may_still_come(run: Callable[..., dict[str, Any]]) -> None:
    for con_id in range(1, 31):
        open_trade(con_id)
    with pytest.raises(
        CaptureIncomplete, match="Failed to capture ACME .* the next attempt takes only what is missing"
    ):
        run(_30=None)
    before = PositionSnapshot.objects.count()
    assert before > 0
    result = run(slot=SLOT + timedelta(minutes=1))
    assert (result["captured"], result["already"]) == (30 - before, before)


def test_job_is_not_tried_again_for_a_contract_that_does_not_exist(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    open_trade(2)
    result = run(_1=gone(1))
    assert result["captured"] == 1 and len(result["failed"]) == 1


@pytest.mark.mission(68)
def test_job_fails_without_a_broker() -> None:
    open_trade()
    row = JobRun.objects.create(job="position_snapshots", state=RunState.RUNNING, max_attempts=3, started_by="test")
    with pytest.raises(BrokerUnknown, match="Failed to connect to IBKR"):
        registry.find("position_snapshots").function(JobContext(row, AFTER_CLOSE))


@pytest.mark.parametrize(
    ("late", "allowed"),
    [(timedelta(hours=7), True), (timedelta(hours=17), True), (timedelta(hours=17, minutes=25), False)],
)
def test_run_of_another_day_would_store_wrong_values_and_is_refused(
    run: Callable[..., dict[str, Any]], late: timedelta, allowed: bool
) -> None:
    open_trade()
    if allowed:
        assert run(now=AFTER_CLOSE + late)["captured"] == 1
        assert PositionSnapshot.objects.get().snapshot_date == DAY
        return
    with pytest.raises(TooLate, match="meant for 2026-01-15; the quotes are of 2026-01-16"):
        run(now=AFTER_CLOSE + late)
    assert not PositionSnapshot.objects.exists()


def test_late_run_leaves_out_trades_whose_exchange_has_begun_another_day(run: Callable[..., dict[str, Any]]) -> None:
    """Three hours later it is still Thursday in New York, and Friday's session goes on in Tokyo."""
    kept = open_trade()
    tokyo = option(2, "C", "3000", exchange="OSE.JPN", currency="JPY", symbol="NKD", trading_class="NKD")
    late = open_trade(instrument=tokyo, opened_at=SLOT - timedelta(days=1))
    result = run(now=AFTER_CLOSE + timedelta(hours=4))
    assert PositionSnapshot.objects.get().trade == kept
    assert result["failed"] == [
        f"Failed to capture {late.instrument}: meant for 2026-01-15; its exchange's quotes are of 2026-01-16 by now"
    ]
    friday = run(slot=SLOT + timedelta(days=1), now=AFTER_CLOSE + timedelta(days=1))
    assert (friday["captured"], friday["already"]) == (2, 0)


def test_trade_whose_surroundings_got_no_answer_waits_for_the_next_attempt(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    with pytest.raises(CaptureIncomplete, match="no answer about its underlying, SPY or VIX: not connected"):
        run(contract_details=but_not("VIX"))
    assert not PositionSnapshot.objects.exists()
    result = run(slot=SLOT + timedelta(minutes=1), attempt=3, contract_details=but_not("VIX"))
    assert (result["captured"], result["failed"]) == (1, [])
    row = PositionSnapshot.objects.get()
    assert (row.vix, row.missing) == (None, {"vix": "not_answered"})


def test_book_of_options_that_are_all_gone_is_no_failure_of_the_job(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    result = run(_1=gone(1))
    assert (result["captured"], len(result["failed"])) == (0, 1)


def test_job_is_not_tried_again_for_an_option_that_nobody_can_describe(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    open_trade(instrument=option(2, min_tick=None))

    def described(payload: dict[str, Any]) -> Any:
        return [] if payload["query"].get("con_id") == 2 else details(payload)

    result = run(contract_details=described)
    assert result["captured"] == 1 and "the broker knows no contracts 2" in result["failed"][0]


def test_job_is_tried_again_for_an_option_about_which_nobody_could_be_asked(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    open_trade(2)
    with pytest.raises(CaptureIncomplete, match="no answer within 20 s"):
        run(_2={**gone(2), "exists": None, "note": "no answer within 20 s"})
    assert PositionSnapshot.objects.count() == 1


def test_run_by_hand_belongs_to_no_slot(run: Callable[..., dict[str, Any]]) -> None:
    open_trade()
    assert run(slot=None)["captured"] == 1
