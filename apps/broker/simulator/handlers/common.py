"""Steps that several handlers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types import Contract, Query, RequestError

if TYPE_CHECKING:
    from ..sessions.session import Session


def find_one(session: Session, query: Query) -> Contract:
    """The one line that a data request means. RequestError 200 if there is none or more than one, 321 as IB does."""
    if not query.exchange and query.sec_type != "BAG":
        raise RequestError(321, "Error validating request.-'bN' : cause - Please enter exchange")
    found = session.gateway.market.find(query)
    if len(found) != 1:
        shown = query.symbol or query.local_symbol or query.con_id
        raise RequestError(200, f"The contract description specified for {shown} is ambiguous.")
    return found[0]


def known_account(session: Session, account: str) -> str:
    """The account a request names; the only or first one when it names none."""
    accounts = session.gateway.exchange.accounts
    if not account:
        return accounts[0]
    if account not in accounts:
        cause = f"Invalid account code {ascii(account)[:20]}"
        raise RequestError(321, f"Error validating request.-'cc' : cause - {cause}")
    return account
