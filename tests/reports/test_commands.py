from __future__ import annotations

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from apps.reports.models import Report
from tests.reports import builders as build
from tests.reports import reading

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 1, 5)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.mission(28)
def test_stats_prints_every_figure_rounded() -> None:
    build.snapshots(build.account(), MONDAY, ["10000", "11000", "9900", "10890", "10890"])
    printed = " ".join(run("stats").split())
    for words in (
        "Performance of DU123",
        "10,000.00 USD",
        "10,890.00 USD",
        "+890.00 USD",
        "+8.90 %",
        "151.99 %",  # 9.57427 % x sqrt(252)
        "4.15",  # Sharpe
        "10.00 %",  # drawdown
        "3 days",
        "needs 30 daily returns",
    ):
        assert words in printed, words


@pytest.mark.mission(28)
def test_stats_as_json_gives_fractions() -> None:
    build.snapshots(build.account(), MONDAY, ["10000", "11000", "9900", "10890", "10890"])
    document = json.loads(run("stats", "--json", "--to", "2026-01-07"))
    assert document["period"] == {
        "start_date": "2026-01-05",
        "end_date": "2026-01-07",
        "trading_days": 3,
        "daily_returns": 2,
    }
    assert document["returns"]["total_return"] == pytest.approx(-0.01)
    assert document["risk"]["max_drawdown"] == pytest.approx(0.1)
    assert document["trades"] == {"total_trades": 0, "win_rate": None, "profit_factor": None, "net": 0.0}
    assert document["equity"]["ending_equity"] == 9900


def test_stats_as_json_says_infinite_where_there_is_no_bound() -> None:
    desk, what = build.account(), build.instrument()
    build.snapshots(desk, MONDAY, ["100", "110"])
    build.execution(desk, what, "BUY", "1", "10", build.at(MONDAY))
    build.execution(desk, what, "SELL", "1", "20", build.at(MONDAY, 17))
    build.mirror_holds(desk, {what: "0"})
    assert json.loads(run("stats", "--json"))["trades"]["profit_factor"] == "infinite"


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--from", "yesterday"], "write it as 2026-01-31"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "exchange them"),
        (["--account", "DU9"], "choose one of DU123"),
        ([], "manage.py snapshot"),
    ],
)
def test_stats_refuses_naming_the_remedy(arguments: list[str], remedy: str) -> None:
    build.account()
    with pytest.raises(CommandError, match=remedy):
        run("stats", *arguments)


@pytest.mark.mission(26)
def test_weekly_report_writes_and_stores_the_pdf(tmp_path: Path) -> None:
    build.snapshots(build.account(), date(2026, 1, 25), ["100"] * 7 + ["105"])
    file = tmp_path / "week.pdf"
    printed = " ".join(run("weekly_report", "2026-W05", "--output", str(file)).split())
    report = Report.objects.get()
    assert file.read_bytes() == bytes(report.content)
    assert "+5.00 %" in reading.text(file.read_bytes())
    assert "Weekly report DU123 2026-W05, revision 1" in printed and f"written to {file}" in printed
    assert "weekly_report" in report.created_by


@pytest.mark.mission(26)
def test_weekly_report_is_of_this_week_by_default() -> None:
    build.account()
    with time_machine.travel("2027-01-02T12:00:00Z", tick=True):
        assert "2026-W53" in run("weekly_report")
    report = Report.objects.get()
    assert (report.period, report.first_date, report.last_date) == ("2026-W53", date(2026, 12, 28), date(2027, 1, 3))


@pytest.mark.mission(27)
def test_monthly_report_writes_and_stores_the_pdf(tmp_path: Path) -> None:
    build.snapshots(build.account(), date(2025, 12, 31), ["100"] * 31 + ["110"])
    file = tmp_path / "month.pdf"
    run("monthly_report", "2026-01", "--output", str(file))
    assert "+10.00 %" in reading.text(file.read_bytes())
    assert Report.objects.get().kind == "monthly"


@pytest.mark.parametrize(
    ("command", "period", "expected"),
    [
        pytest.param("weekly_report", "2026-5", "2026-W05", marks=pytest.mark.mission(26)),
        pytest.param("weekly_report", "2025-W53", "weeks 01 to 52", marks=pytest.mark.mission(26)),
        pytest.param("monthly_report", "2026-13", "2026-01", marks=pytest.mark.mission(27)),
        pytest.param("monthly_report", "January", "2026-01", marks=pytest.mark.mission(27)),
        pytest.param("report", "2026-13", "2026-01", marks=pytest.mark.mission(27)),
        pytest.param("report", "2026-W54", "weeks 01 to 53", marks=pytest.mark.mission(26)),
    ],
)
def test_malformed_period_is_refused_with_what_is_expected(command: str, period: str, expected: str) -> None:
    build.account()
    with pytest.raises(CommandError, match=expected):
        run(command, period)
    assert not Report.objects.exists()


def test_file_that_cannot_be_written_is_told_and_the_report_is_kept(tmp_path: Path) -> None:
    build.account()
    with pytest.raises(CommandError, match="cannot be written"):
        run("weekly_report", "2026-W05", "--output", str(tmp_path / "missing" / "week.pdf"))
    assert Report.objects.count() == 1


@pytest.mark.mission(27)
def test_report_takes_a_month_or_a_week() -> None:
    build.account()
    run("report", "2026-01")
    run("report", "2026-w05")
    assert sorted(Report.objects.values_list("kind", "period")) == [("monthly", "2026-01"), ("weekly", "2026-W05")]


@pytest.mark.parametrize("command", ["stats", "report", "weekly_report", "monthly_report"])
def test_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")
    assert ended.value.code == 0 and "--account" in capsys.readouterr().out


def test_report_needs_an_account() -> None:
    with pytest.raises(CommandError, match="start the gateway"):
        run("weekly_report", "2026-W05")
