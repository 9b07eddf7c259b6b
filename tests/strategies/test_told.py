"""What is told of signal and advice: the text file, the stored documents, units and sources of prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from pytest_django import Settings

from apps.broker.models import Account
from apps.journal.models import Delivery, Event
from apps.strategies import documents, files, holdings, reports, selectors, services
from apps.strategies.exceptions import NoSnapshot
from apps.strategies.models import MomentumSignal, RebalanceAdvice
from apps.strategies.rebalancing import store_recommendation
from tests.strategies.builders import CON_IDS, NOW, hold, store_snapshot, store_worked_histories
from tests.strategies.test_advice import STERLING, everything_at, recommend

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(db: None, settings: Settings, tmp_path: Path) -> Path:
    store_worked_histories()
    settings.VAR_DIR = tmp_path
    return tmp_path / "logs"


def test_text_file_of_the_day_holds_ranking_and_trades(folder: Path) -> None:
    hold(store_snapshot(cash="100000"), "SXLE", "50", "100")
    done = store_recommendation(recommendation=recommend())
    assert done.file == folder / "rebalance_2026-02-15.txt"
    text = done.file.read_text()
    first = "Rebalance report of 2026-02-15 20:00 UTC, account DU1: 4 trades recommended, no order was sent.\n"
    assert text.startswith(first)
    for words in (
        "12-1 momentum of 2026-02-13",
        "Health Care",
        "Selected: SXLK Technology 33.3%",
        "SELL 50 SXLE at 100.0000 USD, 5,000.00 USD: momentum -25.0% is below the floor of -20%: 5.0% to 0.0%\n",
        "Net cash flow",
    ):
        assert words in text, words
    assert "Cash: 100,000.00 USD" in text and "Equity 100,000.00 USD, snapshot of 2026-02-15 20:00 UTC." in text
    assert done.file.stat().st_mode & 0o777 == 0o640


def test_text_file_of_the_same_day_is_replaced_as_a_whole(folder: Path) -> None:
    store_snapshot(cash="100000")
    store_recommendation(recommendation=recommend())
    first = files.report_path(NOW.date()).read_text()
    store_recommendation(recommendation=recommend(threshold=1.0))
    second = files.report_path(NOW.date()).read_text()
    assert "BUY" in first and "No trades required" in second and "BUY" not in second
    assert [path.name for path in folder.iterdir()] == ["rebalance_2026-02-15.txt"]


def test_reader_of_the_text_file_never_sees_half_of_it(folder: Path) -> None:
    files.write_report(day=NOW.date(), text="before")
    with pytest.raises(UnicodeEncodeError):
        files.write_report(day=NOW.date(), text="after " * 100_000 + "\udcff")
    assert files.report_path(NOW.date()).read_text() == "before"
    assert len(list(folder.iterdir())) == 1


def test_file_that_cannot_be_written_is_told_and_the_advice_stands(folder: Path) -> None:
    folder.write_text("in the way")
    store_snapshot(cash="100000")
    done = store_recommendation(recommendation=recommend())
    assert done.file is None and RebalanceAdvice.objects.count() == 1
    assert "cannot be written" in Event.objects.get(step="Rebalance", level="WARN").message


def test_price_in_pence_says_so_everywhere() -> None:
    snapshot = store_snapshot(cash="200000")
    hold(snapshot, "SXLE", "100", "8000", con_id=STERLING, currency="GBP", rate="1.25", magnifier=100)
    found = recommend(everything_at("100") | {STERLING: "8000"})
    stored = store_recommendation(recommendation=found).advice
    assert "8,000.0000 GBX" in reports.as_text(reports.advice_parts(found))
    sale = stored.trades.get(action="SELL")
    assert (sale.price, sale.price_unit, sale.currency, sale.value) == (8000, "GBX", "GBP", 10_000)
    assert {trade.price_unit for trade in stored.trades.filter(action="BUY")} == {"USD"}


def test_prices_that_are_not_live_are_named_with_their_source() -> None:
    store_snapshot(cash="100000")
    text = reports.as_text(reports.advice_parts(recommend()))
    assert "Not live prices: previous close of SXLF, SXLK, SXLV." in " ".join(text.split())


def test_unclear_account_is_refused_with_the_remedy() -> None:
    store_snapshot()
    Account.objects.create(code="DU2", mode="paper", base_currency="USD", as_of=NOW)
    assert holdings.latest_snapshot() is None
    with pytest.raises(NoSnapshot, match="not clear which account is traded: set IBKR_ACCOUNT"):
        services.recommend_trades(now=NOW)
    with pytest.raises(CommandError, match="set IBKR_ACCOUNT"):
        call_command("rebalance")


def test_stored_documents_say_what_the_command_said() -> None:
    hold(store_snapshot(cash="100000"), "SXLE", "50", "100")
    found = recommend()
    advice = store_recommendation(recommendation=found).advice
    newest = selectors.latest_signal()
    assert newest is not None
    signal = documents.signal_document(newest)
    assert signal.pop("id") == newest.pk and signal == reports.signal_document(found.computed)
    shown = reports.advice_document(found)
    document = documents.advice_document(selectors.advice().get(pk=advice.pk))
    assert (document.pop("id"), document.pop("signal")) == (advice.pk, newest.pk)
    for row in (*document["trades"], *shown["trades"]):
        for name in ("current_weight", "target_weight", "weight_diff"):
            row[name] = round(row[name], 9)
    assert document == shown


def test_newest_is_found_up_to_a_moment_and_by_account() -> None:
    store_snapshot(cash="100000")
    first = store_recommendation(recommendation=recommend()).advice
    second = store_recommendation(recommendation=recommend()).advice
    later = NOW + timedelta(days=7)
    MomentumSignal.objects.filter(pk=second.signal_id).update(created_at=later)
    RebalanceAdvice.objects.filter(pk=second.pk).update(created_at=later, account="DU2")
    newest, before = selectors.latest_signal(), selectors.latest_signal(until=NOW)
    assert newest is not None and before is not None
    assert (newest.pk, before.pk) == (second.signal_id, first.signal_id)
    assert selectors.latest_signal(until=NOW - timedelta(seconds=1)) is None
    assert selectors.latest_advice(account="DU1") == first and selectors.latest_advice() == second
    assert selectors.latest_advice(account="DU3") is None
    assert CON_IDS["SXLK"] == newest.rows.get(symbol="SXLK").con_id


def test_notice_of_trades_holds_the_beginning_of_the_report() -> None:
    hold(store_snapshot(cash="100000"), "SXLE", "50", "100")
    found = recommend()
    store_recommendation(recommendation=found, actor="ann")
    assert not Delivery.objects.exists(), "who asks by hand sees the answer"
    store_recommendation(recommendation=found, job_run=7)
    notice = Delivery.objects.get()
    assert notice.subject == "Rebalance of DU1: 4 trades recommended"
    assert notice.body == reports.written_report(found)[:1000] and len(notice.body) == 1000
    for trade in found.advice.trades:
        assert f"{trade.action} {int(trade.shares)} {trade.symbol} at 100.0000 USD" in notice.body
    assert "Net cash flow: -94,900.00 USD." in notice.body


def test_nothing_to_trade_is_no_notice() -> None:
    store_snapshot(cash="100000")
    store_recommendation(recommendation=recommend(threshold=1.0), job_run=7)
    assert not Delivery.objects.exists() and RebalanceAdvice.objects.count() == 1


def test_notice_exists_only_with_the_advice() -> None:
    store_snapshot(cash="200000")
    found = recommend()
    broken = replace(found, advice=replace(found.advice, trades=(found.advice.trades[0],) * 2))
    with pytest.raises(IntegrityError):
        store_recommendation(recommendation=broken, job_run=7)
    assert not Delivery.objects.exists() and not files.report_path(NOW.date()).exists()
