"""Profit and loss streams: about once a second, when something has changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ..protocol import accounts
from ..protocol.system import Message
from .registry import Kind

if TYPE_CHECKING:
    from ..sessions.session import Session

SECONDS_BETWEEN = 1.0


class ProfitStream(ABC):
    def __init__(self, session: Session, request_id: int, account: str) -> None:
        self.request_id = request_id
        self.account = account
        self._gateway = session.gateway
        self._told_at: datetime | None = None
        self._told: Message = ()

    def step(self, changed: frozenset[int]) -> Iterable[Message]:
        now = self._gateway.market.now()
        stepped_by_hand = self._gateway.settings.market.tick_interval <= 0
        recent = self._told_at is not None and (now - self._told_at).total_seconds() < SECONDS_BETWEEN
        if recent and not stepped_by_hand:
            return ()
        self._told_at = now
        message = self.message()
        if message == self._told:
            return ()
        self._told = message
        return (message,)

    @abstractmethod
    def message(self) -> Message: ...


class PnlStream(ProfitStream):
    kind = Kind.PNL

    def message(self) -> Message:
        pnl = self._gateway.exchange.pnl(self.account)
        return accounts.pnl(self.request_id, pnl.daily, pnl.unrealized, pnl.realized)


class PnlSingleStream(ProfitStream):
    kind = Kind.PNL_SINGLE

    def __init__(self, session: Session, request_id: int, account: str, con_id: int) -> None:
        super().__init__(session, request_id, account)
        self._con_id = con_id

    def message(self) -> Message:
        pnl = self._gateway.exchange.pnl_single(self.account, self._con_id)
        money = (pnl.daily, pnl.unrealized, pnl.realized, pnl.value)
        return accounts.pnl_single(self.request_id, pnl.quantity, *money)
