"""Trades follow what the broker says, in the transaction that stores it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.broker import selectors as broker
from apps.broker.choices import HoldingChangeKind, Side
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import InstrumentRow, ValueRow
from apps.broker.gateway.writer import write_changes, write_snapshot
from apps.broker.models import Account, Closing, Execution, HoldingChange, PairingCheckpoint, Trade
from tests.broker import builders as mirror
from tests.broker.ledger.builders import (
    ACCOUNT,
    BEGIN,
    changes,
    commission_row,
    execution_row,
    instrument_row,
    make_account,
    make_order,
    position_row,
    snapshot,
)
from tradeops.lib.known import Known, Unknown

pytestmark = pytest.mark.django_db

SELL = Side.SELL
OPTION = instrument_row(
    "SPY", 900, sec_type="OPT", multiplier=Decimal(100), expires_on=date(2026, 3, 6), strike=Decimal(500), right="C"
)
ON_SHARES = replace(OPTION, min_tick=Decimal("0.01"), under_con_id=756733, under_sec_type="STK")
EXPIRY = datetime(2026, 3, 6, 21, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def account() -> Account:
    return make_account()


def hear(*rows: object) -> None:
    write_changes(changes(*rows), 1)


def look(*rows: object, second: float = 60) -> None:
    write_snapshot(snapshot(rows, second=second), Changes(), 1)


def rate(value: str, currency: str = "GBP", *, at: datetime = BEGIN) -> ValueRow:
    return ValueRow(ACCOUNT, "ExchangeRate", currency, value, at)


def describe(row: InstrumentRow) -> None:
    """The details of the contract arrive."""
    told = Changes()
    told.instruments[row.con_id] = row
    write_changes(told, 1)


def round_trip(**values: Any) -> list[object]:
    """10 bought at 100 and sold at 110, 1 commission each."""
    return [
        execution_row("a.01", **values),
        execution_row("b.01", SELL, "10", "110", second=60, **(values | {"perm_id": 2})),
        commission_row("a.01"),
        commission_row("b.01"),
    ]


def test_round_trip_is_a_trade_net_of_commissions() -> None:
    hear(*round_trip())
    trade = Trade.objects.get()
    assert (trade.gross_pnl, trade.commissions, trade.net_pnl, trade.currency) == (100, 2, 98, "USD")
    assert (trade.net_pnl_base, trade.exchange_rate, trade.base_currency) == (98, 1, "USD")
    assert (trade.direction, trade.opened_at, trade.closed_at) == ("long", BEGIN, BEGIN + timedelta(seconds=60))
    assert trade.commissions_known and trade.ending == "execution"


def test_commission_that_comes_later_changes_the_result() -> None:
    rows = round_trip()
    hear(*rows[:2])
    assert not Trade.objects.get().commissions_known
    hear(*rows[2:])
    trade = Trade.objects.get()
    assert trade.commissions_known and trade.net_pnl == 98


def test_correction_counts_as_corrected_at_the_place_of_the_first_report() -> None:
    hear(*round_trip())
    hear(execution_row("a.02", Side.BUY, "10", "90", second=4000))
    trade = Trade.objects.get()
    assert (trade.opened_at, trade.entry_price, trade.gross_pnl) == (BEGIN, 90, 200)


def test_within_one_second_the_brokers_numbering_decides_not_what_was_heard_first() -> None:
    """The purchase was lost with the link and is told after the sale that closed it."""
    hear(execution_row("00e1.5f02.01.01", SELL, "10", "110", perm_id=2))
    hear(execution_row("00e1.5f01.01.01", price="100", perm_id=1))
    trade = Trade.objects.get()
    assert (trade.direction, trade.open_quantity, trade.gross_pnl) == ("long", 0, 100)


def test_same_rows_again_change_nothing_and_are_not_derived_again() -> None:
    hear(*round_trip())
    before = Trade.objects.values().get()
    look(*round_trip())
    hear(*round_trip())
    assert Trade.objects.values().get() == before


def test_next_trade_leaves_what_was_closed_before_untouched() -> None:
    hear(*round_trip())
    first = Trade.objects.values().get()
    hear(execution_row("c.01", SELL, "5", "100", second=120), execution_row("d.01", second=180, quantity="15"))
    rows = list(Trade.objects.order_by("number"))
    assert Trade.objects.values().get(number=1) == first
    assert [(row.number, row.direction, row.open_quantity) for row in rows] == [
        (1, "long", 0),
        (2, "short", 0),
        (3, "long", 10),
    ]


def test_execution_that_arrives_late_changes_the_trades_after_it() -> None:
    hear(*round_trip())
    hear(execution_row("z.01", SELL, "10", "95", second=-60))
    assert [(trade.direction, trade.closed_at) for trade in Trade.objects.order_by("number")] == [
        ("short", BEGIN),
        ("short", None),
    ]


def days(first: int, last: int) -> None:
    """10 are held throughout; each day one is bought and one is sold, paid an hour later."""
    for day in range(first, last):
        for hour, side in ((1, Side.BUY), (2, SELL)):
            name, second = f"d{day}{hour}.01", day * 86_400 + hour * 3600
            hear(execution_row(name, side, "1", str(100 + day), second=second, perm_id=1000 + 2 * day + hour))
            hear(commission_row(name))


def rows_read(work: Callable[[], None]) -> int:
    read = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal read
        result = execute(sql, params, many, context)
        read += max(context["cursor"].rowcount, 0) if sql.startswith("SELECT") else 0
        return result

    with connection.execute_wrapper(count):
        work()
    return read


def test_a_fill_reads_no_more_where_a_position_is_never_flat_for_a_month() -> None:
    hear(execution_row("a.01"), commission_row("a.01"))
    days(1, 3)
    early = rows_read(lambda: days(3, 4))
    days(4, 30)
    assert rows_read(lambda: days(30, 31)) == early
    trade = Trade.objects.get()
    assert (trade.open_quantity, trade.quantity, trade.closings.count()) == (10, 11, 30)
    before = Trade.objects.values().get()
    call_command("rebuild_trades", stdout=StringIO())
    assert Trade.objects.values().get() == before
    assert PairingCheckpoint.objects.count() == 10


def test_a_trade_that_goes_on_keeps_the_rate_of_a_closing_long_ago() -> None:
    pence = instrument_row("VOD", 3, currency="GBP")
    hear(rate("1.25"))
    hear(*round_trip(instrument=pence)[:2], execution_row("h.01", instrument=pence, second=30, perm_id=3))
    for day in (20, 21, 40):
        hear(execution_row(f"c{day}.01", instrument=pence, second=day * 86_400, perm_id=day))
    assert Trade.objects.get().net_pnl_base == 125
    call_command("rebuild_trades", stdout=StringIO())
    assert Trade.objects.get().net_pnl_base == 125


def test_option_and_pence_are_money() -> None:
    hear(execution_row("o.01", price="2", instrument=OPTION), execution_row("p.01", SELL, "10", "3", instrument=OPTION))
    pence = instrument_row("VOD", 3, currency="GBP", min_tick=Decimal("0.1"), price_magnifier=100)
    told = changes(*round_trip(instrument=pence))
    told.instruments[3] = pence
    write_changes(told, 1)
    nets = dict(Trade.objects.values_list("instrument__con_id", "gross_pnl"))
    assert nets == {900: 1000, 3: Decimal(1)}


def test_pence_that_become_known_later_change_the_result() -> None:
    pence = instrument_row("VOD", 3, currency="GBP")
    hear(*round_trip(instrument=pence))
    told = Changes()
    told.instruments[3] = instrument_row("VOD", 3, currency="GBP", min_tick=Decimal("0.1"), price_magnifier=100)
    write_changes(told, 1)
    assert Trade.objects.get().gross_pnl == 1


def test_foreign_result_is_converted_at_the_rate_of_the_closing() -> None:
    later = BEGIN + timedelta(hours=3)
    hear(rate("1.25"))
    hear(*round_trip(instrument=instrument_row("VOD", 3, currency="GBP")))
    hear(rate("1.50", at=later))
    assert Trade.objects.get().net_pnl == 100 - Decimal("1.6")  # 1 USD twice at 1.25
    assert Trade.objects.get().net_pnl_base == 123
    call_command("rebuild_trades", stdout=StringIO())
    assert Trade.objects.get().net_pnl_base == 123


def test_result_without_a_rate_is_unknown_in_the_accounts_currency() -> None:
    hear(*round_trip(instrument=instrument_row("VOD", 3, currency="GBP")))
    trade = Trade.objects.get()
    assert trade.net_pnl_base is None and trade.net_pnl == 100 and not trade.commissions_known


def test_strategy_is_that_of_the_orders_that_opened_it() -> None:
    make_order(strategy="momentum", perm_id=1)
    make_order(strategy="stops", perm_id=2)
    hear(*round_trip())
    assert Trade.objects.get().strategy == "momentum"


def test_holding_from_before_the_mirror_is_closed_first() -> None:
    """30 were held: 10 sold of them are in no result, whatever was bought meanwhile."""
    hear(execution_row("a.01"), execution_row("b.01", SELL, "20", "110", second=10))
    assert Trade.objects.filter(direction="short").exists(), "nothing is known of the 30 yet"
    look(position_row("20"), second=15)
    assert not HoldingChange.objects.exists(), "told a moment ago: not compared yet"
    look(position_row("20"), second=25)
    assert HoldingChange.objects.get().quantity == 30
    [trade] = Trade.objects.all()
    assert (trade.direction, trade.open_quantity, trade.net_pnl) == ("long", 10, 0)


def test_option_that_expires_worthless_is_closed_at_nothing() -> None:
    hear(execution_row("a.01", SELL, "2", "1.5", instrument=OPTION))
    describe(ON_SHARES)
    look(position_row("-2", OPTION), second=30)
    write_snapshot(snapshot(second=(EXPIRY - BEGIN).total_seconds() + 60), Changes(), 1)
    assert Trade.objects.get().closed_at is None, "it left this moment"
    write_snapshot(snapshot(second=(EXPIRY - BEGIN).total_seconds() + 90), Changes(), 1)
    trade = Trade.objects.get()
    assert (trade.closed_at, trade.exit_price, trade.gross_pnl, trade.ending) == (EXPIRY, 0, 300, "expiry")


def test_assigned_option_is_closed_at_nothing_and_its_shares_come_at_the_strike() -> None:
    """Two calls sold at 1.50, assigned at 500: 200 shares are delivered, short; bought back at 490."""
    spy = instrument_row()
    hear(execution_row("a.01", SELL, "2", "1.5", instrument=OPTION), execution_row("s.01", quantity="1"))
    look(position_row("-2", OPTION), position_row("1", spy), second=30)
    seconds = (EXPIRY - BEGIN).total_seconds()
    for second in (60, 90):
        look(position_row("-199", spy), second=seconds + second)
    assert Trade.objects.get(instrument__con_id=900).ending == "assignment"
    delivered = HoldingChange.objects.get(instrument__con_id=spy.con_id, kind=HoldingChangeKind.ASSIGNMENT)
    assert (delivered.quantity, delivered.price) == (-200, 500)
    hear(execution_row("t.01", Side.BUY, "199", "490", second=seconds + 1000))
    first, short = Trade.objects.filter(instrument__con_id=spy.con_id).order_by("number")
    assert (first.net_pnl, short.direction, short.gross_pnl) == (400, "short", 1990)


def test_bonds_and_combinations_make_no_trades() -> None:
    for number, sec_type in enumerate(("BOND", "BAG"), 5):
        hear(*round_trip(instrument=instrument_row(f"X{number}", number, sec_type=sec_type)))
    assert Execution.objects.count() == 2 and not Trade.objects.exists()


def test_realised_today_counts_what_was_closed_since_midnight_in_new_york() -> None:
    mirror.session()
    yesterday = {"executed_at": BEGIN - timedelta(days=1)}
    hear(execution_row("a.01", quantity="20", **yesterday), commission_row("a.01", "2"))
    hear(execution_row("b.01", SELL, "5", "150", **yesterday), commission_row("b.01"))
    hear(execution_row("c.01", SELL, "5", "110"), commission_row("c.01"))
    found = broker.realised_today(ACCOUNT, now=BEGIN + timedelta(hours=1))
    assert isinstance(found, Known) and found.value == Decimal("48.5")  # 50 - 1 - a quarter of 2
    assert Closing.objects.count() == 2


def test_realised_today_is_unknown_while_something_is_missing() -> None:
    assert isinstance(broker.realised_today(ACCOUNT, now=BEGIN), Unknown)
    mirror.session()
    rows = round_trip()
    hear(*rows[:2])
    found = broker.realised_today(ACCOUNT, now=BEGIN)
    assert isinstance(found, Unknown) and "commissions" in found.reason
    hear(*rows[2:])
    assert isinstance(broker.realised_today(ACCOUNT, now=BEGIN), Known)
    hear(execution_row("x.01", instrument=instrument_row("VOD", 3, currency="GBP")))
    hear(execution_row("y.01", SELL, instrument=instrument_row("VOD", 3, currency="GBP")))
    found = broker.realised_today(ACCOUNT, now=BEGIN)
    assert isinstance(found, Unknown) and "exchange rate" in found.reason
    assert isinstance(broker.realised_today("DU0"), Unknown)


def test_command_says_what_was_wrong_and_a_dry_run_changes_nothing() -> None:
    hear(*round_trip())
    Trade.objects.update(net_pnl=5)
    told = StringIO()
    call_command("rebuild_trades", dry_run=True, stdout=told)
    assert "1 would change" in told.getvalue() and Trade.objects.get().net_pnl == 5
    told = StringIO()
    call_command("rebuild_trades", symbol="SPY", stdout=told)
    assert "1 differ" in told.getvalue() and Trade.objects.get().net_pnl == 98
    with pytest.raises(CommandError, match="No execution of 'NONE'"):
        call_command("rebuild_trades", symbol="NONE")
