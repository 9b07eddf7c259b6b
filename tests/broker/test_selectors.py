"""What is known about the broker, and how far it can be believed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.broker import selectors
from apps.broker.choices import SessionState
from apps.broker.models import AccountValue, EquityPoint
from tests.broker import builders
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

pytestmark = pytest.mark.django_db


def test_session_without_a_row_is_not_running() -> None:
    view = selectors.session()
    assert (view.state, view.running, view.is_following) == (SessionState.DISCONNECTED, False, False)
    assert "manage.py gateway" in view.reason


def test_session_goes_stale_after_ten_seconds() -> None:
    row = builders.session()
    assert row.heartbeat_at is not None
    fresh = selectors.session(now=row.heartbeat_at + timedelta(seconds=10))
    stale = selectors.session(now=row.heartbeat_at + timedelta(seconds=11))
    assert (fresh.state, stale.state) == (SessionState.READY, SessionState.DISCONNECTED)
    assert fresh.running and stale.is_stale and "last heartbeat" in stale.reason


def test_positions_are_unknown_before_the_first_synchronisation() -> None:
    builders.position()
    assert isinstance(selectors.positions(), Unknown)
    builders.session(synchronised_at=None)
    assert isinstance(selectors.positions(), Unknown)
    assert isinstance(selectors.open_orders(), Unknown)


def test_positions_leave_out_closed_ones_and_other_accounts() -> None:
    builders.session()
    mine = builders.position(10)
    builders.position(0, instrument=builders.instrument(2, "QQQ"))
    builders.position(5, account=builders.account("DU2"))
    known = selectors.positions("DU1")
    assert isinstance(known, Known) and known.value == [mine]
    everything = selectors.positions()
    assert isinstance(everything, Known) and len(everything.value) == 2


def test_tables_are_believed_until_the_connection_was_lost() -> None:
    row = builders.session()
    following = selectors.positions()
    assert isinstance(following, Known) and following.as_of == row.heartbeat_at
    builders.session(SessionState.BROKER_LOST)
    lost = selectors.positions()
    assert isinstance(lost, Known) and lost.as_of == builders.AT


def test_open_orders_are_those_that_work() -> None:
    builders.session()
    working = builders.order(1)
    builders.order(2, is_open=False, status="Filled")
    known = selectors.open_orders()
    assert isinstance(known, Known) and known.value == [working]


def test_executions_count_in_their_last_revision() -> None:
    builders.execution("a.01.01", is_current=False)
    corrected = builders.execution("a.01.02")
    assert list(selectors.executions("DU1")) == [corrected]
    assert not selectors.executions(since=builders.AT + timedelta(seconds=1)).exists()


def test_account_value_is_a_number_or_unknown() -> None:
    account = builders.account()
    for tag, currency, value in (
        ("NetLiquidation", "USD", "1000.5"),
        ("Cushion", "", "0.9"),
        ("Type", "", "INDIVIDUAL"),
    ):
        AccountValue.objects.create(account=account, tag=tag, currency=currency, value=value, as_of=builders.AT)
    assert selectors.account_value("DU1", "NetLiquidation") == Known(Decimal("1000.5"), builders.AT)
    assert selectors.account_value("DU1", "Cushion") == Known(Decimal("0.9"), builders.AT)
    for code, tag in (("DU1", "Type"), ("DU1", "Nothing"), ("DU9", "NetLiquidation")):
        assert isinstance(selectors.account_value(code, tag), Unknown)


def test_default_account_is_the_only_one() -> None:
    assert selectors.default_account() is None
    only = builders.account("DU1")
    assert selectors.default_account() == only
    builders.account("DU2")
    assert selectors.default_account() is None, "two accounts and no IBKR_ACCOUNT: nobody can say"


def test_equity_today_starts_at_midnight_in_new_york() -> None:
    account, now = builders.account(), clock.now().replace(hour=15)
    for hours in (0, 1, 30):
        EquityPoint.objects.create(
            account=account, at=now - timedelta(hours=hours), currency="USD", net_liquidation=Decimal(1000)
        )
    assert [point.at for point in selectors.equity_today("DU1", now=now)] == [now - timedelta(hours=1), now]
