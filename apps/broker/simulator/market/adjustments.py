"""What was done to a price from outside: set by hand, halted, resumed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .paths import Ohlc, Path


@dataclass(frozen=True, slots=True)
class Piece:
    """From `start` on the price is the path's, shifted, or that of `frozen_at` while trading is halted."""

    start: float
    offset: float
    frozen_at: float | None


class AdjustedPath:
    """A path with what was done to it: prices set by hand and halts. The past before an adjustment is untouched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.venue = path.venue
        self._pieces = [Piece(float("-inf"), 0.0, None)]
        self._starts = [float("-inf")]

    def value(self, at: float) -> float:
        if len(self._pieces) == 1:
            return self.path.value(at)
        return self._value_in(self._piece(at), at)

    def ohlc(self, start: float, end: float) -> Ohlc:
        if len(self._pieces) == 1:
            return self.path.ohlc(start, end)
        cuts = [start, *(at for at in self._starts if start < at <= end), end]
        parts = [self._stretch(a, b) for a, b in pairwise(cuts)]
        return parts[0][0], max(part[1] for part in parts), min(part[2] for part in parts), parts[-1][3]

    def shift(self, at: float, offset: float) -> None:
        piece = self._piece(at)
        self._append(Piece(at, piece.offset + offset, piece.frozen_at))

    def freeze(self, at: float) -> None:
        self._append(Piece(at, self._piece(at).offset, at))

    def thaw(self, at: float) -> None:
        piece = self._piece(at)
        self._append(Piece(at, self._value_in(piece, at) - self.path.value(at), None))

    @property
    def pieces(self) -> Sequence[Piece]:
        """What was done from outside, oldest first. Grows at the end only."""
        return self._pieces[1:]

    def restore(self, pieces: Iterable[Piece]) -> None:
        self._pieces = [self._pieces[0], *pieces]
        self._starts = [piece.start for piece in self._pieces]

    @property
    def frozen(self) -> bool:
        return self._pieces[-1].frozen_at is not None

    @property
    def offset(self) -> float:
        """What has been added by now to the path's log price."""
        return self._pieces[-1].offset

    def _append(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._starts.append(piece.start)

    def _piece(self, at: float) -> Piece:
        return self._pieces[bisect_right(self._starts, at) - 1]

    def _value_in(self, piece: Piece, at: float) -> float:
        return self.path.value(at if piece.frozen_at is None else piece.frozen_at) + piece.offset

    def _stretch(self, start: float, end: float) -> Ohlc:
        piece = self._piece(start)
        if piece.frozen_at is None:
            first, high, low, last = self.path.ohlc(start, end)
            return first + piece.offset, high + piece.offset, low + piece.offset, last + piece.offset
        value = self._value_in(piece, start)
        return value, value, value, value
