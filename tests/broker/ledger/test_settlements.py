"""Options settled in cash: never silently worth nothing, unknown until the broker or a person says what they paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.broker import selectors as broker
from apps.broker.choices import PriceSource, Side
from apps.broker.domain.settlement import intrinsic_value, price_from_result
from apps.broker.exceptions import SettlementError
from apps.broker.gateway import instrument_rows
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import InstrumentRow
from apps.broker.gateway.writer import write_changes, write_snapshot
from apps.broker.models import HoldingChange, Trade
from apps.broker.services import settlements
from apps.console.roles import assign_role
from apps.journal.models import Event, Incident
from tests.broker import builders as mirror
from tests.broker.ledger.builders import (
    ACCOUNT,
    BEGIN,
    changes,
    commission_row,
    execution_row,
    instrument_row,
    make_account,
    position_row,
    snapshot,
)
from tradeops.lib.known import Unknown

D = Decimal
EXPIRY = datetime(2026, 3, 6, 21, 0, tzinfo=UTC)
SECONDS = (EXPIRY - BEGIN).total_seconds()


def index_option(strike: str, right: str, con_id: int, under_sec_type: str = "IND") -> InstrumentRow:
    row = instrument_row("SPX", con_id, sec_type="OPT", multiplier=D(100), strike=D(strike), right=right)
    row = replace(row, trading_class="SPXW", local_symbol=f"SPXW 260306{right}{strike}", expires_on=date(2026, 3, 6))
    return replace(row, under_con_id=416904, under_sec_type=under_sec_type)


CALL, PUT = index_option("5000", "C", 901), index_option("5200", "P", 902)


@pytest.fixture
def ledger(db: None) -> None:
    """A call bought at 12 and two puts sold at 30, with commissions, held over the expiry."""
    make_account()
    hear(CALL, PUT)
    write_changes(
        changes(
            execution_row("a.01", Side.BUY, "1", "12", instrument=CALL, perm_id=1),
            execution_row("b.01", Side.SELL, "2", "30", instrument=PUT, perm_id=2),
            commission_row("a.01", "1.5"),
            commission_row("b.01", "3"),
        ),
        1,
    )
    look(30, position_row("1", CALL), position_row("-2", PUT))
    for later in (60, 90):
        look(SECONDS + later)


def hear(*details: InstrumentRow) -> None:
    """Details of contracts arrive."""
    told = Changes()
    told.instruments.update({row.con_id: replace(row, min_tick=D("0.05")) for row in details})
    write_changes(told, 1)


def look(second: float, *rows: object) -> None:
    write_snapshot(snapshot(rows, second=second), Changes(), 1)


def age(seconds: float) -> None:
    """As if the expiries had been found so long before that look."""
    HoldingChange.objects.update(created_at=BEGIN + timedelta(seconds=SECONDS - seconds))


def trade(con_id: int) -> Trade:
    return Trade.objects.get(instrument__con_id=con_id)


def state_result(con_id: int, realised: str, at: datetime = EXPIRY + timedelta(minutes=1)) -> None:
    """The broker's portfolio names what the position realised."""
    row = replace(
        position_row("0", CALL if con_id == CALL.con_id else PUT),
        as_of=at,
        realized_pnl=D(realised),
        price_source=PriceSource.PORTFOLIO,
        priced_at=at,
    )
    write_changes(changes(row), 1)


def test_expired_index_option_has_no_result_and_a_person_is_asked(ledger: None) -> None:
    for con_id in (901, 902):
        found = trade(con_id)
        assert (found.closed_at, found.ending) == (EXPIRY, "expiry")
        assert (found.gross_pnl, found.net_pnl, found.net_pnl_base, found.exit_price) == (None,) * 4
        assert [closing.net for closing in found.closings.all()] == [None]
    assert not Incident.objects.exists(), "the broker may still state it"
    age(600)
    look(SECONDS + 120)
    look(SECONDS + 150)
    incidents = list(Incident.objects.filter(resolved_at=None).order_by("key"))
    assert [(row.key, row.severity, row.count) for row in incidents] == [
        (f"settlement:{ACCOUNT}:901", "warning", 1),
        (f"settlement:{ACCOUNT}:902", "warning", 1),
    ]
    assert "manage.py book_settlement SPXW 2026-03-06 PRICE" in incidents[0].detail


def test_unknown_result_makes_the_days_result_unknown(ledger: None) -> None:
    mirror.session()
    found = broker.realised_today(ACCOUNT, now=EXPIRY + timedelta(hours=1))
    assert isinstance(found, Unknown) and "2 closings of today ended at a price that nobody has stated" in found.reason


