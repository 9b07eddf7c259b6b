"""What the data farm passes on: the market's own prices or, frozen, those of the moment in which it froze."""

from __future__ import annotations

from ..types import Quote
from .market import Market


class Feed:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._kept: dict[int, Quote] | None = None

    @property
    def is_frozen(self) -> bool:
        return self._kept is not None

    def freeze(self) -> None:
        """Options stand still from when they are first asked for."""
        if self._kept is None:
            self._kept = {known.con_id: self._market.quote(known.con_id) for known in self._market.all_contracts()}

    def thaw(self) -> None:
        self._kept = None

    def quote(self, con_id: int) -> Quote:
        if self._kept is None:
            return self._market.quote(con_id)
        if con_id not in self._kept:
            self._kept[con_id] = self._market.quote(con_id)
        return self._kept[con_id]
