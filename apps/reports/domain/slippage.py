"""What executions cost against the price that was meant."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.broker.choices import Side

BASIS_POINTS = 10_000
OUTLIER_BASIS_POINTS = 10.0
# Quoted in per cent of par or synthetic: their prices and sums are not comparable.
EXCLUDED_TYPES = frozenset({"BOND", "BILL", "CFD", "WAR"})
LIMIT_TYPES = frozenset({"LMT", "LOC"})
TRIGGER_TYPES = frozenset({"STP", "STP LMT", "MIT", "LIT"})


@dataclass(frozen=True, slots=True)
class SlippageFigures:
    """Basis points, positive = adverse. `favourable` is the share of executions better than meant, a fraction."""

    count: int
    mean: float
    median: float
    favourable: float
    outliers: int


def intended_price(order_type: str, limit_price: Decimal | None, trigger_price: Decimal | None) -> Decimal | None:
    """The limit of a limit order, the trigger of a stop or if-touched order; None where the order named no price."""
    price = limit_price if order_type in LIMIT_TYPES else trigger_price if order_type in TRIGGER_TYPES else None
    return price if price is not None and price > 0 else None


def slippage_bps(side: Side, intended: Decimal, price: Decimal) -> float:
    """(price - intended) / intended * 10,000 for a buy, negated for a sale: basis points, positive = adverse.

    `intended` must be positive.
    """
    share = float((price - intended) / intended) * BASIS_POINTS
    return share if side == Side.BUY else 0.0 - share


def slippage_figures(values: Sequence[float]) -> SlippageFigures | None:
    """None without executions whose intended price is known."""
    if not values:
        return None
    return SlippageFigures(
        count=len(values),
        mean=statistics.fmean(values),
        median=statistics.median(values),
        favourable=sum(value < 0 for value in values) / len(values),
        outliers=sum(abs(value) > OUTLIER_BASIS_POINTS for value in values),
    )