def test_booked_settlement_gives_every_strike_its_intrinsic_value(ledger: None) -> None:
    age(600)
    look(SECONDS + 120)
    User.objects.create_user("rita")
    words = ["book_settlement", "spxw", "2026-03-06", "5100.25"]
    with pytest.raises(CommandError, match="takes the role risk"):
        call_command(*words, user="rita", reason="SPX close")
    assign_role(user=User.objects.get(), role="risk", actor="test")
    told = StringIO()
    call_command(*words, user="rita", dry_run=True, stdout=told)
    assert "would be settled at 100.25 USD" in told.getvalue() and trade(901).net_pnl is None
    with pytest.raises(CommandError, match="where the price is from"):
        call_command(*words, user="rita")
    call_command(*words, user="rita", reason="SPX close", stdout=told)
    assert (trade(901).gross_pnl, trade(901).net_pnl) == (D("8825"), D("8823.5"))  # (100.25 - 12) x 100, less 1.5
    assert (trade(902).gross_pnl, trade(902).net_pnl) == (D("-13950"), D("-13953"))  # (30 - 99.75) x 2 x 100, less 3
    assert not Incident.objects.filter(resolved_at=None).exists()
    assert Event.objects.filter(step="Settlement", actor="rita").count() == 2
    with pytest.raises(CommandError, match="No expiry of SPXW on 2026-03-06 waits"):
        call_command(*words, user="rita", reason="again")
    call_command("rebuild_trades", stdout=told)
    assert trade(901).net_pnl == D("8823.5")


def test_broker_that_states_the_result_settles_it(ledger: None) -> None:
    """It realised 8,823.50 on the call: (100.25 - 12) x 100 less the commission of 1.50."""
    state_result(901, "8823.50")
    look(SECONDS + 120)
    assert (trade(901).exit_price, trade(901).net_pnl) == (D("100.25"), D("8823.5"))
    assert trade(902).net_pnl is None
    state_result(902, "5997")
    look(SECONDS + 150)
    assert (trade(902).exit_price, trade(902).net_pnl) == (0, D("5997")), "stated to be worthless"


@pytest.mark.parametrize(
    ("realised", "at"),
    [
        ("0", EXPIRY + timedelta(minutes=1)),
        ("8823.50", EXPIRY - timedelta(minutes=1)),
        ("-5000", EXPIRY + timedelta(minutes=1)),
    ],
)
def test_figure_that_cannot_be_of_the_expiry_settles_nothing(ledger: None, realised: str, at: datetime) -> None:
    """Nothing realised, stated before it expired, or more lost than was paid for it."""
    state_result(901, realised, at)
    look(SECONDS + 120)
    assert trade(901).net_pnl is None


def test_figure_beside_another_closing_settles_nothing(ledger: None) -> None:
    write_changes(changes(execution_row("c.01", Side.BUY, "1", "20", instrument=PUT, perm_id=3, second=60)), 1)
    state_result(902, "5000")
    look(SECONDS + 120)
    change = HoldingChange.objects.get(instrument__con_id=902, kind="expiry")
    assert change.price is None


def test_option_whose_underlying_is_not_known_is_not_taken_to_be_worthless(db: None) -> None:
    make_account()
    unknown = index_option("5000", "C", 903, "")
    write_changes(changes(execution_row("a.01", Side.BUY, "1", "12", instrument=unknown)), 1)
    assert instrument_rows.without_details([]) == [903]
    look(30, position_row("1", unknown))
    for later in (60, 90):
        look(SECONDS + later)
    assert (trade(903).closed_at, trade(903).net_pnl) == (EXPIRY, None)


def test_option_known_before_underlyings_were_is_described_again(db: None) -> None:
    hear(index_option("5000", "C", 903, ""), CALL, instrument_row("SPY"))
    assert instrument_rows.without_details([]) == [903]


def test_settlement_is_stated_once(ledger: None) -> None:
    change = settlements.unsettled().first()
    assert change is not None
    settlements.settle_expiry(change_id=change.pk, price=D(3), reason="statement", actor="rita")
    with pytest.raises(SettlementError, match="look again"):
        settlements.settle_expiry(change_id=change.pk, price=D(4), reason="statement", actor="rita")


@pytest.mark.parametrize(
    ("right", "strike", "settlement", "expected"),
    [("C", 5000, "5100.25", "100.25"), ("C", 5000, "4999", "0"), ("P", 5200, "5100.25", "99.75"), ("P", 5, "5", "0")],
)
def test_intrinsic_value_worked_by_hand(right: str, strike: int, settlement: str, expected: str) -> None:
    assert intrinsic_value(right, D(strike), D(settlement)) == D(expected)
    with pytest.raises(ValueError, match="neither a call"):
        intrinsic_value("X", D(1), D(1))


@given(
    st.decimals("0", "900", places=2),
    st.decimals("0.05", "500", places=2),
    st.integers(-50, 50).filter(bool),
    st.decimals("0", "99", places=2),
)
def test_price_follows_from_what_was_realised(
    price: Decimal, entry: Decimal, quantity: int, commission: Decimal
) -> None:
    realised = (price - entry) * quantity * 100 - commission
    assert price_from_result(realised, D(quantity), entry, commission, D(100)) == price
    below = realised - abs(quantity) * 100 * (price + 1) * (1 if quantity > 0 else -1)
    assert price_from_result(below, D(quantity), entry, commission, D(100)) is None
