"""Which lines a client's description of a contract means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..types import Contract, Query, RequestError
from .lines import Line

SECURITY_TYPES = {"STK", "OPT", "IND", "CASH", "BAG", "FUT", "FOP", "CFD", "BOND", "FUND", "CMDTY", "WAR", "CRYPTO"}
_EXCHANGE_ALIASES = {"ISLAND": "NASDAQ"}
MOST_MATCHES = 16
NO_DEFINITION = "No security definition has been found for the request"


def no_definition() -> RequestError:
    return RequestError(200, NO_DEFINITION)


def check_security_type(query: Query) -> None:
    if query.sec_type not in SECURITY_TYPES and (query.sec_type or not (query.con_id or query.sec_id)):
        raise RequestError(321, "Error validating request.-'bW' : cause - Please enter a valid security type")


def find_lines(lines: Iterable[Line], query: Query) -> list[Contract]:
    return [routed(line.contract, query.exchange) for line in lines if _matches(line.contract, query)]


def routed(contract: Contract, exchange: str) -> Contract:
    """As IB answers: with the exchange that was asked for."""
    return replace(contract, exchange=exchange) if exchange else contract


def matches_exchange(contract: Contract, exchange: str) -> bool:
    wanted = _EXCHANGE_ALIASES.get(exchange, exchange)
    return not wanted or wanted in {contract.exchange, contract.primary_exchange, *contract.valid_exchanges}


def search_lines(lines: Iterable[Line], pattern: str) -> list[Contract]:
    """Symbols that begin with the pattern first, then names that contain it."""
    wanted = pattern.strip().upper()
    if not wanted:
        return []
    contracts = [line.contract for line in lines]
    by_symbol = [contract for contract in contracts if contract.symbol.startswith(wanted)]
    by_symbol.sort(key=lambda contract: contract.symbol != wanted)
    by_name = [c for c in contracts if wanted in c.long_name.upper() and c not in by_symbol]
    return (by_symbol + by_name)[:MOST_MATCHES]


def _matches(contract: Contract, query: Query) -> bool:
    if query.con_id:
        return contract.con_id == query.con_id and matches_exchange(contract, query.exchange)
    wanted = (
        (query.symbol, contract.symbol),
        (query.sec_type, contract.sec_type),
        (query.currency, contract.currency),
        (query.local_symbol, contract.local_symbol),
        (query.trading_class, contract.trading_class),
        (_EXCHANGE_ALIASES.get(query.primary_exchange, query.primary_exchange), contract.primary_exchange),
    )
    if not any((query.symbol, query.local_symbol, query.sec_id)):
        return False
    if query.sec_id and (query.sec_id_type != "ISIN" or query.sec_id != contract.isin):
        return False
    return all(not asked or asked == has for asked, has in wanted) and matches_exchange(contract, query.exchange)
