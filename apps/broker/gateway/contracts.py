"""Contracts: found by number or description at the broker, remembered so that they are asked for once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError
from ib_async import Contract, ContractDescription, ContractDetails

from apps.broker.choices import Priority
from apps.broker.exceptions import AnswerError, BrokerError
from apps.broker.gateway import instrument_rows, parsing, translate
from apps.broker.gateway.link import Link
from apps.broker.gateway.rows import InstrumentRow
from apps.broker.gateway.writer import MirrorWriter
from tradeops.lib import clock, crossing

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 20.0
NO_SUCH_CONTRACT = 200
LARGEST_CACHE = 20_000
DETAILS_SECONDS = 3.0
# Expired contracts have no details any more.
FORGET_FAILURES_SECONDS = 3600.0

QUERY_FIELDS = {
    "con_id": "conId",
    "symbol": "symbol",
    "sec_type": "secType",
    "exchange": "exchange",
    "primary_exchange": "primaryExchange",
    "currency": "currency",
    "local_symbol": "localSymbol",
    "trading_class": "tradingClass",
    "expires_on": "lastTradeDateOrContractMonth",
    "strike": "strike",
    "right": "right",
    "multiplier": "multiplier",
    "include_expired": "includeExpired",
}


class Contracts:
    def __init__(self, link: Link, writer: MirrorWriter) -> None:
        self._link = link
        self._writer = writer
        self._known: OrderedDict[int, Contract] = OrderedDict()
        self._described: dict[int, InstrumentRow] = {}
        self._without_details: dict[int, float] = {}

    async def described(self, con_id: int) -> InstrumentRow:
        """With multiplier and price magnifier, which only details tell. Raises BrokerError when there are none."""
        if con_id not in self._described:
            row = await self._row(con_id)
            if not row.detailed:
                row = await self._detailed(con_id)
            self.learn(row)
        return self._described[con_id]

    def described_before(self, con_id: int) -> InstrumentRow | None:
        """Without asking anybody."""
        return self._described.get(con_id)

    async def for_data(self, con_id: int) -> Contract:
        """Raises BrokerError when the broker knows no such contract or cannot be asked."""
        if con_id not in self._known:
            row = await self._row(con_id)
            self.learn(row)
        return self._known[con_id]

    def learn(self, row: InstrumentRow) -> None:
        self._known[row.con_id] = translate.contract_for_data(row)
        if row.detailed:
            self._described[row.con_id] = row
        while len(self._known) > LARGEST_CACHE:
            self._described.pop(self._known.popitem(last=False)[0], None)

    async def details(self, payload: Mapping[str, Any], priority: Priority) -> list[dict[str, Any]]:
        """`{"query": {...}}` describes a contract, `{"pattern": "..."}` is the beginning of a symbol or name."""
        if "pattern" in payload:
            return await self._matching(str(payload["pattern"]), priority)
        found = await self._details(contract_of_query(payload.get("query") or {}), priority)
        for item in found:
            self.learn(translate.detailed_instrument(item, clock.now()))
        return [details_answer(item) for item in found]

    async def option_chain(self, payload: Mapping[str, Any], priority: Priority) -> list[dict[str, Any]]:
        underlying = await self.for_data(int(payload["con_id"]))
        chains = await self._link.ask(
            priority,
            "",
            lambda ib: ib.reqSecDefOptParamsAsync(underlying.symbol, "", underlying.secType, underlying.conId),
            timeout=ANSWER_SECONDS,
        )
        return [
            {
                "exchange": chain.exchange,
                "trading_class": chain.tradingClass,
                "multiplier": chain.multiplier,
                "expirations": sorted(f"{day[:4]}-{day[4:6]}-{day[6:8]}" for day in chain.expirations),
                "strikes": [parsing.decimal_text(parsing.number(strike)) for strike in sorted(chain.strikes)],
            }
            for chain in chains
        ]

    async def run(self) -> None:
        """Fetch what the mirror does not tell of its instruments: name, tick size, price magnifier, time zone."""
        while True:
            await asyncio.sleep(DETAILS_SECONDS)
            try:
                await self._complete_instruments()
            except (BrokerError, DatabaseError) as error:
                logger.debug("instrument details have to wait: %s", error)

    async def _complete_instruments(self) -> None:
        now = asyncio.get_running_loop().time()
        self._without_details = {
            con_id: at for con_id, at in self._without_details.items() if now - at < FORGET_FAILURES_SECONDS
        }
        for con_id in await crossing.in_database(instrument_rows.without_details, list(self._without_details)):
            found = await self._details(Contract(conId=con_id), Priority.HISTORY)
            row = translate.detailed_instrument(found[0], clock.now()) if found else None
            if row is None or not row.is_complete:
                self._without_details[con_id] = now
            if row is None:
                continue
            self.learn(row)
            self._writer.changes.instruments[con_id] = row
            self._writer.on_change(False)

    async def _row(self, con_id: int) -> InstrumentRow:
        try:
            row = await crossing.in_database(instrument_rows.instrument, con_id)
        except DatabaseError:
            row = None
        if row is not None and (row.sec_type in translate.SMART_TYPES or row.exchange):
            return row
        return await self._detailed(con_id)

    async def _detailed(self, con_id: int) -> InstrumentRow:
        found = await self._details(Contract(conId=con_id), Priority.QUOTE)
        if not found:
            raise AnswerError(f"The broker knows no contract {con_id}.", NO_SUCH_CONTRACT)
        return translate.detailed_instrument(found[0], clock.now())

    async def _details(self, contract: Contract, priority: Priority) -> list[ContractDetails]:
        """Empty when there is no such contract: that is an answer."""
        try:
            found: list[ContractDetails] = await self._link.ask(
                priority, "", lambda ib: ib.reqContractDetailsAsync(contract), timeout=ANSWER_SECONDS
            )
        except AnswerError as error:
            if error.code == NO_SUCH_CONTRACT:
                return []
            raise
        return found

    async def _matching(self, pattern: str, priority: Priority) -> list[dict[str, Any]]:
        found: list[ContractDescription] | None = await self._link.ask(
            priority, "", lambda ib: ib.reqMatchingSymbolsAsync(pattern), timeout=ANSWER_SECONDS
        )
        if found is None:
            raise AnswerError("no answer from the broker within 4 s")
        return [
            {
                "con_id": item.contract.conId,
                "symbol": item.contract.symbol,
                "sec_type": item.contract.secType,
                "primary_exchange": item.contract.primaryExchange,
                "currency": item.contract.currency,
                "description": item.contract.description,
                "derivative_sec_types": list(item.derivativeSecTypes),
            }
            for item in found
            if item.contract is not None
        ]


def contract_of_query(query: Mapping[str, Any]) -> Contract:
    """Raises AnswerError for a field that contracts do not have."""
    unknown = set(query) - set(QUERY_FIELDS)
    if unknown or not query:
        allowed = ", ".join(QUERY_FIELDS)
        raise AnswerError(f"A contract is described by {allowed}; not by {', '.join(sorted(unknown)) or 'nothing'}.")
    values = {QUERY_FIELDS[name]: value for name, value in query.items() if value not in (None, "")}
    if "strike" in values:
        values["strike"] = float(values["strike"])
    if "lastTradeDateOrContractMonth" in values:
        values["lastTradeDateOrContractMonth"] = str(values["lastTradeDateOrContractMonth"]).replace("-", "")
    if "multiplier" in values:
        values["multiplier"] = str(values["multiplier"])
    return Contract(**values)


def details_answer(item: ContractDetails) -> dict[str, Any]:
    row = translate.detailed_instrument(item, clock.now())
    return {
        "con_id": row.con_id,
        "symbol": row.symbol,
        "sec_type": row.sec_type,
        "exchange": row.exchange,
        "primary_exchange": row.primary_exchange,
        "currency": row.currency,
        "local_symbol": row.local_symbol,
        "trading_class": row.trading_class,
        "expires_on": row.expires_on.isoformat() if row.expires_on else None,
        "strike": parsing.decimal_text(row.strike),
        "right": row.right,
        "multiplier": parsing.decimal_text(row.multiplier),
        "min_tick": parsing.decimal_text(row.min_tick),
        "price_magnifier": row.price_magnifier,
        "long_name": row.long_name,
        "industry": item.industry,
        "category": item.category,
        "subcategory": item.subcategory,
        "time_zone": row.time_zone,
        "trading_hours": item.tradingHours,
        "liquid_hours": item.liquidHours,
        "valid_exchanges": [name for name in item.validExchanges.split(",") if name],
        "order_types": [name for name in item.orderTypes.split(",") if name],
        "under_con_id": item.underConId,
        "stock_type": item.stockType,
    }
