"""Finds the contract an order means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..types import Contract, Query, RequestError
from .orders import OrderLeg
from .requests import Leg, OrderRequest

if TYPE_CHECKING:
    from ..market import Market

BAG_CON_ID = 28812380  # all USD combos share this conId at IB
NOT_FOUND = "No security definition has been found for the request"


def resolve(market: Market, request: OrderRequest) -> tuple[Contract, tuple[OrderLeg, ...]]:
    """The contract as ordered (with the requested exchange) and what one unit trades. RequestError 200 or 321."""
    if request.query.sec_type == "BAG":
        return _combo(market, request)
    contract = _single(market, request.query)
    if not request.query.exchange:
        # Assumed of the real gateway: positions come without exchange, and such a contract cannot be ordered.
        raise RequestError(321, "Error validating request. Missing order exchange")
    routed = replace(contract, exchange=request.query.exchange)
    return routed, (OrderLeg(contract, 1),)


def _single(market: Market, query: Query) -> Contract:
    if query.con_id:
        contract = market.by_con_id(query.con_id)
        found = [contract] if contract else []
    else:
        found = market.find(query)
    if not found:
        raise RequestError(200, NOT_FOUND)
    if len(found) > 1:
        raise RequestError(200, f"The contract description specified for {query.symbol[:20]} is ambiguous")
    exchanges = {*found[0].valid_exchanges, found[0].exchange, found[0].primary_exchange, "SMART", "", "IBKRATS"}
    if query.exchange not in exchanges:
        raise RequestError(200, "Invalid destination or exchange selected. " + NOT_FOUND)
    return found[0]


def _combo(market: Market, request: OrderRequest) -> tuple[Contract, tuple[OrderLeg, ...]]:
    if len(request.legs) < 2:
        raise RequestError(321, "Error validating request. A combo needs at least two legs")
    legs = tuple(_leg(market, leg) for leg in request.legs)
    if len({leg.contract.currency for leg in legs}) > 1 or len({leg.contract.con_id for leg in legs}) < len(legs):
        raise RequestError(321, "Error validating request. Combo legs must differ and share one currency")
    query = request.query
    currency = query.currency or legs[0].contract.currency
    return combo_contract(query.symbol, currency, query.exchange or "SMART"), legs


def combo_contract(symbol: str, currency: str, exchange: str) -> Contract:
    return Contract(
        con_id=BAG_CON_ID,
        symbol=symbol,
        sec_type="BAG",
        currency=currency,
        exchange=exchange,
        local_symbol=symbol,
        trading_class="COMB",
    )


def _leg(market: Market, leg: Leg) -> OrderLeg:
    contract = market.by_con_id(leg.con_id)
    if contract is None:
        raise RequestError(200, NOT_FOUND)
    if contract.sec_type not in ("STK", "OPT"):
        raise RequestError(321, f"Error validating request. {contract.sec_type} cannot be a combo leg")
    if leg.action not in ("BUY", "SELL") or not 0 < leg.ratio <= 1000:
        raise RequestError(321, "Error validating request. A combo leg needs BUY or SELL and a ratio from 1 to 1000")
    return OrderLeg(contract, leg.ratio if leg.action == "BUY" else -leg.ratio)
