"""Where the bars of the momentum chart begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.strategies.models import SignalRow

# In units of the drawing, whose width is 100.
WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class MomentumBar:
    """`x` and `width` in a drawing 100 wide; `zero` is where no momentum would be."""

    row: SignalRow
    x: str
    width: str
    zero: str
    tone: str
    momentum: str
    weight: str


def momentum_bars(rows: Sequence[SignalRow]) -> list[MomentumBar]:
    """One scale for all, zero included."""
    low = min([0.0, *(row.momentum for row in rows)])
    high = max([0.0, *(row.momentum for row in rows)])
    span = (high - low) or 1.0
    return [as_bar(row, low, span) for row in rows]


def as_bar(row: SignalRow, low: float, span: float) -> MomentumBar:
    start, end = (min(0.0, row.momentum) - low) / span, (max(0.0, row.momentum) - low) / span
    return MomentumBar(
        row,
        x=f"{start * WIDTH:.2f}",
        width=f"{(end - start) * WIDTH:.2f}",
        zero=f"{-low / span * WIDTH:.2f}",
        tone="chosen" if row.is_selected else "other",
        momentum=f"{row.momentum:+.1%}" if round(row.momentum, 3) else "0.0%",
        weight=f"{row.target_weight:.1%}" if row.is_selected else "-",
    )
