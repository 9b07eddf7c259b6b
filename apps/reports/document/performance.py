"""Key figures and charts."""

from __future__ import annotations

from decimal import Decimal

from apps.reports.choices import ReportKind
from apps.reports.document.blocks import Chart, Figure, Section, Text, Tone
from apps.reports.domain import equity
from apps.reports.domain.performance import Performance
from apps.reports.domain.wording import NOTHING, counted, money, number, percent
from apps.reports.facts import Facts

FEW = "needs two daily returns"
NOT_POSITIVE = "equity was not positive"
TAKE_ONE = (
    "No snapshot was taken in this period, so its performance cannot be stated. The job daily_snapshot takes one a "
    "day; `manage.py snapshot` takes one now."
)


def key_figures(facts: Facts) -> list[Figure]:
    of = facts.measured.performance
    if of is None:
        return [Figure(label, NOTHING, "no snapshot") for label in LABELS]
    return [*_returns(of, facts), *_risks(of), *_trades(of, facts)]


LABELS = (
    "Return",
    "Net liquidation",
    "Gain",
    "Max. drawdown",
    "Volatility a year",
    "Sharpe ratio",
    "Win rate",
    "Profit factor",
)


def _returns(of: Performance, facts: Facts) -> list[Figure]:
    whole = "time-weighted, payments out" if of.total_return is not None else why_none(of)
    name = {ReportKind.WEEKLY: "Weekly return", ReportKind.MONTHLY: "Monthly return"}[facts.period.kind]
    fall = of.drawdown
    return [
        Figure(name, percent(of.total_return, signed=True), whole, tone(of.total_return)),
        Figure("Net liquidation", money(of.ending_equity), f"{facts.currency}, {of.end_date}"),
        Figure(
            "Gain", money(of.profit, signed=True), f"{facts.currency}, realised and unrealised", gain_tone(of.profit)
        ),
        Figure(
            "Max. drawdown",
            percent(fall.depth if fall else None),
            counted(fall.days, "day") + " below a peak" if fall else why_none(of),
        ),
    ]


def _risks(of: Performance) -> list[Figure]:
    if of.returns < 2 or of.sharpe_ratio is None:
        return [Figure("Volatility a year", NOTHING, why_none(of)), Figure("Sharpe ratio", NOTHING, why_none(of))]
    daily = counted(of.returns, "daily return")
    return [
        Figure("Volatility a year", percent(of.annualised_volatility), daily),
        Figure("Sharpe ratio", number(of.sharpe_ratio), f"Sortino {number(of.sortino_ratio)}"),
    ]


def _trades(of: Performance, facts: Facts) -> list[Figure]:
    trades = of.trades
    closed = counted(trades.total, "round trip") + " closed"
    if trades.undecided:
        closed += f", {trades.undecided} not known"
    sums = f"{money(trades.gross_profit)} / {money(trades.gross_loss)} {facts.currency}"
    if trades.net is None:
        sums = "not every result is known"
    return [
        Figure("Win rate", percent(trades.win_rate, 1), closed),
        Figure("Profit factor", number(trades.profit_factor), sums if trades.total else closed),
    ]


def why_none(of: Performance) -> str:
    if not of.index:
        return NOT_POSITIVE
    return FEW if len(of.index) > 1 else "needs two snapshots"


def gain_tone(profit: Decimal | None) -> Tone:
    return "" if not profit else "good" if profit > 0 else "bad"


def tone(value: float | None) -> Tone:
    return "" if not value else "good" if value > 0 else "bad"


def charts(facts: Facts) -> Section:
    points = facts.look_back.points
    if facts.measured.performance is None:
        return Section("Performance", [Text(TAKE_ONE)])
    if len(points) < 2:
        return Section("Performance", [Text("One snapshot so far: a curve needs two. The next one draws it.")])
    days = [point.date.isoformat() for point in points]
    shade = facts.period.first.isoformat()
    worth = Chart(
        f"Net liquidation ({facts.currency})", days, [float(point.equity) for point in points], "money", shade
    )
    index = equity.growth_index(points)
    if index is None:
        return Section("Performance", [worth, Text("The equity was not positive at some point: no drawdown is drawn.")])
    fallen = [-point.value for point in equity.drawdowns(index)]
    caption = (
        f"Shaded: the period. Drawdown from the highest point since {days[0]}, deposits and withdrawals taken out."
    )
    return Section("Performance", [worth, Chart("Drawdown", days, fallen, "fraction", shade, caption, falls=True)])
