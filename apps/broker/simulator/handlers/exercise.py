"""Exercising options.

Assumed of the real gateway, which works on it overnight: an accepted exercise is booked at once, at the strike and
without commission. Refusals have code 322 because there is no documented one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..protocol.fields import Reader
from ..protocol.messages import Request
from ..types import Contract, RequestError
from .common import find_one, known_account
from .orders import refuse_read_only
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

EXERCISE, LAPSE = 1, 2


@handles(Request.EXERCISE_OPTIONS)
def exercise_options(session: Session, request_id: int, reader: Reader) -> None:
    refuse_read_only(session)
    option = find_one(session, reader.query(primary_exchange=False))
    action, quantity, account = reader.int(), Decimal(reader.int()), reader.text()
    override = reader.boolean()
    if option.sec_type != "OPT" or action not in (EXERCISE, LAPSE) or quantity <= 0:
        raise RequestError(321, "Error validating request.-'bI' : cause - Not an exercise of a number of options")
    account = known_account(session, account)
    if session.gateway.exchange.books(account).quantity(option.con_id) < quantity:
        raise RequestError(322, f"Error processing request: the account does not hold {quantity} of these options")
    if action == LAPSE:
        return  # nothing happens before the expiry, which settles what is in the money
    if not override and not _in_the_money(session, option):
        raise RequestError(322, "Error processing request: the option is out of the money; override to exercise it")
    _book(session, account, option, quantity)


def _in_the_money(session: Session, option: Contract) -> bool:
    quote = session.gateway.market.quote(option.under_con_id)
    price = quote.close if quote.last is None else quote.last
    return price > option.strike if option.right == "C" else price < option.strike


def _book(session: Session, account: str, option: Contract, quantity: Decimal) -> None:
    underlying = session.gateway.contract(option.under_con_id)
    if underlying.sec_type != "STK":
        raise RequestError(322, "Error processing request: options settled in cash cannot be exercised early")
    books = session.gateway.exchange.books(account)
    shares = quantity * option.multiplier * (1 if option.right == "C" else -1)
    books.trade(option, -quantity, Decimal(0), Decimal(0))
    books.trade(underlying, shares, Decimal(str(option.strike)), Decimal(0))
    for contract in (option, underlying):
        session.gateway.router.position_changed(account, contract.con_id)
    session.gateway.router.account_changed(account)
