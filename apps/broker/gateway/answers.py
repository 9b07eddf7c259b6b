"""Which part of the gateway answers which kind of question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apps.broker.choices import RequestKind
from apps.broker.domain.mode import chosen_account
from apps.broker.exceptions import AnswerError, NotConnectedError
from apps.broker.gateway.contracts import Contracts
from apps.broker.gateway.history import History
from apps.broker.gateway.link import Link
from apps.broker.gateway.live_reads import LiveReads, require_account
from apps.broker.gateway.quotes import Quotes
from apps.broker.gateway.request_rows import Claimed
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.gateway.what_if import WhatIf
from tradeops.lib import clock
from tradeops.lib.known import Known

ACCOUNT_KINDS = frozenset({RequestKind.ACCOUNT_SUMMARY, RequestKind.POSITIONS, RequestKind.OPEN_ORDERS})


class Answers:
    def __init__(
        self,
        *,
        keeper: SessionKeeper,
        trading: Link,
        data: Link,
        account: str,
        contracts: Contracts,
        quotes: Quotes,
        history: History,
        live: LiveReads,
        synchronised_at: Callable[[], datetime | None],
    ) -> None:
        self._keeper = keeper
        self._trading = trading
        self._data = data
        self._account = account
        self._contracts = contracts
        self._quotes = quotes
        self._history = history
        self._live = live
        self._synchronised_at = synchronised_at
        self._what_if = WhatIf(data, contracts)

    async def answer(self, request: Claimed) -> Known[Any]:
        """Raises BrokerError with the reason when nobody can say."""
        self._require_broker(request.kind)
        fresh = request.payload.get("fresh") is True
        match request.kind:
            case RequestKind.ACCOUNT_SUMMARY:
                return await self._live.account_summary(self._account_asked(request), request.priority)
            case RequestKind.POSITIONS:
                return await self._live.positions(self._account_asked(request), request.priority, fresh=fresh)
            case RequestKind.OPEN_ORDERS:
                return await self._live.open_orders(request.priority, fresh=fresh)
        return Known(await self._data_answer(request), clock.now())

    async def _data_answer(self, request: Claimed) -> Any:
        payload, priority = request.payload, request.priority
        try:
            match request.kind:
                case RequestKind.QUOTES:
                    con_ids = [int(con_id) for con_id in payload["con_ids"]]
                    return await self._quotes.answer(con_ids, fresh=payload.get("fresh") is True)
                case RequestKind.HISTORY:
                    seconds = (request.deadline - clock.now()).total_seconds()
                    return await self._history.answer(payload, priority, seconds)
                case RequestKind.CONTRACT_DETAILS:
                    return await self._contracts.details(payload, priority)
                case RequestKind.OPTION_CHAIN:
                    return await self._contracts.option_chain(payload, priority)
                case RequestKind.WHAT_IF:
                    return await self._what_if.answer(payload, priority, self._account_asked(request))
        except (KeyError, TypeError, ValueError) as error:
            raise AnswerError(f"The question cannot be understood: {type(error).__name__} {error}.") from error
        raise AnswerError(f"The gateway does not answer {request.kind}.")

    def _require_broker(self, kind: RequestKind) -> None:
        facts, verdict = self._keeper.facts, self._keeper.verdict
        if not facts.broker_reachable or facts.refusal:
            raise NotConnectedError(f"not connected: {verdict.reason}" if verdict.reason else "not connected")
        if kind in ACCOUNT_KINDS and self._synchronised_at() is None:
            raise NotConnectedError("service not ready: the first synchronisation with the broker is not complete")
        if kind not in ACCOUNT_KINDS and not facts.data_up:
            raise NotConnectedError(f"not connected: {facts.data_down_reason or 'the data link is coming up'}")

    def _account_asked(self, request: Claimed) -> str:
        accounts = self._trading.connection().managedAccounts()
        return require_account(
            str(request.payload.get("account") or ""), accounts, chosen_account(self._account, accounts)
        )
