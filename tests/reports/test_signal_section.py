"""Signal and advice, round trips, units and sources of prices in the PDF."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from apps.broker.models import Account
from apps.reports import services
from apps.reports.domain import periods
from apps.strategies import services as strategies
from apps.strategies.models import AdvisedTrade, MomentumSignal, RebalanceAdvice, SignalRow
from tests.reports import builders as build
from tests.reports import reading

pytestmark = pytest.mark.django_db

WEEK = periods.week("2026-W05")
SUNDAY = date(2026, 2, 1)


def said_of(desk: Account, now: datetime = build.NOW, period: periods.Period = WEEK) -> str:
    return reading.text(services.make_report(account=desk, period=period, now=now, created_by="ann").content)


def store_signal(at: datetime) -> MomentumSignal:
    signal = MomentumSignal.objects.create(
        signal_date=at.date() - timedelta(days=2),
        created_at=at,
        revision=strategies.active_revision(),
        top_n=3,
    )
    rows = [("SXLK", "Technology", 0.412, 1.0, "rank 1 is in the top 3"), ("SXLE", "Energy", -0.254, 0.0, "too low")]
    for rank, (symbol, sector, momentum, weight, reason) in enumerate(rows, 1):
        SignalRow.objects.create(
            signal=signal,
            rank=rank,
            symbol=symbol,
            sector=sector,
            momentum=momentum,
            is_selected=weight > 0,
            is_held_over=False,
            target_weight=weight,
            reason=reason,
            con_id=rank,
            currency="USD",
            month_end_closes={},
            latest_close=Decimal(1),
            latest_on=signal.signal_date,
        )
    return signal


def store_advice(desk: Account, signal: MomentumSignal) -> RebalanceAdvice:
    snapshot = build.snapshot(desk, signal.created_at.date(), "10000")
    advice = RebalanceAdvice.objects.create(
        created_at=signal.created_at,
        signal=signal,
        snapshot=snapshot,
        snapshot_taken_at=snapshot.taken_at,
        account=desk.code,
        currency="USD",
        equity=10_000,
        cash=5_000,
        threshold=0.02,
        buy_count=1,
        sell_count=0,
        buy_value=2_500,
        sell_value=0,
        net_cash_flow=-2_500,
        warnings=["HOLD SXLU: no price."],
    )
    AdvisedTrade.objects.create(
        advice=advice,
        position=1,
        symbol="SXLK",
        con_id=1,
        line="GXLK",
        action="BUY",
        shares=25,
        price=8000,
        price_unit="GBX",
        currency="GBP",
        price_source="close",
        value=2_500,
        current_weight=0.25,
        target_weight=0.5,
        weight_diff=0.25,
        reason="rank 1 is in the top 3: 25.0% to 50.0%",
    )
    return advice


def test_signal_and_advice_of_the_period_are_told_with_their_reasons() -> None:
    desk = build.account()
    store_advice(desk, store_signal(build.at(SUNDAY, 20, 0)))
    said = said_of(desk)
    for words in (
        "12-1 momentum of 2026-01-30, computed 2026-02-01 20:00 UTC by parameters revision 1: SXLK 100.0 %.",
        "1 SXLK Technology +41.2 % 100.0 % rank 1 is in the top 3",
        "2 SXLE Energy -25.4 % 0.0 % too low",
        "Advice of 2026-02-01 20:00 UTC on the portfolio of 2026-02-01 16:35 UTC: 1 trade recommended. No order was",
        "BUY SXLK GXLK 25 8,000.00 GBX 2,500.00 25.0 % 50.0 %",
        "Buys about 2,500.00, sells about 0.00, net cash flow -2,500.00 USD.",
        "HOLD SXLU: no price.",
    ):
        assert words in said, words
    assert "newest of before" not in said


def test_signal_of_before_the_period_is_marked_and_of_after_it_is_left_out() -> None:
    desk = build.account()
    store_signal(build.at(SUNDAY - timedelta(days=7), 20, 0))
    store_signal(build.at(SUNDAY + timedelta(days=7), 20, 0))
    said = said_of(desk, now=build.NOW + timedelta(days=14))
    assert "12-1 momentum of 2026-01-23" in said and "12-1 momentum of 2026-02-06" not in said
    assert "There was none in 2026-W05: this is the newest of before." in said
    assert "No rebalance advice was given for this account by the end of this period." in said


def test_advice_of_another_account_is_not_told() -> None:
    desk, other = build.account(), build.account("DU999")
    store_advice(other, store_signal(build.at(SUNDAY, 20, 0)))
    assert "No rebalance advice was given for this account" in said_of(desk)


def test_no_signal_is_told_in_words() -> None:
    assert "No momentum signal had been computed by the end of this period." in said_of(build.account())


def test_best_and_worst_round_trips_are_listed_net_of_commissions() -> None:
    desk = build.account()
    up, down = build.instrument("SXLK", 1), build.instrument("SXLE", 2)
    begun = build.at(SUNDAY - timedelta(days=6))
    build.snapshots(desk, SUNDAY - timedelta(days=7), ["10000"] * 8)
    build.execution(desk, up, "BUY", "10", "100", begun - timedelta(days=30))
    build.execution(desk, up, "SELL", "10", "110", begun)
    build.execution(desk, down, "SELL", "5", "40", begun)
    build.execution(desk, down, "BUY", "5", "44", begun + timedelta(days=1))
    build.mirror_holds(desk, {})
    said = said_of(desk)
    assert "Best round trips Quantity Opened Closed Net in USD SXLK 10 2025-12-27 2026-01-26 +98.00" in said
    assert "Worst round trips Quantity Opened Closed Net in USD SXLE, short 5 2026-01-26 2026-01-27 -22.00" in said


def test_pence_are_pounds_among_positions_and_named_among_executions() -> None:
    desk = build.account()
    line = build.instrument("GXLK", 3, currency="GBP", price_magnifier=100)
    day = build.snapshot(desk, SUNDAY, "10000")
    rate = {"exchange_rate": Decimal("1.25"), "base_value": Decimal(10_000)}
    build.holding(day, line, "100", "8000", cost="75", price_source="close", **rate)
    build.execution(desk, line, "BUY", "100", "7500", build.at(SUNDAY - timedelta(days=3)), commission="5")
    build.mirror_holds(desk, {line: "100"})
    said = said_of(desk)
    assert "GXLK 100 75.00 80.00 last close 8,000.00 +500.00 GBP 10,000.00 100.00 %" in said
    assert "GXLK Buy 100 7,500.00 - GBX - 5.00 GBP" in said
    assert "Valued at a price that had stood for some time (last close, delayed last trade): GXLK." in said
