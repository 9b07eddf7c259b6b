"""What the gateway refuses before an order reaches the market. Every refusal is a RequestError."""

from __future__ import annotations

import math
from decimal import Decimal

from ..types import Contract, RequestError
from . import order_types
from .moments import parse_moment
from .requests import OrderRequest

LARGEST_QUANTITY = Decimal(100_000_000)


def check_terms(request: OrderRequest, contract: Contract) -> None:
    _check_side(request)
    _check_quantity(request.quantity)
    _check_type(request, contract)
    _check_prices(request, contract)
    _check_times(request)
    _check_flags(request)


def choose_account(request: OrderRequest, accounts: list[str]) -> str:
    if not request.account:
        if len(accounts) == 1:
            return accounts[0]
        raise RequestError(435, "You must specify an account.")
    if request.account not in accounts:
        raise RequestError(321, f"Error validating request. Invalid account code {ascii(request.account[:20])}")
    return request.account


def _check_side(request: OrderRequest) -> None:
    if request.action not in ("BUY", "SELL"):
        raise RequestError(321, f"Error validating request. Invalid action {ascii(request.action[:20])}")


def _check_quantity(quantity: Decimal) -> None:
    if quantity <= 0:
        raise RequestError(434, "The order size cannot be zero or negative.")
    if quantity != quantity.to_integral_value():
        # Assumed of the real gateway: whole units only, although some accounts may trade fractions.
        raise RequestError(10243, "Fractional-sized order cannot be placed via API. Please refer to TWS.")
    if quantity > LARGEST_QUANTITY:
        raise RequestError(201, "Order rejected - reason:The order size exceeds the maximum allowed.")


def _check_type(request: OrderRequest, contract: Contract) -> None:
    if contract.sec_type == "IND":
        raise RequestError(460, "No trading permissions for this contract: an index cannot be traded.")
    allowed = order_types.COMBO if contract.sec_type == "BAG" else order_types.SUPPORTED
    if request.order_type not in allowed:
        raise RequestError(387, "Unsupported order type for this exchange and security type.")


def _check_prices(request: OrderRequest, contract: Contract) -> None:
    kind = request.order_type
    prices = [request.limit_price, request.aux_price, request.trail_stop_price, request.trailing_percent]
    prices.append(request.limit_price_offset)
    if any(price is not None and not math.isfinite(price) for price in prices):
        raise RequestError(321, "Error validating request. A price is not a finite number.")
    if kind in order_types.NEEDS_LIMIT or (kind == order_types.MIDPOINT and request.limit_price):
        _check_price(request.limit_price, "limit price", contract)
    if kind in order_types.NEEDS_STOP:
        _check_price(request.aux_price, "stop price", contract)
    if kind in order_types.TRAILING:
        _check_trail(request)


def _check_price(price: float | None, name: str, contract: Contract) -> None:
    if price is None:
        raise RequestError(321, f"Error validating request. The order needs a {name}.")
    if price <= 0 and contract.sec_type != "BAG":
        raise RequestError(110, f"The {name} must be positive: the price does not conform to the contract.")
    steps = price / contract.min_tick
    if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)) * 0.01 + 1e-6:
        raise RequestError(110, "The price does not conform to the minimum price variation for this contract.")


def _check_trail(request: OrderRequest) -> None:
    amount, percent = request.aux_price or 0.0, request.trailing_percent or 0.0
    if (amount > 0) == (percent > 0) or percent >= 100:
        raise RequestError(321, "Error validating request. A trailing order needs an amount or a percentage below 100.")


def _check_times(request: OrderRequest) -> None:
    if request.tif not in order_types.TIMES_IN_FORCE:
        raise RequestError(321, f"Error validating request. Invalid time in force {ascii(request.tif[:20])}")
    if request.tif == order_types.GTD and not request.good_till_date:
        raise RequestError(321, "Error validating request. GTD needs a good till date.")
    for moment in (request.good_till_date, request.good_after_time):
        if moment:
            parse_moment(moment)


def _check_flags(request: OrderRequest) -> None:
    # Assumed of the real gateway: both attributes were retired and are refused when set.
    for name, code, words in (("eTradeOnly", 10268, "EtradeOnly"), ("firmQuoteOnly", 10269, "FirmQuoteOnly")):
        if request.raw.get(name) == "1":
            raise RequestError(code, f"The '{words}' order attribute is not supported.")
