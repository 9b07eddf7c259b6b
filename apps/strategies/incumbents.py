"""Which funds count as held when places are given: what the portfolio holds, else what was selected last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.snapshots.models import PortfolioSnapshot
from apps.strategies import holdings, selectors
from apps.strategies.domain.parameters import MomentumParameters


@dataclass(frozen=True, slots=True)
class Incumbents:
    symbols: frozenset[str]
    source: str


def find_incumbents(*, now: datetime, parameters: MomentumParameters) -> Incumbents:
    """A remainder below the trade threshold is no holding. Without a snapshot of the last 48 h the last signal counts.

    Of signals only those with as many places count: one with other places chose by other rules.
    """
    if not parameters.hysteresis:
        return Incumbents(frozenset(), "hysteresis is off")
    snapshot = holdings.latest_snapshot()
    if snapshot is not None and now - snapshot.taken_at <= holdings.REFUSED_AFTER:
        return Incumbents(held_funds(snapshot, parameters), f"snapshot of {snapshot.taken_at:%Y-%m-%d %H:%M} UTC")
    last = selectors.last_selection(top_n=parameters.top_n)
    if last is None:
        return Incumbents(frozenset(), "no snapshot of the last 48 h and no earlier signal")
    selected = frozenset(row.symbol for row in last.rows.all() if row.is_selected)
    return Incumbents(selected, f"signal of {last.signal_date}")


def held_funds(snapshot: PortfolioSnapshot, parameters: MomentumParameters) -> frozenset[str]:
    weights: dict[str, float] = {}
    for position in holdings.positions_of(snapshot):
        symbol = holdings.fund_of(position)
        if symbol is not None and position.quantity > 0 and snapshot.total_equity > 0:
            # Worth an unknown amount, but held.
            worth = 1.0 if position.base_value is None else float(position.base_value / snapshot.total_equity)
            weights[symbol] = weights.get(symbol, 0.0) + worth
    return frozenset(symbol for symbol, weight in weights.items() if weight >= parameters.trade_threshold)
