"""The pages of position snapshots: list, single row, path of a trade, coverage."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.broker.models import Trade
from apps.snapshots.models import PositionSnapshot
from tests.snapshots.option_builders import DAY, open_trade, option, stored
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
LIST = "/admin/snapshots/positionsnapshot/"
COVERAGE = "/admin/snapshots/snapshotcoverage/"


@pytest.fixture
def trade() -> Trade:
    found = open_trade()
    stored(found)
    return found


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_list_shows_each_snapshot_and_calls_the_unknown_unknown(admin_client: Client, trade: Trade) -> None:
    stored(
        trade, DAY + timedelta(days=1), delta=None, iv=None, missing={"delta": "market_closed", "iv": "market_closed"}
    )
    shown = page(admin_client, LIST)
    for text in ("+750.00 USD", "+60.0 %", "+5.0 %", "-0.20, 35.0 %", "unknown, unknown", "2 fields", "2026-01-15"):
        assert text in shown, text


def test_empty_list_says_what_fills_it(admin_client: Client) -> None:
    shown = page(admin_client, LIST)
    assert "position_snapshots" in shown and "manage.py snapshot_positions" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("symbol=ACME", 1),
        ("symbol=BETA", 1),
        ("symbol=NONE", 0),
        ("gaps=some", 1),
        ("gaps=none", 1),
        ("q=beta", 1),
        ("snapshot_date__year=2026&snapshot_date__month=1", 2),
    ],
)
def test_list_is_filtered(admin_client: Client, trade: Trade, query: str, found: int) -> None:
    other = open_trade(instrument=option(2, symbol="BETA", local_symbol="BETA  260220P00095000"))
    stored(other, missing={"vix": "not_sent"}, vix=None)
    assert page(admin_client, f"{LIST}?{query}").count('class="field-path_link"') == found


@pytest.mark.mission(46)
def test_list_is_filtered_by_trade_and_nonsense_filters_nothing(admin_client: Client, trade: Trade) -> None:
    stored(open_trade(2))
    for value, found in ((str(trade.pk), 1), ("999999", 0), ("x", 2), ("9" * 30, 2)):
        assert page(admin_client, f"{LIST}?trade={value}").count('class="field-path_link"') == found, value


def test_nobody_edits_a_snapshot(admin_client: Client, trade: Trade) -> None:
    row = PositionSnapshot.objects.get()
    assert admin_client.get(f"{LIST}add/").status_code == 403
    for view in ("change", "delete"):
        address = reverse(f"admin:snapshots_positionsnapshot_{view}", args=[row.pk])
        assert admin_client.post(address, {"iv": "9", "post": "yes"}).status_code == 403
    assert PositionSnapshot.objects.get().iv == 0.35


@pytest.mark.mission(69)
def test_single_snapshot_explains_what_is_unknown(admin_client: Client, trade: Trade) -> None:
    row = stored(trade, DAY + timedelta(days=1), iv=None, missing={"iv": "no_permission"}, note="Subscribe to OPRA.")
    shown = page(admin_client, f"{LIST}{row.pk}/change/")
    assert "No market data permission: iv" in shown and "Subscribe to OPRA." in shown


def test_list_takes_as_many_queries_for_three_as_for_one(
    admin_client: Client, trade: Trade, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(100) as one:
        page(admin_client, LIST)
    for con_id in (2, 3):
        stored(open_trade(con_id))
    with django_assert_max_num_queries(len(one)):
        page(admin_client, LIST)


@pytest.mark.mission(46)
def test_path_of_a_trade_has_its_days_in_order_and_gaps_where_unknown(admin_client: Client, trade: Trade) -> None:
    stored(trade, DAY + timedelta(days=2), current_pnl_pct=-0.1, iv=None, missing={"iv": "market_closed"})
    stored(trade, DAY + timedelta(days=1), current_pnl_pct=0.8)
    stored(open_trade(2))
    shown = page(admin_client, f"{LIST}trade/{trade.pk}/")
    found = re.search(r'<script id="curves" type="application/json">(.*?)</script>', shown)
    assert found
    curves = json.loads(found.group(1))
    assert curves["pnl"][1] == [0.6, 0.8, -0.1] and curves["iv"][1] == [0.35, 0.35, None]
    assert curves["pnl"][0] == sorted(curves["pnl"][0])
    assert shown.index("2026-01-17") < shown.index("2026-01-15</a>")


def test_path_of_a_trade_without_snapshots_says_when_there_is_one(admin_client: Client) -> None:
    assert "no snapshot yet" in page(admin_client, f"{LIST}trade/{open_trade().pk}/")
    assert admin_client.get(f"{LIST}trade/999999/").status_code == 404


@pytest.mark.mission(69)
def test_coverage_shows_every_field_its_bucket_and_why_values_are_missing(
    admin_client: Client, trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: PositionSnapshot.objects.get(snapshot_date=DAY).captured_at)
    nothing = dict.fromkeys(("delta", "theta", "gamma", "vega", "iv", "stock_price", "vix"), "market_closed")
    stored(trade, DAY - timedelta(days=1), missing=nothing, **dict.fromkeys(nothing))
    shown = page(admin_client, COVERAGE)
    assert shown.count("50.0 %") >= 7 and shown.count("100.0 %") >= 6
    assert "medium" in shown and "high" in shown
    assert "The market was closed" in shown and "Null-heavy snapshots" in shown
    assert shown.count('<svg class="spark"') == 13
    assert "style=" not in shown.split('id="content-main"')[1]


def test_coverage_warns_of_a_critical_field_that_is_known_too_seldom(admin_client: Client) -> None:
    trade, today = open_trade(), clock.now().date()
    stored(trade, today, dte_remaining=5)
    assert "should be known in at least" not in admin_client.get(COVERAGE).content.decode()
    stored(trade, today - timedelta(days=1), dte_remaining=6, iv=None)
    assert "and are not: iv in 50.0 %" in admin_client.get(COVERAGE).content.decode()


def test_coverage_of_nothing_says_what_fills_it(admin_client: Client) -> None:
    assert "manage.py snapshot_positions" in page(admin_client, COVERAGE)
    assert "manage.py snapshot_positions" in page(admin_client, f"{COVERAGE}?days=nonsense")


def test_pages_are_for_those_who_may_look(client: Client, trade: Trade) -> None:
    User.objects.create_user("stranger", password="stranger's own", is_staff=True)
    client.login(username="stranger", password="stranger's own")
    for address in (LIST, COVERAGE, f"{LIST}trade/{trade.pk}/"):
        assert client.get(address).status_code == 403, address


def test_amounts_are_signed_and_grouped(admin_client: Client, trade: Trade) -> None:
    stored(trade, DAY + timedelta(days=1), current_pnl=Decimal("-12345.678"))
    assert "-12,345.68 USD" in page(admin_client, LIST)
