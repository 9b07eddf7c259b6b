"""Every figure of a period, from its equity and its closed round trips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apps.reports.domain import equity, ratios
from apps.reports.domain.equity import Drawdown, EquityPoint, IndexPoint
from apps.reports.domain.trades import Outcome, TradeFigures, trade_figures


@dataclass(frozen=True, slots=True)
class Performance:
    """Fractions, not per cents; money in the account's currency. None where a figure cannot be stated.

    `profit` is what the account gained without the payments: realised and unrealised, costs included.
    `returns` counts the daily returns behind the risk figures: below two, the ratios are 0 by definition only.
    """

    start_date: date
    end_date: date
    trading_days: int
    starting_equity: Decimal
    ending_equity: Decimal
    net_deposits: Decimal
    returns: int
    total_return: float | None
    annualised_return: float | None
    annualised_volatility: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    drawdown: Drawdown | None
    profit: Decimal | None
    rolling_sharpe: list[tuple[date, float]]
    index: list[IndexPoint]
    trades: TradeFigures


def measure(points: Sequence[EquityPoint], outcomes: Sequence[Outcome]) -> Performance:
    """`points` oldest first, at least one; `outcomes` of the round trips closed in the period.

    The return figures are None when the equity was not positive at some point.
    """
    index = equity.growth_index(points)
    paid = sum((point.flow for point in points[1:]), Decimal(0))
    dated = equity.daily_returns(index or [])
    values = [value for _, value in dated]
    return Performance(
        start_date=points[0].date,
        end_date=points[-1].date,
        trading_days=equity.trading_days(points),
        starting_equity=points[0].equity,
        ending_equity=points[-1].equity,
        net_deposits=paid,
        returns=len(values),
        total_return=equity.total_return(index) if index else None,
        annualised_return=equity.annualised_return(index) if index else None,
        annualised_volatility=ratios.annualised_volatility(values) if index else None,
        sharpe_ratio=ratios.sharpe_ratio(values) if index else None,
        sortino_ratio=ratios.sortino_ratio(values) if index else None,
        drawdown=equity.max_drawdown(index) if index else None,
        profit=points[-1].equity - points[0].equity - paid if len(points) > 1 else None,
        rolling_sharpe=ratios.rolling_sharpe(dated),
        index=index or [],
        trades=trade_figures(outcomes),
    )
