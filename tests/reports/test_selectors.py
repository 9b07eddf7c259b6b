"""Figures from real tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.broker import services as broker
from apps.broker.choices import HoldingChangeKind
from apps.broker.exceptions import CashFlowError
from apps.broker.models import Account, CashFlow
from apps.broker.services import trades
from apps.jobs.models import JobRun
from apps.reports.exceptions import NoSnapshots, UnknownAccount
from apps.reports.figures import as_document, as_rows
from apps.reports.selectors import equity
from apps.reports.selectors.accounts import find_account
from apps.reports.selectors.executions import asset_classes, execution_rows, slippage_of
from apps.reports.selectors.holdings import best, contributors, portfolio_of, snapshot_on, worst
from apps.reports.selectors.names import name_of
from apps.reports.selectors.performance import performance_of
from apps.reports.selectors.reliability import job_reliability
from apps.reports.selectors.trades import Realised, realised_between, win_rate_of
from apps.snapshots.models import PortfolioSnapshot
from tests.reports import builders as build

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=UTC)


def book(of: Account, day: date, amount: str) -> CashFlow:
    return broker.book_cash_flow(
        account=of,
        arrived_at=build.at(day, 12),
        amount=Decimal(amount),
        currency="USD",
        note="",
        now=build.NOW,
        actor="ann",
    )


def realised(of: Account, last: date = date(2026, 1, 7)) -> Realised:
    return realised_between(account=of, first=MONDAY, last=last)


@pytest.mark.mission(28)
def test_performance_takes_booked_payments_out() -> None:
    desk = build.account()
    build.snapshots(desk, MONDAY, ["100", "200", "150"])
    book(desk, MONDAY + timedelta(days=1), "90")
    book(desk, MONDAY + timedelta(days=2), "-60")
    _, performance = performance_of(account=desk)
    assert performance.total_return == pytest.approx(0.155)
    assert performance.profit == 20


@pytest.mark.mission(28)
def test_payment_counts_from_the_first_snapshot_that_had_it_however_late_in_the_day() -> None:
    """Paid in at 20:00 UTC, after the snapshot of that day: it is in the next one."""
    desk = build.account()
    build.snapshots(desk, MONDAY, ["100", "100", "150"])
    broker.book_cash_flow(
        account=desk,
        arrived_at=build.at(MONDAY + timedelta(days=1), 20),
        amount=Decimal(50),
        currency="USD",
        note="",
        now=build.NOW,
        actor="ann",
    )
    _, performance = performance_of(account=desk)
    assert (performance.total_return, performance.profit) == (0, 0)


def test_performance_of_dates_begins_at_their_first_snapshot() -> None:
    desk = build.account()
    build.snapshots(desk, MONDAY, ["100", "110", "121", "242"])
    _, performance = performance_of(account=desk, first=date(2026, 1, 6), last=date(2026, 1, 7))
    assert (performance.starting_equity, performance.ending_equity) == (110, 121)
    assert performance.total_return == pytest.approx(0.1)


@pytest.mark.mission(28)
def test_round_trips_count_in_the_period_in_which_they_close() -> None:
    desk, what = build.account(), build.instrument()
    build.snapshots(desk, MONDAY, ["100", "110", "121"])
    build.execution(desk, what, "BUY", "10", "100", NOON)
    build.execution(desk, what, "SELL", "4", "110", NOON + timedelta(hours=1))
    build.execution(desk, what, "SELL", "6", "95", NOON + timedelta(days=1))
    build.mirror_holds(desk, {what: "0"})
    _, tuesday = performance_of(account=desk, last=date(2026, 1, 6))
    assert (tuesday.trades.total, tuesday.trades.net) == (1, Decimal("38.6"))  # 40 - 0.4 - 1
    _, whole = performance_of(account=desk)
    assert (whole.trades.total, whole.trades.wins, whole.trades.net) == (2, 1, Decimal(7))
    assert win_rate_of(account=desk) == whole.trades.win_rate == 0.5


def test_replaced_revision_of_an_execution_does_not_count() -> None:
    desk, what = build.account(), build.instrument()
    build.snapshots(desk, MONDAY, ["100", "110"])
    build.execution(desk, what, "BUY", "10", "100", NOON)
    wrong = build.execution(desk, what, "SELL", "10", "900", NOON + timedelta(hours=1))
    build.execution(desk, what, "SELL", "10", "101", NOON + timedelta(hours=1), corrects=wrong)
    build.mirror_holds(desk, {what: "0"})
    _, performance = performance_of(account=desk)
    assert (performance.trades.total, performance.trades.net) == (1, 8)


def test_multiplier_and_pence_are_money() -> None:
    desk = build.account()
    option = build.instrument("SPY 260220C500", 2, sec_type="OPT", multiplier=Decimal(100))
    pence = build.instrument("VOD", 3, currency="GBP", price_magnifier=100)
    for what, price in ((option, "2"), (pence, "200")):
        build.execution(desk, what, "BUY", "10", price, NOON, commission="0")
        build.execution(desk, what, "SELL", "10", str(int(price) + 1), NOON + timedelta(hours=1), commission="0")
    build.mirror_holds(desk, {option: "0", pence: "0"})
    assert sorted(trip.net or 0 for trip in realised(desk).trips) == [Decimal("0.1"), 1000]


def test_holding_from_before_the_mirror_is_remarked_not_guessed() -> None:
    desk, what = build.account(), build.instrument()
    build.execution(desk, what, "SELL", "10", "50", NOON)
    build.mirror_holds(desk, {what: "30"})
    found = realised(desk)
    assert found.trips == []
    assert found.remarks == ["Closed against holdings of unknown cost, so in no round trip: 10 SXLK."]
    assert realised(desk, MONDAY).remarks == [], "that was on Tuesday"


def test_unknown_holdings_are_remarked() -> None:
    desk, what = build.account(), build.instrument()
    build.execution(desk, what, "BUY", "10", "50", NOON)
    build.execution(desk, what, "SELL", "10", "51", NOON + timedelta(hours=1))
    assert "Round trips of SXLK assume that nothing was held before" in realised(desk).remarks[0]


def test_commission_that_is_not_reported_yet_is_remarked() -> None:
    desk, what = build.account(), build.instrument()
    build.execution(desk, what, "BUY", "10", "50", NOON, commission=None)
    build.mirror_holds(desk, {what: "10"})
    assert "commission of 1 execution is not known yet" in realised(desk).remarks[0]


@pytest.mark.parametrize("unknown", [{"commission": None}, {"commission": "5", "commission_currency": "CHF"}])
def test_round_trips_and_winners_that_count_a_commission_as_nothing_are_remarked(unknown: dict[str, Any]) -> None:
    """Bought and sold at a gain; what the purchase cost in commissions nobody knows."""
    desk, what = build.account(), build.instrument()
    start, end = build.snapshots(desk, MONDAY, ["1000", "1010"])
    build.execution(desk, what, "BUY", "10", "50", NOON, **unknown)
    build.execution(desk, what, "SELL", "10", "51", NOON + timedelta(hours=1))
    build.mirror_holds(desk, {what: "0"})
    remark = "Commissions that are not known yet or without an exchange rate are counted as 0: 1 round trip in SXLK"
    assert any(said.startswith(remark) for said in realised(desk).remarks)
    found = contributors(start=start, end=end)
    assert ([(row.name, row.pnl) for row in found.known], found.unpaid) == ([("SXLK", 9)], ["SXLK"])


def test_foreign_results_and_commissions_are_converted() -> None:
    """Bought and sold in GBP at 1.25: 100 GBP gross, 5 USD of fees twice = 8 GBP: net 92 GBP = 115 USD."""
    desk, what = build.account(), build.instrument("VOD", currency="GBP")
    build.snapshots(desk, MONDAY, ["1000", "1100"])
    build.rate(desk, "GBP", "1.25", NOON)
    build.execution(desk, what, "BUY", "10", "10", NOON, commission="5", commission_currency="USD")
    build.execution(
        desk, what, "SELL", "10", "20", NOON + timedelta(hours=1), commission="5", commission_currency="USD"
    )
    build.mirror_holds(desk, {what: "0"})
    _, performance = performance_of(account=desk)
    assert performance.trades.net == 115


def test_result_without_an_exchange_rate_is_won_but_its_amount_is_unknown_not_zero() -> None:
    desk, what = build.account(), build.instrument("VOD", currency="GBP")
    build.snapshots(desk, MONDAY, ["1000", "1100"])
    build.execution(desk, what, "BUY", "10", "10", NOON)
    build.execution(desk, what, "SELL", "10", "20", NOON + timedelta(hours=1))
    build.mirror_holds(desk, {what: "0"})
    measured, performance = performance_of(account=desk)
    of = performance.trades
    assert (of.total, of.wins, of.win_rate) == (1, 1, 1.0)
    assert (of.net, of.gross_profit, of.gross_loss, of.profit_factor) == (None, None, None, None)
    assert measured.remarks == ["No sum can be stated, for want of an exchange rate: 1 round trip in GBP."]
    assert as_document(measured, performance)["trades"]["net"] is None
    assert ("", "Net of round trips, realised", "unknown") in as_rows(measured, performance)


def test_result_of_an_option_whose_settlement_is_not_known_is_neither_won_nor_lost() -> None:
    desk, what = build.account(), build.instrument()
    option = build.instrument("SPX 260106C5000", 2, sec_type="OPT", multiplier=Decimal(100))
    start, end = build.snapshots(desk, MONDAY, ["1000", "1100"])
    build.holding(start, option, "1", "2")
    for name in (what, option):
        build.execution(desk, name, "BUY", "1", "2", build.at(MONDAY, 10))
    build.execution(desk, what, "SELL", "1", "5", NOON)
    build.mirror_holds(desk, {what: "0", option: "1"})
    trades.book_holding_change(
        account=desk, instrument=option, kind=HoldingChangeKind.EXPIRY, quantity=Decimal(-1), at=NOON, reason="gone"
    )
    measured, performance = performance_of(account=desk)
    of = performance.trades
    assert (of.total, of.undecided, of.wins, of.win_rate, of.net) == (2, 1, 1, 1.0, None)
    assert win_rate_of(account=desk) == 1.0
    assert [trip.net for trip in measured.trips if trip.name == name_of(option)] == [None]
    assert "neither won nor lost, and no sum can be stated: 1 round trip in SPX 260106C5000." in measured.remarks[0]
    assert name_of(option) in contributors(start=start, end=end).unknown


def test_order_that_closes_over_days_is_one_round_trip_of_each_period() -> None:
    desk, what = build.account(), build.instrument()
    build.execution(desk, what, "BUY", "10", "100", build.at(MONDAY, 15), perm_id=1, commission="0")
    for day, quantity in ((1, "3"), (2, "7")):
        build.execution(
            desk, what, "SELL", quantity, "110", NOON + timedelta(days=day - 1, hours=5), perm_id=2, commission="0"
        )
    build.mirror_holds(desk, {what: "0"})
    assert [(trip.quantity, trip.net) for trip in realised(desk).trips] == [(10, 100)]
    assert [(trip.quantity, trip.net) for trip in realised(desk, date(2026, 1, 6)).trips] == [(3, 30)]
    build.execution(desk, what, "BUY", "1", "100", NOON + timedelta(days=2), perm_id=3, commission="0")
    build.execution(desk, what, "SELL", "1", "99", NOON + timedelta(days=2), perm_id=4, commission="0")
    assert win_rate_of(account=desk) == 0.5


def test_bonds_and_combinations_make_no_round_trips() -> None:
    desk = build.account()
    for number, sec_type in enumerate(("BOND", "BAG", "CFD"), 5):
        what = build.instrument(f"X{number}", number, sec_type=sec_type)
        build.execution(desk, what, "BUY", "10", "10", NOON)
        build.execution(desk, what, "SELL", "10", "20", NOON + timedelta(hours=1))
    build.mirror_holds(desk, {})
    assert realised(desk).trips == [] and realised(desk).remarks == []


def test_equity_in_another_currency_is_measured_apart() -> None:
    desk = build.account()
    build.snapshot(desk, MONDAY, "900", currency="EUR")
    build.snapshots(desk, MONDAY + timedelta(days=1), ["1000", "1100"])
    measured, performance = performance_of(account=desk)
    assert performance.total_return == pytest.approx(0.1)
    assert "Measured from 2026-01-06" in measured.remarks[0]


def test_no_snapshot_names_the_command_and_the_dates_there_are() -> None:
    desk = build.account()
    with pytest.raises(NoSnapshots, match="manage.py snapshot"):
        performance_of(account=desk)
    build.snapshot(desk, MONDAY, "100")
    with pytest.raises(NoSnapshots, match="There are some from 2026-01-05 to 2026-01-05"):
        performance_of(account=desk, first=date(2027, 1, 1))


def test_account_is_the_named_or_the_only_one() -> None:
    with pytest.raises(UnknownAccount, match="start the gateway"):
        find_account()
    first = build.account("DU1")
    assert find_account() == find_account("du1") == first
    build.account("DU2")
    with pytest.raises(UnknownAccount, match="DU1, DU2"):
        find_account()
    with pytest.raises(UnknownAccount, match="no account DU3: choose one of DU1, DU2"):
        find_account("DU3")


def test_missing_dates_are_those_since_the_first_snapshot() -> None:
    desk = build.account()
    for day in (5, 6, 9):
        build.snapshot(desk, date(2026, 1, day), "100")
    found = equity.missing_dates(account=desk, first=date(2026, 1, 1), last=date(2026, 1, 10))
    assert [day.day for day in found] == [7, 8, 10]


def test_winners_and_losers_add_up_what_is_held_and_what_was_sold() -> None:
    """SXLK: 10 at 100 to 10 at 104, +40. SXLE: 10 at 50, 10 sold at 47 (fee 1): -31. SXLB came from nowhere."""
    desk = build.account()
    up, down, odd = (build.instrument(name, number) for number, name in enumerate(("SXLK", "SXLE", "SXLB"), 1))
    start, end = build.snapshots(desk, MONDAY, ["2000", "2010"])
    build.holding(start, up, "10", "100")
    build.holding(start, down, "10", "50")
    build.holding(end, up, "10", "104")
    build.holding(end, odd, "5", "10")
    build.execution(desk, down, "SELL", "10", "47", NOON)
    found = contributors(start=start, end=end)
    assert [(row.name, row.pnl) for row in best(found.known, 3)] == [("SXLK", 40)]
    assert [(row.name, row.pnl) for row in worst(found.known, 3)] == [("SXLE", -31)]
    assert found.unknown == ["SXLB"]


def test_weights_are_shares_of_the_equity_and_unknown_without_a_rate() -> None:
    desk = build.account()
    one = build.snapshot(desk, MONDAY, "1000", cash="100")
    build.holding(one, build.instrument("SXLK", 1), "8", "100")
    build.holding(one, build.instrument("VOD", 2, currency="GBP"), "1", "50", price_source="avg_cost")
    stored = snapshot_on(account=desk, day=MONDAY)
    assert stored is not None
    portfolio = portfolio_of(stored)
    assert [(row.name, row.weight) for row in portfolio.holdings] == [("SXLK", 0.8), ("VOD", None)]
    assert portfolio.at_cost == portfolio.without_rate == ["VOD"]


def test_slippage_is_measured_against_the_order_that_was_filled() -> None:
    desk, what = build.account(), build.instrument()
    bag = build.instrument("COMBO", 9, sec_type="BAG")
    build.order(desk, what, 1, "LMT", limit_price=Decimal(100))
    build.order(desk, what, 2, "STP", aux_price=Decimal(50))
    build.order(desk, what, 3, "MKT")
    build.order(desk, bag, 4, "LMT", limit_price=Decimal(1))
    for perm_id, side, price in ((1, "BUY", "99.9"), (2, "SELL", "49.9"), (3, "BUY", "10"), (4, "BUY", "10")):
        build.execution(desk, what, side, "1", price, NOON + timedelta(minutes=perm_id), perm_id=perm_id)
    rows = execution_rows(account=desk, first=MONDAY, last=MONDAY + timedelta(days=1))
    assert [row.slippage and round(row.slippage, 6) for row in rows] == [-10, 20, None, None]
    figures = slippage_of(rows)
    assert figures is not None and figures.mean == pytest.approx(5)
    assert asset_classes(rows) == [("Stocks and ETFs", 4)]


def test_reliability_counts_runs_by_outcome() -> None:
    at = build.at(MONDAY)
    build.run("daily_snapshot", "succeeded", at, seconds=4)
    build.run("daily_snapshot", "succeeded", at, seconds=9, attempt=2)
    build.run("daily_snapshot", "failed", at - timedelta(hours=1), attempt=3, error="older")
    build.run("daily_snapshot", "errored", at, attempt=3, error="ValueError: newest")
    build.run("daily_snapshot", "cancelled", at)
    build.run("daily_snapshot", "queued", at)
    build.run("gone_job", "succeeded", at)
    build.run("daily_snapshot", "failed", at + timedelta(days=30), error="another month")
    snapshot, gone = job_reliability(first=MONDAY, last=MONDAY)
    assert (snapshot.runs, snapshot.succeeded, snapshot.failed, snapshot.cancelled, snapshot.unfinished) == (
        6,
        2,
        2,
        1,
        1,
    )
    assert (snapshot.retried, snapshot.success_rate, snapshot.longest) == (3, 0.5, timedelta(seconds=9))
    assert (snapshot.last_error, snapshot.title) == ("ValueError: newest", "Portfolio snapshot")
    assert (gone.title, gone.success_rate) == ("Not in this version", 1.0)


def test_missed_slot_counts_in_the_period_it_was_due_in() -> None:
    """The worker was down on Monday and up again on Thursday of the week after."""
    due, up_again = build.at(MONDAY), build.at(MONDAY + timedelta(days=10))
    for state, hour in (("missed", 1), ("skipped", 2), ("succeeded", 3)):
        row = build.run("weekly_rebalance", state, up_again, error="host down" if state == "missed" else "")
        JobRun.objects.filter(pk=row.pk).update(slot=due + timedelta(hours=hour))
    [found] = job_reliability(first=MONDAY, last=MONDAY)
    assert (found.runs, found.succeeded, found.missed, found.skipped) == (1, 1, 1, 1)
    assert (found.success_rate, found.last_error) == (0.5, "host down")
    assert job_reliability(first=MONDAY + timedelta(days=7), last=MONDAY + timedelta(days=13)) == []


def test_performance_of_five_years_takes_as_many_queries_as_of_two_days(django_assert_max_num_queries: Any) -> None:
    young, old = build.account("DU1"), build.account("DU2")
    build.snapshots(young, MONDAY, ["100", "110"])
    days = [MONDAY - timedelta(days=number) for number in range(5 * 365)]
    rows = [
        PortfolioSnapshot(
            account=old, date=day, taken_at=build.at(day), currency="USD", total_equity=100 + day.day, cash=1
        )
        for day in days
    ]
    PortfolioSnapshot.objects.bulk_create(rows)
    with django_assert_max_num_queries(100) as few:
        performance_of(account=young)
    with django_assert_max_num_queries(len(few)):
        _, performance = performance_of(account=old)
    assert performance.trading_days > 1300 and len(performance.rolling_sharpe) == performance.returns - 29


def test_performance_takes_as_many_queries_for_three_trades_as_for_one(django_assert_max_num_queries: Any) -> None:
    desk, what = build.account(), build.instrument()
    build.mirror_holds(desk, {what: "10"})
    build.snapshots(desk, MONDAY, ["100", "110"])
    build.execution(desk, what, "BUY", "10", "50", NOON)
    with django_assert_max_num_queries(100) as one:
        performance_of(account=desk)
    build.snapshots(desk, MONDAY + timedelta(days=5), ["100", "110"])
    for number in range(2):
        build.execution(desk, build.instrument(f"N{number}", 50 + number), "SELL", "10", "50", NOON)
    with django_assert_max_num_queries(len(one)):
        performance_of(account=desk)


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"currency": "EUR"}, "kept in USD: book what the payment was worth in USD"),
        ({"amount": Decimal(0)}, "positive for a deposit"),
        ({"arrived_at": datetime(2026, 2, 2, tzinfo=UTC)}, "lies ahead"),
    ],
)
def test_payment_that_cannot_be_counted_is_refused(fields: dict[str, Any], remedy: str) -> None:
    values = {"arrived_at": NOON, "amount": Decimal(5), "currency": "USD", **fields}
    with pytest.raises(CashFlowError, match=remedy):
        broker.book_cash_flow(account=build.account(), note="", now=build.NOW, actor="ann", **values)
    assert not CashFlow.objects.exists()


def test_payment_waits_until_the_account_has_a_currency() -> None:
    with pytest.raises(CashFlowError, match="has not stated the currency"):
        book(build.account(currency=""), MONDAY, "5")


def test_option_is_told_from_its_underlying_by_name() -> None:
    option = build.instrument(
        "SPY",
        1,
        sec_type="OPT",
        local_symbol="SPY   261218P00595000",
        expires_on=date(2026, 12, 18),
        strike=Decimal("595.000000"),
        right="P",
    )
    assert name_of(option) == "SPY 18 Dec 26 595 P"
    assert name_of(build.instrument("ESZ6", 2, local_symbol=" ESZ6  x")) == "ESZ6 x"
