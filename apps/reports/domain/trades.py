"""How closed round trips turned out, in one currency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """`win_rate` is a fraction; `profit_factor` is infinite without a loss. Both None without trades to judge by."""

    total: int
    wins: int
    losses: int
    gross_profit: Decimal
    gross_loss: Decimal
    win_rate: float | None
    profit_factor: float | None

    @property
    def net(self) -> Decimal:
        return self.gross_profit - self.gross_loss


def trade_figures(nets: Sequence[Decimal]) -> TradeFigures:
    """Of the net results of round trips, all in one currency."""
    profit = sum((net for net in nets if net > 0), Decimal(0))
    loss = -sum((net for net in nets if net < 0), Decimal(0))
    return TradeFigures(
        total=len(nets),
        wins=sum(net > 0 for net in nets),
        losses=sum(net < 0 for net in nets),
        gross_profit=profit,
        gross_loss=loss,
        win_rate=win_rate(nets),
        profit_factor=profit_factor(nets),
    )


def win_rate(nets: Sequence[Decimal]) -> float | None:
    """Share of round trips with a net above 0, a fraction; None without round trips."""
    return sum(net > 0 for net in nets) / len(nets) if nets else None


def profit_factor(nets: Sequence[Decimal]) -> float | None:
    """Sum of the net profits / sum of the net losses, unit-free; infinite without a loss, None without either."""
    profit = sum((net for net in nets if net > 0), Decimal(0))
    loss = -sum((net for net in nets if net < 0), Decimal(0))
    if not loss:
        return math.inf if profit else None
    return float(profit / loss)
