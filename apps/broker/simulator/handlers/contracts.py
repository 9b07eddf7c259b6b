"""What instruments there are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..protocol import contracts
from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..protocol.system import table
from ..types import Contract, RequestError
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

SMART_COMPONENTS = ((0, "NASDAQ", "T"), (1, "NYSE", "N"), (2, "ARCA", "P"), (3, "BATS", "Z"), (4, "IEX", "V"))
DEPTH_EXCHANGES = (
    ("ISLAND", "STK", "NASDAQ", "Deep2", 2147483647),
    ("ARCA", "STK", "ARCA", "Deep", 2147483647),
    ("LSEETF", "STK", "LSEETF", "Deep", 2147483647),
)


@handles(Request.REQ_CONTRACT_DETAILS)
def contract_details(session: Session, request_id: int, reader: Reader) -> None:
    query = reader.query()
    query = replace(query, include_expired=reader.boolean(), sec_id_type=reader.text(), sec_id=reader.text())
    market = session.gateway.market
    hours: dict[tuple[str, str], tuple[str, str]] = {}
    for contract in market.find(query):
        key = (contract.exchange, contract.time_zone)
        if key not in hours:
            hours[key] = market.trading_hours(contract)
        underlying = market.by_con_id(contract.under_con_id) if contract.under_con_id else None
        session.send(contracts.contract_data(request_id, contract, hours[key], underlying, session.version))
    session.send(contracts.contract_data_end(request_id))


@handles(Request.REQ_MATCHING_SYMBOLS, versioned=False)
def matching_symbols(session: Session, request_id: int, reader: Reader) -> None:
    market = session.gateway.market
    found = [(contract, _derivatives(session, contract)) for contract in market.search(reader.text())]
    session.send(contracts.symbol_samples(request_id, found, session.version))


def _derivatives(session: Session, contract: Contract) -> tuple[str, ...]:
    return ("OPT",) if session.gateway.market.chains(contract.con_id) else ()


@handles(Request.REQ_SEC_DEF_OPT_PARAMS, versioned=False)
def option_parameters(session: Session, request_id: int, reader: Reader) -> None:
    symbol, _, sec_type, con_id = reader.text(), reader.text(), reader.text(), reader.int()
    underlying = session.gateway.market.by_con_id(con_id)
    if underlying is None or (underlying.symbol, underlying.sec_type) != (symbol, sec_type):
        raise RequestError(321, "Error validating request.-'cp' : cause - Invalid contract id")
    for chain in session.gateway.market.chains(con_id):
        session.send(contracts.option_parameters(request_id, chain))
    session.send((Answer.OPTION_PARAMETERS_END, request_id))


@handles(Request.REQ_MKT_DEPTH_EXCHANGES, versioned=False, identified=False)
def depth_exchanges(session: Session, _: int, reader: Reader) -> None:
    session.send(table(Answer.DEPTH_EXCHANGES, (), DEPTH_EXCHANGES))


@handles(Request.REQ_SMART_COMPONENTS, versioned=False)
def smart_components(session: Session, request_id: int, reader: Reader) -> None:
    session.send(table(Answer.SMART_COMPONENTS, (request_id,), SMART_COMPONENTS))
