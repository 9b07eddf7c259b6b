"""Capturing positions: what is stored, what is left out, what is told, whatever the broker answers."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from apps.broker.models import Closing, GatewaySession, Instrument, Trade
from apps.journal.models import Event
from apps.snapshots import services
from apps.snapshots.exceptions import BrokerUnknown
from apps.snapshots.models import PositionSnapshot
from apps.snapshots.services import Capture
from tests.reports.builders import execution
from tests.snapshots.answering import answering
from tests.snapshots.option_builders import (
    ACME,
    AFTER_CLOSE,
    DAY,
    DURING,
    account,
    details,
    gone,
    hold,
    open_trade,
    option,
    quotes,
    stored,
    taken_back,
)
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)
NO_GREEKS: dict[str, Any] = {"greeks": None}


def capture(*, now: datetime = AFTER_CLOSE, dry_run: bool = False, **changed: dict[str, Any] | None) -> Capture:
    with answering(quotes=quotes(**changed), contract_details=details):
        return services.capture_positions(now=now, dry_run=dry_run)


@pytest.mark.mission(45)
def test_short_put_is_captured_with_all_its_fields() -> None:
    trade = open_trade()
    assert len(capture().taken) == 1
    row = PositionSnapshot.objects.get()
    assert (row.trade, row.snapshot_date, row.current_premium) == (trade, DAY, Decimal(1))
    assert (row.current_pnl, row.current_pnl_pct, row.dte_remaining) == (Decimal(750), 0.6, 36)
    assert (row.delta, row.theta, row.gamma, row.vega, row.iv) == (-0.2, -0.05, 0.02, 0.1, 0.35)
    assert (row.stock_price, row.distance_to_strike_pct) == (Decimal(100), 0.05)
    assert (row.vix, row.spy_price) == (17.25, Decimal("590.5"))
    assert abs((row.captured_at - clock.now()).total_seconds()) < 60
    assert (row.missing, row.missing_count, row.note, row.price_source) == ({}, 0, "", "market")
    assert row.underlying is not None and row.underlying.con_id == ACME


@pytest.mark.mission(46)
def test_long_call_gains_as_its_premium_rises_and_counts_its_own_multiplier() -> None:
    call = option(2, "C", "110", multiplier=Decimal(10))
    open_trade(instrument=call, entry="0.40", contracts=3, direction="long")
    capture()
    row = PositionSnapshot.objects.get()
    assert (row.current_pnl, row.current_pnl_pct) == (Decimal(18), pytest.approx(1.5))
    assert row.distance_to_strike_pct == pytest.approx(0.10)


def test_what_is_left_of_a_trade_counts_at_the_premium_at_which_it_was_opened() -> None:
    """2 sold at 4.00 and 3 at 1.50 (2.50 on average); the first 2 are bought back."""
    trade = open_trade(entry="2.50", contracts=5, open_quantity=3)
    taken_back(trade, 2, "4.00")
    capture()
    assert PositionSnapshot.objects.get().current_pnl == Decimal("150.0000")


def test_prices_in_pence_are_stored_in_pounds() -> None:
    """Sold at 250 pence, now 100 pence, 1,000 shares a contract."""
    pence = option(3, currency="GBP", price_magnifier=100, multiplier=Decimal(1000), exchange="LSE")
    open_trade(instrument=pence, entry="250", contracts=1)
    capture(_3={"price": "100"})
    row = PositionSnapshot.objects.get()
    assert (row.current_premium, row.current_pnl, row.current_pnl_pct) == (Decimal(1), Decimal(1500), 0.6)


@pytest.mark.mission(45)
def test_second_run_of_the_day_leaves_what_is_there_and_takes_what_is_new() -> None:
    open_trade(1)
    capture()
    first = PositionSnapshot.objects.get()
    open_trade(2)
    found = capture(_1={"price": "9.99"}, now=AFTER_CLOSE + timedelta(hours=1))
    assert (len(found.taken), found.already) == (1, 1)
    first.refresh_from_db()
    assert first.current_premium == 1
    assert len(capture(now=AFTER_CLOSE + timedelta(days=1)).taken) == 2
    assert PositionSnapshot.objects.filter(snapshot_date=DAY).count() == 2


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (AFTER_CLOSE, date(2026, 1, 15)),
        (datetime.fromisoformat("2026-01-16T04:59:00+00:00"), date(2026, 1, 15)),
        (datetime.fromisoformat("2026-01-16T14:29:00+00:00"), date(2026, 1, 15)),
        (datetime.fromisoformat("2026-01-16T14:30:00+00:00"), date(2026, 1, 16)),
        (datetime.fromisoformat("2026-01-18T12:00:00+00:00"), date(2026, 1, 16)),
        (datetime.fromisoformat("2026-01-19T20:00:00+00:00"), date(2026, 1, 16)),
        (datetime.fromisoformat("2026-07-15T13:30:00+00:00"), date(2026, 7, 15)),
    ],
)
def test_date_is_that_of_the_last_session_in_new_york(now: datetime, day: date) -> None:
    open_trade()
    capture(now=now)
    assert PositionSnapshot.objects.get().snapshot_date == day


@pytest.mark.mission(45)
def test_trade_that_was_opened_after_the_close_has_its_first_snapshot_at_the_next_one() -> None:
    """Else its first row would be of a day on which it did not exist."""
    kept, late = open_trade(1), open_trade(2, opened_at=AFTER_CLOSE + timedelta(minutes=5))
    found = capture(now=AFTER_CLOSE + timedelta(hours=1))
    assert [row.trade for row in found.taken] == [kept] and not found.failed
    assert found.not_yet == [
        f"{late.instrument} was opened at 2026-01-15 21:10 UTC, after the close of 2026-01-15: its first snapshot is "
        "that of the next session's close."
    ]
    assert Event.objects.filter(message__contains="1 were opened after the close").exists()
    assert len(capture(now=AFTER_CLOSE + timedelta(days=1)).taken) == 2
    assert PositionSnapshot.objects.get(trade=late).snapshot_date == date(2026, 1, 16)


def test_book_of_trades_that_are_all_too_young_asks_nothing() -> None:
    open_trade(opened_at=AFTER_CLOSE)
    with answering() as asked:
        found = services.capture_positions(now=AFTER_CLOSE)
    assert not found.is_empty_book and len(found.not_yet) == 1 and asked == []


def test_closed_trades_and_shares_are_not_captured() -> None:
    open_trade(1, closed_at=DURING, open_quantity=0)
    shares = Instrument.objects.create(con_id=5, symbol="ACME", sec_type="STK", currency="USD", as_of=DURING)
    open_trade(instrument=shares)
    with answering() as asked:
        found = services.capture_positions(now=AFTER_CLOSE)
    assert found.is_empty_book and asked == []


@pytest.mark.mission(69)
def test_market_that_is_closed_has_no_greeks_and_the_snapshot_says_so() -> None:
    open_trade()
    found = capture(_1=NO_GREEKS)
    row = PositionSnapshot.objects.get()
    assert (row.delta, row.theta, row.gamma, row.vega, row.iv) == (None,) * 5
    assert row.current_pnl == 750
    assert row.missing == dict.fromkeys(("delta", "theta", "gamma", "vega", "iv"), "market_closed")
    assert not found.failed


@pytest.mark.mission(69)
def test_option_without_permission_is_unknown_not_zero_and_names_the_remedy() -> None:
    open_trade()
    hint = "No live market data permission for ACME (IBKR 354): subscribe to its exchange."
    refused = {
        "price": None,
        "price_source": None,
        "greeks": None,
        "note": hint,
        "refusal": "no market data permission",
    }
    found = capture(_1=refused)
    row = PositionSnapshot.objects.get()
    assert (row.current_premium, row.current_pnl, row.current_pnl_pct, row.price_source) == (None, None, None, "")
    assert set(row.missing.values()) == {"no_permission"} and row.missing_count == 8
    assert (row.dte_remaining, row.stock_price, row.vix) == (36, Decimal(100), 17.25)
    assert row.note == hint and found.notes == [hint]


def test_greeks_that_come_late_are_asked_for_once_more_while_the_market_is_open() -> None:
    open_trade()
    rounds: list[int] = []

    def late(payload: dict[str, Any]) -> list[dict[str, Any]]:
        rounds.append(len(payload["con_ids"]))
        rows: list[dict[str, Any]] = quotes(**({"_1": NO_GREEKS} if len(rounds) == 1 else {}))(payload)
        return rows

    with answering(quotes=late, contract_details=details):
        services.capture_positions(now=DURING)
    assert rounds == [4, 1]
    assert PositionSnapshot.objects.get().delta == -0.2


def test_late_greeks_are_asked_for_once_more_also_where_only_delayed_data_is_permitted() -> None:
    open_trade()
    delayed = {"price_source": "delayed", "refusal": "no market data permission", "note": "No live data for ACME."}
    rounds: list[int] = []

    def late(payload: dict[str, Any]) -> list[dict[str, Any]]:
        rounds.append(len(payload["con_ids"]))
        rows: list[dict[str, Any]] = quotes(_1=delayed | (NO_GREEKS if len(rounds) == 1 else {}))(payload)
        return rows

    with answering(quotes=late, contract_details=details):
        services.capture_positions(now=DURING)
    row = PositionSnapshot.objects.get()
    assert (rounds, row.delta, row.missing, row.note) == ([4, 1], -0.2, {}, "No live data for ACME.")


def test_greeks_that_do_not_come_with_delayed_prices_were_not_sent() -> None:
    open_trade()
    refused = {"price_source": "delayed", "refusal": "no market data permission"}
    capture(now=DURING, _1=refused | NO_GREEKS)
    row = PositionSnapshot.objects.get()
    assert row.current_premium == 1 and set(row.missing.values()) == {"not_sent"}


def test_quotes_of_what_is_around_that_are_not_answered_are_told_as_such() -> None:
    """Groups of twenty: the underlying, SPY and VIX are in the first, the last options in another."""
    for con_id in range(1, 31):
        open_trade(con_id)
    found = capture(_902=None)
    assert found.taken
    for row in found.taken:
        assert row.missing["vix"] == "not_answered" and row.missing["stock_price"] == "not_answered"


@pytest.mark.parametrize(
    ("greeks", "lost"),
    [
        ({"delta": "1.7", "theta": "nan", "gamma": None, "vega": "0.1", "implied_volatility": "0"}, 4),
        ({"delta": "-0.2"}, 4),
    ],
)
def test_numbers_that_no_model_means_are_unknown(greeks: dict[str, Any], lost: int) -> None:
    open_trade()
    capture(_1={"greeks": greeks})
    assert PositionSnapshot.objects.get().missing_count == lost


def test_stock_vix_and_spy_without_a_price_are_unknown_and_nothing_else_is() -> None:
    open_trade()
    nothing = {"price": None, "price_source": None}
    capture(_900=nothing, _901=nothing, _902=nothing)
    row = PositionSnapshot.objects.get()
    assert (row.stock_price, row.distance_to_strike_pct, row.vix, row.spy_price) == (None, None, None, None)
    assert set(row.missing) == {"stock_price", "distance_to_strike_pct", "vix", "spy_price"}
    assert row.current_pnl == 750


@pytest.mark.mission(79)
def test_contract_that_the_broker_does_not_know_is_told_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    lost, kept = open_trade(1), open_trade(2)
    with caplog.at_level(logging.INFO):
        found = capture(_1=gone(1))
    assert PositionSnapshot.objects.get().trade == kept
    [failure] = found.failed
    assert (failure.trade, failure.may_succeed) == (lost, False)
    told = f"Failed to capture {lost.instrument}: The broker knows no contract 1."
    assert Event.objects.get(level="ERROR").message == told
    assert told in caplog.text
    assert Event.objects.filter(message__startswith="captured 1 position snapshots").exists()


@pytest.mark.mission(79)
def test_row_that_cannot_be_stored_costs_no_other() -> None:
    lost, kept = open_trade(1, entry="99999999999", contracts=10_000_000), open_trade(2)
    found = capture()
    assert [row.trade for row in found.taken] == [kept] == [row.trade for row in PositionSnapshot.objects.all()]
    assert [failure.trade for failure in found.failed] == [lost]
    assert Event.objects.filter(message__startswith="Failed to capture ACME", level="ERROR").count() == 1


@pytest.mark.mission(79)
def test_every_missing_part_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    trade = open_trade()
    with caplog.at_level(logging.WARNING):
        capture(_1=NO_GREEKS)
    assert f"Failed to capture delta, theta, gamma, vega, iv of {trade.instrument}: market closed" in caplog.text


def test_group_that_is_not_answered_fails_alone_and_may_succeed_later() -> None:
    """Groups of twenty: three contracts around, then the options in the order of their trades."""
    trades = [open_trade(con_id) for con_id in range(1, 31)]
    found = capture(_30=None)
    assert 0 < len(found.taken) < 30
    assert {failure.may_succeed for failure in found.failed} == {True}
    assert len(found.taken) + len(found.failed) == 30
    assert trades[-1] in [failure.trade for failure in found.failed]
    again = capture()
    assert (len(again.taken), again.already) == (len(found.failed), len(found.taken))


@pytest.mark.mission(68)
def test_broker_that_cannot_be_reached_means_no_rows_and_says_what_the_original_said() -> None:
    open_trade()
    with pytest.raises(BrokerUnknown, match=r"Failed to connect to IBKR: cannot connect to .*gateway not running"):
        services.capture_positions(now=AFTER_CLOSE)
    now = clock.now()
    GatewaySession.objects.create(
        id=1, heartbeat_at=now, state="disconnected", state_since=now, reason="TWS is not running."
    )
    with pytest.raises(BrokerUnknown, match=r"cannot connect to .*TWS is not running"):
        services.capture_positions(now=AFTER_CLOSE)
    assert not PositionSnapshot.objects.exists()


def test_broker_that_answers_no_option_at_all_means_no_rows() -> None:
    open_trade()
    with pytest.raises(BrokerUnknown, match="did not say .quotes of options.: not connected"):
        capture(_1=None)
    assert not PositionSnapshot.objects.exists()


def test_options_without_an_open_trade_are_named() -> None:
    trade = open_trade(1, contracts=5)
    hold(trade.instrument, -7)
    hold(option(2), -3)
    explained = open_trade(3, contracts=1, direction="long")
    hold(explained.instrument, 1)
    found = capture()
    assert [text.split(" belong")[0] for text in found.untracked] == [
        f"-2 {trade.instrument} held in DU1",
        f"-3 {option(2)} held in DU1",
    ]
    assert Event.objects.filter(level="WARN", message__contains="belong to no open trade").count() == 2


def test_dry_run_shows_the_same_and_stores_and_tells_nothing() -> None:
    open_trade()
    hold(option(2), -3)
    found = capture(dry_run=True)
    assert len(found.taken) == 1 and found.taken[0].current_pnl == 750 and len(found.untracked) == 1
    assert not PositionSnapshot.objects.exists() and not Event.objects.filter(scope="snapshots").exists()


def test_underlying_spy_and_vix_are_looked_up_once() -> None:
    open_trade(1)
    open_trade(2)
    with answering(quotes=quotes(), contract_details=details) as asked:
        services.capture_positions(now=AFTER_CLOSE)
        assert asked.count("contract_details") == 4
        services.capture_positions(now=AFTER_CLOSE + timedelta(days=1))
        assert asked.count("contract_details") == 4


def test_option_that_the_mirror_has_not_described_is_described_first() -> None:
    vague = option(4, multiplier=Decimal(1), min_tick=None)
    open_trade(instrument=vague)
    capture()
    assert PositionSnapshot.objects.get().current_pnl == 750


def test_trades_of_an_option_that_is_described_late_are_derived_anew() -> None:
    """5 sold at 2.50 and 2 bought back at 1.00, derived while its multiplier was thought to be 1."""
    vague = option(4, multiplier=Decimal(1), min_tick=None)
    execution(account(), vague, "SELL", "5", "2.50", DURING, commission="0")
    execution(account(), vague, "BUY", "2", "1.00", DURING + timedelta(minutes=5), commission="0", perm_id=9)
    assert Closing.objects.get().net == 3
    capture()
    assert Closing.objects.get().net == 300
    assert PositionSnapshot.objects.get().current_pnl == 450


def test_captures_at_the_same_time_store_each_trade_once() -> None:
    for con_id in range(1, 6):
        open_trade(con_id)
    together, counts = Barrier(3), []

    def work() -> None:
        together.wait()
        counts.append(len(services.capture_positions(now=AFTER_CLOSE).taken))
        connection.close()

    with answering(quotes=quotes(), contract_details=details):
        threads = [Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(counts) == 5 == PositionSnapshot.objects.count()


def test_snapshot_outlives_its_trade() -> None:
    """A trade that turns out never to have been is taken away when trades are derived anew."""
    trade = open_trade()
    row = stored(trade)
    Trade.objects.all().delete()
    row.refresh_from_db()
    assert row.trade is None and row.instrument == trade.instrument


def test_capture_asks_the_database_as_often_for_nine_as_for_three(django_assert_max_num_queries: Any) -> None:
    for con_id in (1, 2, 3):
        open_trade(con_id, opened_at=DURING - timedelta(days=1))
    with answering(quotes=quotes(), contract_details=details):
        services.capture_positions(now=AFTER_CLOSE - timedelta(days=1))
        with django_assert_max_num_queries(100) as few:
            services.capture_positions(now=AFTER_CLOSE)
        for con_id in range(4, 10):
            open_trade(con_id, opened_at=DURING - timedelta(days=1))
        with django_assert_max_num_queries(len(few)):
            services.capture_positions(now=AFTER_CLOSE + timedelta(days=1))
    assert PositionSnapshot.objects.filter(trade__pk=F("trade_id")).count() == 3 + 3 + 9


def test_option_that_is_gone_does_not_hide_what_its_class_is_on() -> None:
    """Asked what the class is on is the contract that expires last."""
    open_trade(instrument=option(1, expires_on=DAY))
    kept = open_trade(2)
    asked: list[int] = []

    def described(payload: dict[str, Any]) -> list[dict[str, Any]]:
        con_id = payload["query"].get("con_id", 0)
        asked.append(con_id)
        return [] if con_id == 1 else details(payload)

    with answering(quotes=quotes(_1=gone(1)), contract_details=described):
        services.capture_positions(now=AFTER_CLOSE)
    assert 1 not in asked
    assert PositionSnapshot.objects.get(trade=kept).stock_price == 100
