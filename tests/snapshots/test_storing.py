"""One snapshot per account and UTC date, whole or not at all."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from apps.journal.models import Event
from apps.snapshots import portfolio, selectors, services
from apps.snapshots.exceptions import BrokerUnknown, IncompleteAnswer, NoAccount
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from tests.snapshots.builders import NOW, contract, holding, quoted, stored_account, stored_instrument, valuation

pytestmark = pytest.mark.django_db
FIRST, SECOND = contract(1, "SXLK"), contract(2, "SXLE")


@pytest.fixture
def stored() -> None:
    stored_account()
    stored_instrument(FIRST)
    stored_instrument(SECOND)


@pytest.mark.usefixtures("stored")
def test_snapshot_is_stored_with_its_positions() -> None:
    stated = valuation(holding("10", "90", FIRST), quotes={1: quoted("100", "delayed")})
    snapshot = services.store_snapshot(valuation=stated, job_run=5)
    assert (snapshot.date, snapshot.taken_at, snapshot.job_run) == (date(2026, 1, 15), NOW, 5)
    assert (snapshot.total_equity, snapshot.cash, snapshot.currency) == (Decimal(10_000), Decimal(9_000), "USD")
    position = snapshot.positions.get()
    assert (position.market_value, position.unrealized_pnl, position.base_value) == (1000, 100, 1000)
    assert (position.price_source, position.priced_at) == ("delayed", NOW)


@pytest.mark.usefixtures("stored")
def test_later_snapshot_of_the_day_replaces_the_earlier_and_its_positions() -> None:
    services.store_snapshot(valuation=valuation(holding(of=FIRST), holding(of=SECOND)))
    later = NOW + timedelta(hours=2)
    services.store_snapshot(valuation=valuation(holding("3", of=SECOND), at=later, equity="20000"))
    snapshot = PortfolioSnapshot.objects.get()
    assert (snapshot.taken_at, snapshot.total_equity) == (later, Decimal(20_000))
    assert [(position.symbol, position.quantity) for position in SnapshotPosition.objects.all()] == [("SXLE", 3)]


@pytest.mark.usefixtures("stored")
def test_date_is_the_utc_date() -> None:
    tokyo = datetime(2026, 1, 16, 3, 0, tzinfo=timezone(timedelta(hours=9)))
    assert services.store_snapshot(valuation=valuation(at=tokyo)).date == date(2026, 1, 15)


@pytest.mark.usefixtures("stored")
def test_next_day_has_its_own_snapshot() -> None:
    services.store_snapshot(valuation=valuation())
    services.store_snapshot(valuation=valuation(at=NOW + timedelta(days=1)))
    assert PortfolioSnapshot.objects.count() == 2


def test_unknown_account_stores_nothing() -> None:
    with pytest.raises(NoAccount, match="not yet stored account DU1"):
        services.store_snapshot(valuation=valuation())


@pytest.mark.usefixtures("stored")
def test_unknown_contract_leaves_the_day_as_it_was() -> None:
    services.store_snapshot(valuation=valuation(holding(of=FIRST)))
    with pytest.raises(IncompleteAnswer, match=r"contracts \[99\]"):
        services.store_snapshot(valuation=valuation(holding(of=contract(99)), equity="1"))
    snapshot = PortfolioSnapshot.objects.get()
    assert (snapshot.total_equity, snapshot.positions.count()) == (10_000, 1)


@pytest.mark.mission(36)
@pytest.mark.usefixtures("stored")
def test_missing_price_is_warned_of_with_what_to_do() -> None:
    services.store_snapshot(valuation=valuation(holding(of=FIRST), quotes={1: quoted(None, note="Subscribe to LSE.")}))
    warning = Event.objects.get(level="WARN")
    assert (warning.step, warning.symbol) == ("Snapshot", "SXLK")
    assert warning.message == "No price for SXLK: valued at its average cost. Subscribe to LSE."
    silent = valuation(holding(of=FIRST), quotes={1: quoted(None)})
    assert "market data subscriptions" in services.remarks(silent)[0]


def test_without_a_gateway_nothing_is_known_and_nothing_stored() -> None:
    with pytest.raises(BrokerUnknown, match="did not say .account summary."):
        services.take_portfolio_snapshot(now=NOW)
    assert not PortfolioSnapshot.objects.exists()


@pytest.mark.usefixtures("stored")
def test_selectors_find_the_latest_and_a_range() -> None:
    for day in range(3):
        services.store_snapshot(valuation=valuation(holding(of=FIRST), at=NOW + timedelta(days=day)))
    latest = selectors.latest_snapshot(account="DU1")
    assert latest is not None and latest.date == date(2026, 1, 17)
    assert selectors.latest_snapshot(account="DU2") is None
    found = selectors.snapshots_between(first=date(2026, 1, 15), last=date(2026, 1, 16))
    assert [snapshot.date.day for snapshot in found] == [15, 16]


@pytest.mark.usefixtures("stored")
def test_stored_and_unstored_documents_agree_and_have_the_agreed_keys() -> None:
    stated = valuation(holding("10", "90", FIRST), quotes={1: quoted("100")})
    stored_document = selectors.as_document(services.store_snapshot(valuation=stated))
    assert stored_document == selectors.valuation_as_document(stated)
    assert {"timestamp", "total_equity", "cash", "positions"} <= set(stored_document)
    agreed = {"symbol", "quantity", "avg_cost", "market_price", "market_value", "unrealized_pnl", "price_source"}
    assert agreed <= set(stored_document["positions"][0])


def test_quotes_are_asked_for_in_groups() -> None:
    groups = portfolio.grouped(list(range(95)))
    assert [len(group) for group in groups] == [40, 40, 15]
    assert sum(groups, []) == list(range(95))


@pytest.mark.django_db(transaction=True)
def test_concurrent_snapshots_of_a_day_leave_one_that_is_whole() -> None:
    stored_account()
    stored_instrument(FIRST)
    stored_instrument(SECOND)
    together = Barrier(4)

    def take(quantity: int) -> None:
        together.wait()
        held = [holding(str(quantity), of=FIRST), holding(str(quantity), of=SECOND)]
        services.store_snapshot(valuation=valuation(*held, equity=str(quantity)))
        connection.close()

    threads = [Thread(target=take, args=[number]) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = PortfolioSnapshot.objects.get()
    assert {position.quantity for position in snapshot.positions.all()} == {snapshot.total_equity}
    assert snapshot.positions.count() == 2
