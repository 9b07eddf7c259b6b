"""Option calculations on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import ticks
from ..protocol.fields import Reader
from ..protocol.messages import Request
from ..types import Contract, RequestError
from .common import find_one
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session


def _option(session: Session, reader: Reader) -> Contract:
    contract = find_one(session, reader.query())
    if contract.sec_type != "OPT":
        raise RequestError(321, "Error validating request.-'bQ' : cause - Only options can be calculated")
    return contract


@handles(Request.CALCULATE_IMPLIED_VOLATILITY)
def implied_volatility(session: Session, request_id: int, reader: Reader) -> None:
    contract, price, underlying_price = _option(session, reader), reader.float(), reader.float()
    result = session.gateway.market.volatility_from_price(contract.con_id, price, underlying_price)
    session.send(ticks.tick_computation(request_id, ticks.CUSTOM_COMPUTATION, result))


@handles(Request.CALCULATE_OPTION_PRICE)
def option_price(session: Session, request_id: int, reader: Reader) -> None:
    contract, volatility, underlying_price = _option(session, reader), reader.float(), reader.float()
    result = session.gateway.market.price_from_volatility(contract.con_id, volatility, underlying_price)
    session.send(ticks.tick_computation(request_id, ticks.CUSTOM_COMPUTATION, result))


@handles(Request.CANCEL_CALCULATE_IMPLIED_VOLATILITY)
@handles(Request.CANCEL_CALCULATE_OPTION_PRICE)
def cancel_calculation(session: Session, request_id: int, reader: Reader) -> None:
    """Clients send it after every answer; there is nothing left to cancel."""
