"""What a market must not forget: prices set from outside, halts, and where a simulated clock stands.

Everything else follows from the seed and the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .adjustments import Piece
from .market import Market

_CLOCK = "clock"


class MarketState:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._paths = market.adjusted_paths
        self._pieces: dict[str, int] = {}
        self._at: float | None = None

    def changes(self) -> dict[str, Any]:
        """What is different since the last time."""
        changed: dict[str, Any] = {}
        for name, path in self._paths.items():
            seen = self._pieces.get(name, 0)
            for number, piece in enumerate(path.pieces[seen:], seen):
                changed[f"{name}/{number}"] = [piece.start, piece.offset, piece.frozen_at]
            self._pieces[name] = len(path.pieces)
        if not self._market.clock.follows_machine and self._market.clock.at != self._at:
            changed[_CLOCK] = self._at = self._market.clock.at
        return changed

    def everything(self) -> dict[str, Any]:
        return MarketState(self._market).changes()

    def restore(self, values: Mapping[str, Any]) -> None:
        """KeyError, TypeError or ValueError if the values are not those of a market."""
        for name, path in self._paths.items():
            prefix = f"{name}/"
            numbers = sorted(int(key.removeprefix(prefix)) for key in values if key.startswith(prefix))
            path.restore(Piece(*values[f"{prefix}{number}"]) for number in numbers)
        self._market.resume(values.get(_CLOCK, 0.0))
