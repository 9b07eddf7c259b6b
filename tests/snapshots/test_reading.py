"""What is concluded from the gateway's answers, including those that no sane broker gives.

A thread answers the request rows as the gateway does: the questions go the real way, the answers are chosen.
"""

from __future__ import annotations

from typing import Any

import pytest

from apps.broker.models import GatewaySession
from apps.snapshots import portfolio, services
from apps.snapshots.exceptions import BrokerUnknown, IncompleteAnswer
from apps.snapshots.models import PortfolioSnapshot
from tests.snapshots.answering import answering
from tests.snapshots.builders import NOW, contract, stored_account, stored_instrument, summary

pytestmark = pytest.mark.django_db(transaction=True)

HELD = {"account": "DU1", "con_id": 1, "symbol": "SXLK", "currency": "GBP", "position": "100", "avg_cost": "120"}
QUOTE = {"con_id": 1, "price": "12100", "price_source": "market", "at": None, "note": ""}
DETAILS = {"multiplier": "1", "price_magnifier": 100, "local_symbol": "SXLKL"}


def balance(equity: str = "20000", cash: str = "5000") -> list[dict[str, Any]]:
    return summary(NetLiquidation=equity, TotalCashValue=cash)


@pytest.mark.mission(39)
def test_equity_far_above_cash_without_positions_is_refused_and_nothing_stored() -> None:
    stored_account()
    with (
        answering(account_summary=balance(), positions=[], quotes=[]) as asked,
        pytest.raises(IncompleteAnswer, match="reports no positions, but equity 20,000.00 is more than 1.1 x cash"),
    ):
        services.take_portfolio_snapshot(now=NOW)
    assert asked == ["account_summary", "positions"]
    assert not PortfolioSnapshot.objects.exists()


@pytest.mark.mission(39)
def test_refusal_keeps_the_snapshot_that_was_there() -> None:
    stored_account()
    with answering(account_summary=balance("5000"), positions=[]):
        services.take_portfolio_snapshot(now=NOW)
    GatewaySession.objects.all().delete()
    with answering(account_summary=balance(), positions=[]), pytest.raises(IncompleteAnswer):
        services.take_portfolio_snapshot(now=NOW)
    assert PortfolioSnapshot.objects.get().total_equity == 5000


def test_account_of_cash_alone_has_a_snapshot_without_positions() -> None:
    stored_account()
    with answering(account_summary=balance("5000"), positions=[]):
        assert services.take_portfolio_snapshot(now=NOW).positions.count() == 0


@pytest.mark.parametrize("missing", ["account_summary", "positions", "quotes", "contract_details"])
def test_any_part_unknown_means_no_snapshot(missing: str) -> None:
    stored_account()
    parts = {"account_summary": balance(), "positions": [HELD], "quotes": [QUOTE], "contract_details": [DETAILS]}
    with (
        answering(**{**parts, missing: None}),
        pytest.raises(BrokerUnknown, match=r"did not say .*: not connected\. Nothing was stored\.$"),
    ):
        services.take_portfolio_snapshot(now=NOW)
    assert not PortfolioSnapshot.objects.exists()


def test_details_that_the_mirror_lacks_are_asked_of_the_broker() -> None:
    """The mirror knows the contract, but not yet that its prices are pence."""
    stored_instrument(contract(1, currency="GBP"))
    with answering(account_summary=balance(), positions=[HELD], quotes=[QUOTE], contract_details=[DETAILS]) as asked:
        [position] = portfolio.read_portfolio(account="", now=NOW).positions
    assert "contract_details" in asked
    assert (position.market_value, position.unrealized_pnl, position.name) == (12_100, 100, "SXLKL")


def test_contract_that_the_broker_no_longer_knows_is_worth_its_cost() -> None:
    with answering(account_summary=balance(), positions=[HELD], quotes=[QUOTE], contract_details=[]):
        [position] = portfolio.read_portfolio(account="", now=NOW).positions
    assert (position.price.source, position.market_value) == ("avg_cost", 12_000)


def test_quotes_of_no_positions_are_not_asked_for() -> None:
    closed = {**HELD, "position": "0"}
    with answering(account_summary=balance("5000"), positions=[closed], contract_details=[DETAILS]) as asked:
        assert portfolio.read_portfolio(account="", now=NOW).positions == []
    assert "quotes" not in asked
