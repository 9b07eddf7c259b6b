"""What the PDFs say is what the tables hold."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.broker import services as broker
from apps.broker.models import Account, Commission
from apps.journal.models import Event
from apps.reports import services
from apps.reports.domain import periods
from apps.reports.domain.wording import money, percent
from apps.reports.exceptions import DamagedReport, InvalidPeriod
from apps.reports.models import Report
from apps.reports.selectors import stored
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from tests.reports import builders as build
from tests.reports import reading

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 1, 26)
WEEK = periods.week("2026-W05")
JANUARY = periods.month("2026-01")


def make(of: Account, period: periods.Period = WEEK, now: datetime = build.NOW) -> Report:
    return services.make_report(account=of, period=period, now=now, created_by="ann")


def week_of_trading() -> Account:
    """Sunday 10,000; Monday to Sunday up to 10,400 with 100 paid in. SXLK held and traded, SXLE sold at a loss."""
    desk = build.account()
    up, down = build.instrument("SXLK", 1), build.instrument("SXLE", 2)
    start = build.snapshot(desk, MONDAY - timedelta(days=1), "10000")
    build.holding(start, up, "50", "100")
    build.holding(start, down, "20", "40")
    days = build.snapshots(desk, MONDAY, ["10050", "10010", "10200", "10300", "10400", "10400", "10400"])
    build.holding(days[-1], up, "60", "103.5", cost="98.765")
    build.order(desk, up, 1, "LMT", limit_price=Decimal("101"))
    at = datetime(2026, 1, 27, 15, 30, 5, tzinfo=UTC)
    build.execution(desk, up, "BUY", "10", "101.0505", at, perm_id=1, commission="1.25")
    build.execution(desk, down, "BUY", "20", "41", at - timedelta(days=9), perm_id=2, commission="1")
    build.execution(desk, down, "SELL", "20", "38.5", at + timedelta(hours=1), perm_id=3, commission="1")
    build.mirror_holds(desk, {up: "60", down: "0"})
    broker.book_cash_flow(
        account=desk,
        arrived_at=build.at(MONDAY + timedelta(days=2), 12),
        amount=Decimal(100),
        currency="USD",
        note="Top-up",
        now=build.NOW,
        actor="ann",
    )
    build.run("daily_snapshot", "succeeded", build.at(MONDAY), seconds=3, attempt=2)
    build.run("daily_snapshot", "failed", build.at(MONDAY), error="The broker did not say: timeout.")
    return desk


@pytest.mark.mission(26)
def test_weekly_report_says_what_the_tables_hold() -> None:
    desk = week_of_trading()
    said = reading.text(make(desk).content)
    growth = (10050 / 10000) * (10010 / 10050) * (10100 / 10010) * (10300 / 10200) * (10400 / 10300) - 1
    assert percent(growth, signed=True) in said
    last = PortfolioSnapshot.objects.get(date=date(2026, 2, 1))
    [held] = SnapshotPosition.objects.filter(snapshot=last)
    assert held.base_value is not None
    for value in (last.total_equity, last.cash, held.market_value, held.base_value):
        assert money(value) in said
    assert percent(float(held.base_value / last.total_equity)) in said
    for words in (
        "Weekly report 2026-W05",
        "Monday 26 January 2026 to Sunday 1 February 2026",
        "Account DU123",
        "PAPER",
        "+300.00 USD, realised and unrealised",  # 10,400 - 10,000 - 100
        "SXLK 60 98.765 103.50 live 6,210.00",
        "2026-01-27 15:30:05 SXLK Buy 10 101.0505 101.00 USD +5.0 1.25 USD",
        "Slippage: mean +5.0 bps, median +5.0 bps over 1 execution with an intended price; 0 beyond 10 bps.",
        "2026-01-28 +100.00 USD Top-up",
        "daily_snapshot Portfolio snapshot 2 1 1 0 0 1 50.0 % 3.0 s",
        "daily_snapshot failed or was missed: The broker did not say: timeout.",
        "portfolio snapshots, the last of 2026-02-01 16:35 UTC",
        "as mirrored until 2026-02-01 21:00 UTC",
        "Page 1 of 2",
    ):
        assert words in said, words


def test_winners_losers_and_round_trips_are_those_of_the_tables() -> None:
    said = reading.text(make(week_of_trading()).content)
    assert "SXLK 60 +198.24" in said  # 6,210 - 5,000 - 1,010.505 - 1.25
    assert "SXLE 0 -31.00" in said  # 770 - 800 - 1
    assert "0.0 % 1 round trip closed" in said
    assert "0.00 / 52.00" in said  # 20 x -2.5 less 2 of commissions


def test_report_says_whose_result_counts_a_commission_as_nothing() -> None:
    desk = week_of_trading()
    Commission.objects.filter(execution__perm_id=3).delete()
    said = reading.text(make(desk).content)
    assert "Winners and losers count a commission as 0, not known yet or without an exchange rate: SXLE." in said


@pytest.mark.mission(27)
def test_monthly_report_adds_commentary_classes_and_the_favourable_share() -> None:
    desk = week_of_trading()
    services.write_commentary(account=desk, month="2026-01", text="Old words.", now=build.NOW, actor="ann")
    services.write_commentary(
        account=desk, month="2026-01", text="We held still.\n& waited <b>.", now=build.NOW, actor="ann"
    )
    said = reading.text(make(desk, JANUARY).content)
    for words in (
        "Monthly report 2026-01",
        "January 2026",
        "We held still. & waited <b>.",
        "Better than intended: 0.0 %.",
        "Stocks and ETFs 3 100.0 %",
        "measured from 2026-01-25",
    ):
        assert words in said, words
    assert "Old words" not in said


@pytest.mark.mission(26)
def test_report_of_week_53_carries_the_iso_year() -> None:
    desk = build.account()
    build.snapshots(desk, date(2026, 12, 27), ["100", "101", "102", "103", "104", "105", "106", "107"])
    report = make(desk, periods.week("2026-W53"), datetime(2027, 1, 3, 21, tzinfo=UTC))
    said = reading.text(report.content)
    assert "Weekly report 2026-W53" in said and "Monday 28 December 2026 to Sunday 3 January 2027" in said
    assert "+7.00 %" in said
    assert report.file_name == "2026-W53-report-DU123.pdf"


def test_empty_period_is_told_in_words() -> None:
    said = reading.text(make(build.account()).content)
    for words in (
        "No snapshot was taken in this period",
        "Executions are not known: the gateway has never synchronised",
        "No job ran in this period",
        "Not known: it takes two snapshots",
        "Page 1 of 1",
    ):
        assert words in said, words


def test_quiet_period_is_told_in_words() -> None:
    desk = build.account()
    build.snapshots(desk, MONDAY - timedelta(days=1), ["100"] * 8)
    later = build.NOW + timedelta(days=1)
    build.mirror_holds(desk, {}, as_of=later)
    said = reading.text(make(desk, now=later).content)
    assert "Nothing was traded in this period." in said
    assert "0.00 %" in said
    assert "Every day of the period has its snapshot" in said


def test_unfinished_period_missing_days_and_silent_mirror_are_remarked() -> None:
    desk = build.account()
    for day in (26, 29):
        build.snapshot(desk, date(2026, 1, day), "100")
    now = datetime(2026, 1, 30, 12, tzinfo=UTC)
    build.mirror_holds(desk, {}, as_of=now - timedelta(days=2))
    said = reading.text(make(desk, now=now).content)
    assert "The period ends on 2026-02-01: this report tells what is known until now." in said
    assert "Snapshots are missing for 2 days: 2026-01-27, 2026-01-28." in said
    assert "What was executed after 2026-01-28 12:00 UTC is not known" in said
    assert "measured from 2026-01-26" in said


def test_five_hundred_positions_all_appear_with_page_numbers() -> None:
    desk = build.busy_desk(date(2026, 2, 1), days=100, positions=500)
    content = make(desk).content
    found = reading.pages(content)
    said = " ".join(found)
    for what in PortfolioSnapshot.objects.get(date=date(2026, 2, 1)).positions.all():
        assert f"{what.symbol}\n" in said, what.symbol
    assert len(found) > 8
    assert all(f"Page {number} of {len(found)}" in page for number, page in enumerate(found, 1))
    assert all("Position" in page for page in found[1:8]), "the heading is repeated"


def test_period_that_has_not_begun_is_refused() -> None:
    with pytest.raises(InvalidPeriod, match="2026-W06 has not begun: it starts on 2026-02-02"):
        make(build.account(), periods.week("2026-W06"))
    assert not Report.objects.exists()


def test_report_made_again_is_a_further_revision_and_the_first_stays() -> None:
    desk = build.account()
    first, second = make(desk), make(desk, now=build.NOW + timedelta(hours=1))
    monthly = make(desk, JANUARY)
    assert [(report.period, report.revision) for report in (first, second, monthly)] == [
        ("2026-W05", 1),
        ("2026-W05", 2),
        ("2026-01", 1),
    ]
    kept = Report.objects.get(pk=first.pk)
    assert stored.content_of(kept) == first.content and kept.sha256 != second.sha256
    assert second.file_name == "2026-W05-report-DU123-r2.pdf"
    assert Event.objects.filter(step="Report").count() == 3


def test_stored_file_is_proven_by_its_digest() -> None:
    report = make(build.account())
    assert report.sha256 == hashlib.sha256(report.content).hexdigest() and report.size == len(report.content)
    Report.objects.filter(pk=report.pk).update(content=b"%PDF-something else")
    with pytest.raises(DamagedReport, match="make the report again"):
        stored.content_of(Report.objects.get(pk=report.pk))


@pytest.mark.django_db(transaction=True)
def test_reports_made_at_the_same_time_get_revisions_of_their_own() -> None:
    desk, failures = build.account(), []

    def store() -> None:
        try:
            services.store_report(account=desk, period=WEEK, content=b"%PDF-", now=build.NOW, created_by="ann")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=store) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(Report.objects.values_list("revision", flat=True)) == [1, 2, 3, 4, 5, 6]
