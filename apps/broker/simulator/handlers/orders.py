"""Orders in, and the questions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exchange.orders import Order
from ..exchange.records import ExecutionFilter
from ..protocol import orders
from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..protocol.times import parse_moment
from ..routing import MANUAL_CLIENT, encode_execution
from ..types import RequestError
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session


def refuse_read_only(session: Session) -> None:
    if session.gateway.faults.read_only:
        cause = "The API interface is currently in Read-Only mode."
        raise RequestError(321, f"Error validating request.-'bW' : cause - {cause}")


@handles(Request.PLACE_ORDER, versioned=False)
def place_order(session: Session, order_id: int, reader: Reader) -> None:
    refuse_read_only(session)
    request = orders.decode_place_order(reader.fields, session.version, session.client_id)
    session.unacknowledged.discard(order_id)
    faults = session.gateway.faults
    if not request.what_if:
        if faults.loses_order():
            return
        if faults.loses_acknowledgement():
            session.unacknowledged.add(order_id)
        if faults.late_orders:
            faults.on_their_way.append(request)
            return
    session.gateway.exchange.place(request)


@handles(Request.CANCEL_ORDER)
def cancel_order(session: Session, order_id: int, reader: Reader) -> None:
    refuse_read_only(session)
    session.unacknowledged.discard(order_id)
    session.gateway.exchange.cancel(session.client_id, order_id)


@handles(Request.REQ_GLOBAL_CANCEL, identified=False)
def global_cancel(session: Session, _: int, reader: Reader) -> None:
    refuse_read_only(session)
    session.gateway.exchange.global_cancel()


@handles(Request.REQ_OPEN_ORDERS, identified=False)
def open_orders(session: Session, _: int, reader: Reader) -> None:
    refuse_read_only(session)
    if session.client_id == MANUAL_CLIENT:
        session.gateway.exchange.bind_manual()
    _send_orders(session, session.gateway.exchange.open_orders(session.client_id))


@handles(Request.REQ_ALL_OPEN_ORDERS, identified=False)
def all_open_orders(session: Session, _: int, reader: Reader) -> None:
    refuse_read_only(session)
    _send_orders(session, session.gateway.exchange.open_orders())


def _send_orders(session: Session, found: list[Order]) -> None:
    for order in found:
        if order.client_id == session.client_id:
            session.unacknowledged.discard(order.order_id)
        session.send(orders.encode_open_order(order, session.version, session.client_id))
        session.send(orders.encode_order_status(order, session.client_id))
    session.send((Answer.OPEN_ORDER_END, 1))


@handles(Request.REQ_AUTO_OPEN_ORDERS, identified=False)
def auto_open_orders(session: Session, _: int, reader: Reader) -> None:
    refuse_read_only(session)
    if session.client_id != MANUAL_CLIENT:
        raise RequestError(327, "Only the default client (i.e 0) can auto bind orders.")
    session.gateway.exchange.auto_bind = reader.boolean()
    if session.gateway.exchange.auto_bind:
        session.gateway.exchange.bind_manual()


@handles(Request.REQ_COMPLETED_ORDERS, versioned=False, identified=False)
def completed_orders(session: Session, _: int, reader: Reader) -> None:
    refuse_read_only(session)
    for order in session.gateway.exchange.completed_orders(reader.boolean()):
        session.send(orders.encode_completed_order(order, session.version))
    session.send((Answer.COMPLETED_ORDERS_END,))


@handles(Request.REQ_EXECUTIONS)
def executions(session: Session, request_id: int, reader: Reader) -> None:
    wanted = ExecutionFilter(
        client_id=reader.int(),
        account=reader.text(),
        since=parse_moment(reader.text()),
        symbol=reader.text(),
        sec_type=reader.text(),
        exchange=reader.text(),
        side=reader.text(),
    )
    swallowed = session.gateway.faults.swallowed_executions
    for execution, report in session.gateway.exchange.executions(wanted):
        if execution.exec_id in swallowed:
            continue
        session.send(encode_execution(execution, request_id, session))
        session.send(orders.encode_commission_report(report))
    session.send((Answer.EXECUTION_END, 1, request_id))
