"""Login, clock, ids: what the gateway answers by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..market import MARKET_RULES
from ..protocol import system
from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..protocol.system import NO_REQUEST, table
from ..types import RequestError
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

NOTICES = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)
CLIENT_ID_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."
BROKER_LOST = "Connectivity between IB and Trader Workstation has been lost."
MARKET_DATA_TYPES = range(1, 5)


@handles(Request.START_API, identified=False)
def start_api(session: Session, _: int, reader: Reader) -> None:
    if session.started:
        raise RequestError(501, "Already connected.")
    client_id = reader.int()
    if client_id < 0:
        raise RequestError(321, "Error validating request.-'bA' : cause - The client id must not be negative")
    if client_id in session.gateway.sessions:
        session.error(NO_REQUEST, 326, CLIENT_ID_IN_USE)
        session.close()
        return
    if len(session.gateway.sessions) >= session.gateway.settings.limits.clients:
        session.close()
        return
    session.client_id = client_id
    session.started = True
    session.gateway.sessions[client_id] = session
    _greet(session)


def _greet(session: Session) -> None:
    exchange = session.gateway.exchange
    session.send(system.managed_accounts(exchange.accounts))
    session.send(system.next_valid_id(exchange.next_order_id(session.client_id)))
    if not session.gateway.faults.broker_connected:
        session.error(NO_REQUEST, 1100, BROKER_LOST)
        return
    for code, text in NOTICES:
        session.error(NO_REQUEST, code, text)


@handles(Request.REQ_CURRENT_TIME, identified=False)
def current_time(session: Session, _: int, reader: Reader) -> None:
    """A market that is moved by hand stands still; clocks do not."""
    gateway = session.gateway
    moment = datetime.now(UTC) if gateway.settings.market.start is None else gateway.market.now()
    session.send(system.current_time(moment + timedelta(seconds=gateway.faults.clock_offset)))


@handles(Request.REQ_IDS, identified=False)
def next_ids(session: Session, _: int, reader: Reader) -> None:
    session.send(system.next_valid_id(session.gateway.exchange.next_order_id(session.client_id)))


@handles(Request.REQ_MANAGED_ACCTS, identified=False)
def managed_accounts(session: Session, _: int, reader: Reader) -> None:
    session.send(system.managed_accounts(session.gateway.exchange.accounts))


@handles(Request.SET_SERVER_LOG_LEVEL, identified=False)
def server_log_level(session: Session, _: int, reader: Reader) -> None:
    level = reader.int()
    if level not in range(1, 6):
        raise RequestError(319, f"Invalid log level: {level}")


@handles(Request.REQ_MARKET_DATA_TYPE, identified=False)
def market_data_type(session: Session, _: int, reader: Reader) -> None:
    kind = reader.int()
    if kind not in MARKET_DATA_TYPES:
        raise RequestError(321, "Error validating request.-'bO' : cause - Invalid market data type")
    session.market_data_type = kind


@handles(Request.REQ_USER_INFO, versioned=False)
def user_info(session: Session, request_id: int, reader: Reader) -> None:
    session.send((Answer.USER_INFO, request_id, ""))


@handles(Request.REQ_FAMILY_CODES, versioned=False, identified=False)
def family_codes(session: Session, _: int, reader: Reader) -> None:
    rows = [(account, "") for account in session.gateway.exchange.accounts]
    session.send(table(Answer.FAMILY_CODES, (), rows))


@handles(Request.REQ_SOFT_DOLLAR_TIERS, versioned=False)
def soft_dollar_tiers(session: Session, request_id: int, reader: Reader) -> None:
    session.send(table(Answer.SOFT_DOLLAR_TIERS, (request_id,), ()))


@handles(Request.REQ_MARKET_RULE, versioned=False, identified=False)
def market_rule(session: Session, _: int, reader: Reader) -> None:
    rule_id = reader.int()
    increments = MARKET_RULES.get(rule_id)
    if increments is None:
        raise RequestError(321, f"Error validating request.-'b3' : cause - Invalid market rule id: {rule_id}")
    session.send(system.market_rule(rule_id, increments))
