"""Accounts and positions as clients follow them: everything at first, then what has changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ..protocol import accounts
from ..protocol.messages import Answer
from ..protocol.system import Message
from .registry import Kind

if TYPE_CHECKING:
    from ..exchange import PortfolioItem
    from ..sessions.session import Session

LEDGER_KEYS = ("Cash", "NetLiquidation", "ExchangeRate", "Currency")
REFRESH_SECONDS = 180.0  # IB refreshes account values about every three minutes


class Refresh:
    """True once in a while, by the market's clock."""

    def __init__(self, now: datetime) -> None:
        self._last = now

    def is_due(self, now: datetime) -> bool:
        if (now - self._last).total_seconds() < REFRESH_SECONDS:
            return False
        self._last = now
        return True


class ChangedValues:
    """Remembers what a client has been told and returns the rest."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], str] = {}

    def is_news(self, key: tuple[str, ...], value: str) -> bool:
        if self._told.get(key) == value:
            return False
        self._told[key] = value
        return True


class AccountUpdates:
    """The one account a connection follows without a request id, with its portfolio."""

    def __init__(self, session: Session, account: str) -> None:
        self.account = account
        self._gateway = session.gateway
        self._exchange = session.gateway.exchange
        self._values = ChangedValues()
        self._refresh = Refresh(session.gateway.market.now())

    def first(self) -> Iterable[Message]:
        yield from self._changed_values()
        for item in self._exchange.portfolio(self.account):
            yield self._item(item)
        yield accounts.account_time(self._gateway.market.now())
        yield accounts.account_download_end(self.account)

    def changed(self, con_ids: Iterable[int]) -> Iterable[Message]:
        items = {item.contract.con_id: item for item in self._exchange.portfolio(self.account)}
        for con_id in con_ids:
            yield self._item(items[con_id]) if con_id in items else self._closed(con_id)
        yield from self._changed_values()
        yield accounts.account_time(self._gateway.market.now())

    def step(self) -> Iterable[Message]:
        if not self._refresh.is_due(self._gateway.market.now()):
            return ()
        return self.changed([item.contract.con_id for item in self._exchange.portfolio(self.account)])

    def _changed_values(self) -> Iterable[Message]:
        for value in self._exchange.account_values(self.account):
            if self._values.is_news((value.key, value.currency), value.value):
                yield accounts.account_value(value.key, value.value, value.currency, self.account)

    def _item(self, item: PortfolioItem) -> Message:
        money = (item.quantity, item.market_price, item.market_value, item.average_cost)
        profit = (item.unrealized_pnl, item.realized_pnl)
        return accounts.portfolio_value(item.contract, self.account, *money, *profit)

    def _closed(self, con_id: int) -> Message:
        realized = self._exchange.pnl_single(self.account, con_id).realized
        return accounts.portfolio_value(self._gateway.contract(con_id), self.account, 0, 0, 0, 0, 0, realized)


class AccountUpdatesMulti:
    kind = Kind.ACCOUNT_MULTI

    def __init__(self, session: Session, request_id: int, account: str, model: str, ledger_only: bool) -> None:
        self.request_id = request_id
        self.account = account
        self._model = model
        self._ledger_only = ledger_only
        self._market = session.gateway.market
        self._exchange = session.gateway.exchange
        self._refresh = Refresh(session.gateway.market.now())
        self._values = ChangedValues()

    def first(self) -> Iterable[Message]:
        yield from self.changed(())
        yield accounts.ended(Answer.ACCOUNT_UPDATE_MULTI_END, self.request_id)

    def changed(self, con_ids: Iterable[int]) -> Iterable[Message]:
        for value in self._exchange.account_values(self.account):
            if self._ledger_only and not value.key.startswith(LEDGER_KEYS):
                continue
            if self._values.is_news((value.key, value.currency), value.value):
                row = (value.key, value.value, value.currency)
                yield accounts.account_update_multi(self.request_id, self.account, self._model, *row)

    def step(self, changed: frozenset[int]) -> Iterable[Message]:
        return self.changed(()) if self._refresh.is_due(self._market.now()) else ()


class PositionsMulti:
    kind = Kind.POSITIONS_MULTI

    def __init__(self, session: Session, request_id: int, account: str, model: str) -> None:
        self.request_id = request_id
        self.account = account
        self._model = model
        self._gateway = session.gateway

    def first(self) -> Iterable[Message]:
        held = [position.contract.con_id for position in self._gateway.exchange.positions(self.account)]
        yield from self.changed(held)
        yield accounts.ended(Answer.POSITION_MULTI_END, self.request_id)

    def changed(self, con_ids: Iterable[int]) -> Iterable[Message]:
        for con_id in con_ids:
            found = self._gateway.exchange.position(self.account, con_id)
            quantity, cost = (found.quantity, found.average_cost) if found else (0, 0)
            contract = self._gateway.contract(con_id)
            yield accounts.position_multi(self.request_id, self.account, self._model, contract, quantity, cost)

    def step(self, changed: frozenset[int]) -> Iterable[Message]:
        return ()


class AccountSummary:
    kind = Kind.SUMMARY

    def __init__(self, session: Session, request_id: int, tags: list[str]) -> None:
        self.request_id = request_id
        self._tags = tags
        self._gateway = session.gateway
        self._values = ChangedValues()
        self._refresh = Refresh(session.gateway.market.now())

    def first(self) -> Iterable[Message]:
        yield from self._rows()
        yield accounts.ended(Answer.ACCOUNT_SUMMARY_END, self.request_id)

    def step(self, changed: frozenset[int]) -> Iterable[Message]:
        return self.first() if self._refresh.is_due(self._gateway.market.now()) else ()

    def _rows(self) -> Iterable[Message]:
        for account in self._gateway.exchange.accounts:
            for value in self._gateway.exchange.summary(account, self._tags):
                if self._values.is_news((account, value.key, value.currency), value.value):
                    yield accounts.account_summary(self.request_id, account, value.key, value.value, value.currency)
