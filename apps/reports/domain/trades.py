"""How closed round trips turned out, in one currency. What is not known is not counted as zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Outcome:
    """`net` tells a win from a loss, in whatever currency; `net_base` is in the account's. None: not known."""

    net: Decimal | None
    net_base: Decimal | None


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """`win_rate` is a fraction of the `total` less the `undecided`, whose result is not known.

    Amounts, and the `profit_factor` (infinite without a loss), are None as long as one amount is not known; rate and
    factor are None without round trips to judge by.
    """

    total: int
    undecided: int
    wins: int
    losses: int
    gross_profit: Decimal | None
    gross_loss: Decimal | None
    win_rate: float | None
    profit_factor: float | None

    @property
    def net(self) -> Decimal | None:
        if self.gross_profit is None or self.gross_loss is None:
            return None
        return self.gross_profit - self.gross_loss


def trade_figures(outcomes: Sequence[Outcome]) -> TradeFigures:
    """Of the results of round trips."""
    nets = [outcome.net for outcome in outcomes if outcome.net is not None]
    amounts = [outcome.net_base for outcome in outcomes if outcome.net_base is not None]
    all_known = len(amounts) == len(outcomes)
    return TradeFigures(
        total=len(outcomes),
        undecided=len(outcomes) - len(nets),
        wins=sum(net > 0 for net in nets),
        losses=sum(net < 0 for net in nets),
        gross_profit=gross_profit(amounts) if all_known else None,
        gross_loss=gross_loss(amounts) if all_known else None,
        win_rate=win_rate(nets),
        profit_factor=profit_factor(amounts) if all_known else None,
    )


def gross_profit(nets: Sequence[Decimal]) -> Decimal:
    """Sum of the results above 0."""
    return sum((net for net in nets if net > 0), Decimal(0))


def gross_loss(nets: Sequence[Decimal]) -> Decimal:
    """Sum of the results below 0, as a positive amount."""
    return -sum((net for net in nets if net < 0), Decimal(0))


def win_rate(nets: Sequence[Decimal]) -> float | None:
    """Share of round trips with a net above 0, a fraction; None without round trips."""
    return sum(net > 0 for net in nets) / len(nets) if nets else None


def profit_factor(nets: Sequence[Decimal]) -> float | None:
    """Sum of the net profits / sum of the net losses, unit-free; infinite without a loss, None without either."""
    profit, loss = gross_profit(nets), gross_loss(nets)
    if not loss:
        return math.inf if profit else None
    return float(profit / loss)
