"""Holds the links back until setting, port, accounts and unlock agree, and closes them when they cease to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from django.db import DatabaseError

from apps.broker import selectors
from apps.broker.config import BrokerConfig
from apps.broker.domain.mode import Login, refusal
from apps.broker.domain.session import GuardDecided
from apps.broker.gateway.session_keeper import SessionKeeper
from tradeops.lib import crossing

logger = logging.getLogger(__name__)

RECHECK_SECONDS = 5.0
# A refused login is tried again this often: somebody may have logged TWS in to the right account.
LOGIN_AGAIN_SECONDS = 30.0


class Guard:
    def __init__(
        self, config: BrokerConfig, live_ports: frozenset[int], keeper: SessionKeeper, close: Callable[[str], None]
    ) -> None:
        self._config = config
        self._live_ports = live_ports
        self._keeper = keeper
        self._close = close
        self._unlocked = False
        self._account_refusal = ""
        self._changed = asyncio.Event()
        self._allowed = asyncio.Event()

    async def before_trading_login(self) -> None:
        """Wait until a login may be tried."""
        if self._account_refusal:
            await self._wait(LOGIN_AGAIN_SECONDS)
        while True:
            await self._look_at_unlock()
            reason = self._refusal(None)
            if not reason:
                return
            self._refuse(reason)
            await self._wait(RECHECK_SECONDS)

    async def before_data_login(self) -> None:
        """Wait until a trading login was found in order."""
        await self._allowed.wait()

    def admits(self, accounts: Sequence[str]) -> bool:
        """Decide about a login whose accounts are known."""
        self._account_refusal = self._refusal(accounts)
        if self._account_refusal:
            self._refuse(self._account_refusal)
            return False
        self._allowed.set()
        self._keeper.tell(GuardDecided(""))
        return True

    def recheck(self) -> None:
        """An unlock was recorded or revoked."""
        self._changed.set()

    async def run(self) -> None:
        """Close the links when the unlock of a live session is revoked."""
        if self._config.paper_trading:
            return
        while True:
            await self._wait(RECHECK_SECONDS)
            await self._look_at_unlock()
            reason = self._refusal(None)
            if reason and self._allowed.is_set():
                self._refuse(reason)

    async def _look_at_unlock(self) -> None:
        """Without a database the last answer holds: an open session is not torn down for it, none is opened."""
        if self._config.paper_trading:
            return
        try:
            self._unlocked = await crossing.in_database(selectors.live_is_unlocked)
        except DatabaseError as error:
            logger.warning("cannot look at the live unlock: %s", str(error).strip())
            self._unlocked = self._unlocked and self._allowed.is_set()

    def _refusal(self, accounts: Sequence[str] | None) -> str:
        config = self._config
        return refusal(
            Login(config.paper_trading, config.port, config.account, accounts, self._unlocked, self._live_ports)
        )

    def _refuse(self, reason: str) -> None:
        self._allowed.clear()
        self._keeper.tell(GuardDecided(reason))
        self._close(reason)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
        self._changed.clear()
