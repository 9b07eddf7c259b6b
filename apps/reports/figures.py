"""The figures as a document for machines, as rows for people, and as tiles and curves for the page."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from apps.reports.domain.equity import drawdowns
from apps.reports.domain.performance import Performance
from apps.reports.domain.wording import NOTHING, counted, money, number, percent
from apps.reports.selectors.performance import Measured

Number = float | str | None


def as_document(measured: Measured, of: Performance) -> dict[str, Any]:
    """Fractions, not per cents; null where a figure cannot be stated, "infinite" where it has no bound."""
    fall = of.drawdown
    return {
        "account": measured.account,
        "currency": measured.currency,
        "period": {
            "start_date": of.start_date.isoformat(),
            "end_date": of.end_date.isoformat(),
            "trading_days": of.trading_days,
            "daily_returns": of.returns,
        },
        "equity": {
            "starting_equity": float(of.starting_equity),
            "ending_equity": float(of.ending_equity),
            "net_deposits": float(of.net_deposits),
            "profit": None if of.profit is None else float(of.profit),
        },
        "returns": {"total_return": of.total_return, "annualized_return": of.annualised_return},
        "risk": {
            "annualized_volatility": of.annualised_volatility,
            "sharpe_ratio": of.sharpe_ratio,
            "sortino_ratio": finite(of.sortino_ratio),
            "max_drawdown": fall.depth if fall else None,
            "max_drawdown_duration_days": fall.days if fall else None,
        },
        "trades": {
            "total_trades": of.trades.total,
            "win_rate": of.trades.win_rate,
            "profit_factor": finite(of.trades.profit_factor),
            "net": None if of.trades.net is None else float(of.trades.net),
        },
        "rolling_sharpe_30d": [{"date": day.isoformat(), "value": value} for day, value in of.rolling_sharpe],
        "remarks": measured.remarks,
    }


def finite(value: float | None) -> Number:
    """JSON has no infinity."""
    return "infinite" if value is not None and math.isinf(value) else value


def as_rows(measured: Measured, of: Performance) -> list[tuple[str, str, str]]:
    """Group, figure, value. Per cents with two decimals, the win rate with one."""
    fall, currency = of.drawdown, measured.currency
    rolling = number(of.rolling_sharpe[-1][1]) if of.rolling_sharpe else "needs 30 daily returns"
    ratios = [("Sharpe ratio", number(of.sharpe_ratio)), ("Sortino ratio", number(of.sortino_ratio))]
    if of.returns < 2:
        ratios = [(name, "needs two daily returns") for name, _ in ratios]
    return [
        ("Period", "From", of.start_date.isoformat()),
        ("", "To", of.end_date.isoformat()),
        ("", "Trading days", str(of.trading_days)),
        ("Equity", "At the start", f"{money(of.starting_equity)} {currency}"),
        ("", "At the end", f"{money(of.ending_equity)} {currency}"),
        ("", "Deposits less withdrawals", f"{money(of.net_deposits, signed=True)} {currency}"),
        (
            "",
            "Gain, realised and unrealised",
            NOTHING if of.profit is None else f"{money(of.profit, signed=True)} {currency}",
        ),
        ("Returns", "Total, time-weighted", percent(of.total_return, signed=True)),
        ("", "A year", percent(of.annualised_return, signed=True)),
        ("Risk", "Volatility a year", percent(of.annualised_volatility)),
        *(("", name, value) for name, value in ratios),
        ("", "Sharpe ratio, last 30 returns", rolling),
        ("", "Maximum drawdown", percent(fall.depth if fall else None)),
        ("", "Longest time below a peak", counted(fall.days, "day") if fall else "-"),
        ("Trades", "Round trips closed", str(of.trades.total)),
        ("", "Win rate", percent(of.trades.win_rate, 1)),
        ("", "Profit factor", number(of.trades.profit_factor)),
        ("", "Net of round trips, realised", amount(of.trades.net, currency)),
    ]


def tiles(measured: Measured, of: Performance) -> list[dict[str, str]]:
    """The figures that the performance page shows first."""
    fall, currency = of.drawdown, measured.currency
    enough = of.returns > 1
    return [
        tile(
            "Total return", percent(of.total_return, signed=True), f"{of.start_date} to {of.end_date}", of.total_return
        ),
        tile("Net liquidation", money(of.ending_equity), f"{currency}, {of.end_date}"),
        tile("Gain", money(of.profit, signed=True), f"{currency}, realised and unrealised", float(of.profit or 0)),
        tile(
            "Max. drawdown",
            percent(fall.depth if fall else None),
            f"up to {counted(fall.days, 'day')} below a peak" if fall else "",
        ),
        tile("Volatility a year", percent(of.annualised_volatility), counted(of.returns, "daily return")),
        tile(
            "Sharpe ratio",
            number(of.sharpe_ratio) if enough else "-",
            f"Sortino {number(of.sortino_ratio)}" if enough else FEW,
        ),
        tile("Win rate", percent(of.trades.win_rate, 1), counted(of.trades.total, "round trip") + " closed"),
        tile("Profit factor", number(of.trades.profit_factor), f"{amount(of.trades.net, currency)} realised"),
    ]


def amount(value: Decimal | None, currency: str) -> str:
    """What is not known is said, not shown as 0."""
    return "unknown" if value is None else f"{money(value, signed=True)} {currency}"


FEW = "needs two daily returns"


def tile(label: str, value: str, note: str, sign: float | None = None) -> dict[str, str]:
    return {"label": label, "value": value, "note": note, "tone": "" if not sign else "good" if sign > 0 else "bad"}


def curves(measured: Measured, of: Performance) -> dict[str, Any]:
    """For the charts: seconds since 1970 and values."""
    depths = drawdowns(of.index)
    return {
        "currency": measured.currency,
        "equity": [
            [seconds(point.date) for point in measured.history.points],
            [float(p.equity) for p in measured.history.points],
        ],
        "drawdown": [[seconds(point.date) for point in depths], [0.0 - point.value for point in depths]],
        "sharpe": [[seconds(day) for day, _ in of.rolling_sharpe], [value for _, value in of.rolling_sharpe]],
    }


def seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def ranges(today: date) -> list[tuple[str, str]]:
    """Name and first date of the ranges that the page offers."""
    return [
        ("30 days", str(today - timedelta(days=30))),
        ("90 days", str(today - timedelta(days=90))),
        (f"{today.year}", f"{today.year}-01-01"),
        ("All", ""),
    ]
