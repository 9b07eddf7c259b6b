"""A competing session took the market data away: look again from time to time whether it has gone."""

from __future__ import annotations

import asyncio

from apps.broker.choices import PriceSource
from apps.broker.domain.session import CompetitionEnded
from apps.broker.exceptions import BrokerError
from apps.broker.gateway.quotes import Quotes
from apps.broker.gateway.session_keeper import SessionKeeper

LOOK_AGAIN_SECONDS = 15.0
# Nothing tells that it ended when the broker did not say which contract it was about.
ASSUMED_SECONDS = 60.0


class CompetitionWatch:
    def __init__(
        self, keeper: SessionKeeper, quotes: Quotes, *, look_again_seconds: float = LOOK_AGAIN_SECONDS
    ) -> None:
        self._keeper = keeper
        self._quotes = quotes
        self._pause = look_again_seconds
        self._con_id: int | None = None
        self._heard = asyncio.Event()
        self._last = 0.0

    def on_message(self, con_id: int | None) -> None:
        self._con_id = con_id or self._con_id
        self._last = asyncio.get_running_loop().time()
        self._heard.set()

    async def run(self) -> None:
        while True:
            await self._heard.wait()
            await asyncio.sleep(self._pause)
            if await self._is_over():
                self._heard.clear()
                self._con_id = None
                self._keeper.tell(CompetitionEnded())

    async def _is_over(self) -> bool:
        """True when live prices come again; without a contract to ask for, after a minute without a complaint."""
        quiet = asyncio.get_running_loop().time() - self._last
        if self._con_id is None:
            return quiet >= ASSUMED_SECONDS
        try:
            row = (await self._quotes.answer([self._con_id]))[0]
        except BrokerError:
            return False
        return bool(row["price_source"] == PriceSource.MARKET)
