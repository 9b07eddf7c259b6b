"""What the accounts hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import accounts
from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..streams.account_updates import AccountSummary, AccountUpdates, AccountUpdatesMulti, PositionsMulti
from ..streams.profit import PnlSingleStream, PnlStream
from ..streams.registry import Kind
from ..types import RequestError
from .common import known_account
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session


@handles(Request.REQ_ACCOUNT_UPDATES, identified=False)
def account_updates(session: Session, _: int, reader: Reader) -> None:
    subscribe, account = reader.boolean(), reader.text()
    if not subscribe:
        session.account_updates = None
        return
    session.account_updates = AccountUpdates(session, known_account(session, account))
    for message in session.account_updates.first():
        session.send(message)


@handles(Request.REQ_POSITIONS, identified=False)
def positions(session: Session, _: int, reader: Reader) -> None:
    session.wants_positions = True
    for account in session.gateway.exchange.accounts:
        for held in session.gateway.exchange.positions(account):
            session.send(accounts.position(account, held.contract, held.quantity, held.average_cost))
    session.send((Answer.POSITION_END, 1))


@handles(Request.CANCEL_POSITIONS, identified=False)
def cancel_positions(session: Session, _: int, reader: Reader) -> None:
    session.wants_positions = False


@handles(Request.REQ_ACCOUNT_SUMMARY)
def account_summary(session: Session, request_id: int, reader: Reader) -> None:
    group, tags = reader.text(), reader.text()
    limit = session.gateway.settings.limits.account_summaries
    if session.streams.count([Kind.SUMMARY]) >= limit:
        cause = "Maximum number of account summary requests exceeded; desubscribe from other account summary requests"
        raise RequestError(322, f"Error processing request.-'bJ' : cause - {cause}")
    if group != "All":
        raise RequestError(321, "Error validating request.-'bJ' : cause - Invalid account group")
    stream = AccountSummary(session, request_id, [tag.strip() for tag in tags.split(",") if tag.strip()])
    session.streams.add(stream)
    for message in stream.first():
        session.send(message)


@handles(Request.CANCEL_ACCOUNT_SUMMARY)
def cancel_account_summary(session: Session, request_id: int, reader: Reader) -> None:
    session.streams.remove(Kind.SUMMARY, request_id)


@handles(Request.REQ_POSITIONS_MULTI)
def positions_multi(session: Session, request_id: int, reader: Reader) -> None:
    stream = PositionsMulti(session, request_id, known_account(session, reader.text()), reader.text())
    session.streams.add(stream)
    for message in stream.first():
        session.send(message)


@handles(Request.CANCEL_POSITIONS_MULTI)
def cancel_positions_multi(session: Session, request_id: int, reader: Reader) -> None:
    session.streams.remove(Kind.POSITIONS_MULTI, request_id)


@handles(Request.REQ_ACCOUNT_UPDATES_MULTI)
def account_updates_multi(session: Session, request_id: int, reader: Reader) -> None:
    account, model, ledger_only = known_account(session, reader.text()), reader.text(), reader.boolean()
    stream = AccountUpdatesMulti(session, request_id, account, model, ledger_only)
    session.streams.add(stream)
    for message in stream.first():
        session.send(message)


@handles(Request.CANCEL_ACCOUNT_UPDATES_MULTI)
def cancel_account_updates_multi(session: Session, request_id: int, reader: Reader) -> None:
    session.streams.remove(Kind.ACCOUNT_MULTI, request_id)


@handles(Request.REQ_PNL, versioned=False)
def pnl(session: Session, request_id: int, reader: Reader) -> None:
    stream = PnlStream(session, request_id, known_account(session, reader.text()))
    session.streams.add(stream)
    for message in stream.step(frozenset()):
        session.send(message)


@handles(Request.CANCEL_PNL, versioned=False)
def cancel_pnl(session: Session, request_id: int, reader: Reader) -> None:
    if not session.streams.remove(Kind.PNL, request_id):
        raise RequestError(10185, "Failed to cancel PNL (not subscribed)")


@handles(Request.REQ_PNL_SINGLE, versioned=False)
def pnl_single(session: Session, request_id: int, reader: Reader) -> None:
    account = known_account(session, reader.text())
    reader.text()  # model
    con_id = reader.int()
    if session.gateway.market.by_con_id(con_id) is None:
        raise RequestError(321, "Error validating request.-'cz' : cause - Invalid contract id")
    stream = PnlSingleStream(session, request_id, account, con_id)
    session.streams.add(stream)
    for message in stream.step(frozenset()):
        session.send(message)


@handles(Request.CANCEL_PNL_SINGLE, versioned=False)
def cancel_pnl_single(session: Session, request_id: int, reader: Reader) -> None:
    if not session.streams.remove(Kind.PNL_SINGLE, request_id):
        raise RequestError(10186, "Failed to cancel PNL single (not subscribed)")
