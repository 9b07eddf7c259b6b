"""Account, portfolio, position and profit-and-loss messages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ..types import Contract
from .contracts import contract_block
from .messages import Answer
from .system import Message
from .times import clock_text

Number = float | Decimal | int | None


def account_value(key: str, value: str, currency: str, account: str) -> Message:
    return (Answer.ACCOUNT_VALUE, 2, key, value, currency, account)


def account_time(moment: datetime) -> Message:
    return (Answer.ACCOUNT_TIME, 1, clock_text(moment))


def account_download_end(account: str) -> Message:
    return (Answer.ACCOUNT_DOWNLOAD_END, 1, account)


def portfolio_value(
    contract: Contract,
    account: str,
    position: Number,
    price: Number,
    value: Number,
    average_cost: Number,
    unrealized: Number,
    realized: Number,
) -> Message:
    """This message carries the primary exchange where the others have the exchange."""
    block = contract_block(contract, contract.primary_exchange)
    money = (position, price, value, average_cost, unrealized, realized)
    return (Answer.PORTFOLIO_VALUE, 8, *block, *money, account)


def position(account: str, contract: Contract, quantity: Number, average_cost: Number) -> Message:
    block = contract_block(contract, contract.primary_exchange or contract.exchange)
    return (Answer.POSITION, 3, account, *block, quantity, average_cost)


def position_multi(
    request_id: int, account: str, model: str, contract: Contract, quantity: Number, average_cost: Number
) -> Message:
    block = contract_block(contract, contract.primary_exchange or contract.exchange)
    return (Answer.POSITION_MULTI, 1, request_id, account, *block, quantity, average_cost, model)


def account_update_multi(request_id: int, account: str, model: str, key: str, value: str, currency: str) -> Message:
    return (Answer.ACCOUNT_UPDATE_MULTI, 1, request_id, account, model, key, value, currency)


def account_summary(request_id: int, account: str, tag: str, value: str, currency: str) -> Message:
    return (Answer.ACCOUNT_SUMMARY, 1, request_id, account, tag, value, currency)


def ended(answer: Answer, request_id: int) -> Message:
    return (answer, 1, request_id)


def pnl(request_id: int, daily: Number, unrealized: Number, realized: Number) -> Message:
    return (Answer.PNL, request_id, *map(_available, (daily, unrealized, realized)))


def pnl_single(
    request_id: int, position_size: Number, daily: Number, unrealized: Number, realized: Number, value: Number
) -> Message:
    money = map(_available, (daily, unrealized, realized, value))
    return (Answer.PNL_SINGLE, request_id, position_size, *money)


def _available(value: Number) -> object:
    return "1.7976931348623157E308" if value is None else value
