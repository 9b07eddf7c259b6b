"""Streaming prices: quotes, depth, real time bars, tick by tick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..protocol import ticks
from ..protocol.fields import Reader
from ..protocol.messages import Request
from ..protocol.system import Message
from ..streams.bars import REAL_TIME_SECONDS, RealTimeBars
from ..streams.combos import ComboLeg
from ..streams.depth import DepthStream
from ..streams.generic_ticks import parse_generic_ticks
from ..streams.quotes import DELAYED, DELAYED_FROZEN, FROZEN, LIVE, ComboStream, QuoteStream
from ..streams.registry import Kind
from ..streams.tick_by_tick import TICK_KINDS, TickStream
from ..types import Contract, Query, RequestError
from .common import find_one
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

LIVE_BAR_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")
DEEPEST_BOOK = 20


def use_line(session: Session, kind: Kind, request_id: int) -> None:
    """RequestError 102 for an id in use, 101 when all lines are taken."""
    if session.streams.has(kind, request_id):
        raise RequestError(102, "Duplicate ticker id")
    if session.gateway.lines_used() >= session.gateway.settings.limits.market_data_lines:
        raise RequestError(101, "Max number of tickers has been reached")


def permitted_type(session: Session, request_id: int, contract: Contract) -> int:
    """The market data type the client gets. RequestError 354 without permission; 10167 announces delayed data."""
    level = session.gateway.faults.entitlement(contract.symbol)
    wants_delayed = session.market_data_type in (DELAYED, DELAYED_FROZEN)
    closed = not session.gateway.market.is_open(contract, session.gateway.market.now())
    if level == "live":
        return FROZEN if closed and session.market_data_type in (FROZEN, DELAYED_FROZEN) else LIVE
    if level == "delayed" and wants_delayed:
        text = "Requested market data is not subscribed. Displaying delayed market data."
        session.error(request_id, 10167, text)
        return DELAYED_FROZEN if closed and session.market_data_type == DELAYED_FROZEN else DELAYED
    offer = "Delayed market data is available." if level == "delayed" else "Delayed market data is not available."
    raise RequestError(354, f"Requested market data is not subscribed.{offer}{contract.symbol}")


def require_live(session: Session, contract: Contract) -> None:
    if session.gateway.faults.entitlement(contract.symbol) != "live":
        raise RequestError(354, f"Requested market data is not subscribed.{contract.symbol}")


def _send_all(session: Session, messages: Iterable[Message]) -> None:
    for message in messages:
        session.send(message)


@handles(Request.REQ_MKT_DATA)
def market_data(session: Session, request_id: int, reader: Reader) -> None:
    query = reader.query()
    legs = _legs(reader) if query.sec_type == "BAG" else []
    if reader.boolean():
        reader.skip(3)  # a delta neutral contract changes nothing in the data
    generic = parse_generic_ticks(reader.text())
    snapshot, regulatory = reader.boolean(), reader.boolean()
    if generic and (snapshot or regulatory):
        cause = "Snapshot market data subscription is not applicable to generic ticks"
        raise RequestError(321, f"Error validating request.-'bN' : cause - {cause}")
    use_line(session, Kind.QUOTES, request_id)
    stream = _quote_stream(session, request_id, query, legs, generic)
    if snapshot or regulatory:
        _send_all(session, stream.first())
        session.send(ticks.snapshot_end(request_id))
        return
    session.streams.add(stream)
    _send_all(session, stream.first())


def _quote_stream(
    session: Session, request_id: int, query: Query, legs: list[ComboLeg], generic: frozenset[int]
) -> QuoteStream:
    if legs:
        combo = Contract(0, query.symbol, "BAG", query.currency, query.exchange)
        data_type = permitted_type(session, request_id, session.gateway.contract(legs[0].con_id))
        return ComboStream(session, request_id, combo, data_type, legs)
    contract = find_one(session, query)
    return QuoteStream(session, request_id, contract, permitted_type(session, request_id, contract), generic)


def _legs(reader: Reader) -> list[ComboLeg]:
    legs = []
    for _ in range(reader.count()):
        legs.append(ComboLeg(reader.int(), reader.int(), reader.text()))
        reader.text()  # exchange
    if not legs:
        raise RequestError(321, "Error validating request.-'bN' : cause - Missing combo legs")
    return legs


@handles(Request.CANCEL_MKT_DATA)
def cancel_market_data(session: Session, request_id: int, reader: Reader) -> None:
    _cancel(session, Kind.QUOTES, request_id, 300, f"Can't find EId with tickerId:{request_id}")


@handles(Request.REQ_MKT_DEPTH)
def market_depth(session: Session, request_id: int, reader: Reader) -> None:
    query, rows, smart = reader.query(), reader.int(), reader.boolean()
    contract = find_one(session, query)
    use_line(session, Kind.DEPTH, request_id)
    limit = session.gateway.settings.limits.depth_requests
    if session.gateway.lines_used(frozenset({Kind.DEPTH})) >= limit:
        raise RequestError(309, f"Max number ({limit}) of market depth requests has been reached")
    if contract.sec_type == "IND":
        text = "Deep market data is not supported for this combination of security type/exchange"
        raise RequestError(10092, text)
    require_live(session, contract)
    stream = DepthStream(session, request_id, contract, min(max(rows, 1), DEEPEST_BOOK), smart)
    session.streams.add(stream)
    _send_all(session, stream.first())


@handles(Request.CANCEL_MKT_DEPTH)
def cancel_market_depth(session: Session, request_id: int, reader: Reader) -> None:
    text = f"Can't find the subscribed market depth with tickerId:{request_id}"
    _cancel(session, Kind.DEPTH, request_id, 310, text)


@handles(Request.REQ_REAL_TIME_BARS)
def real_time_bars(session: Session, request_id: int, reader: Reader) -> None:
    query, seconds, what = reader.query(), reader.int(), reader.text().upper()
    if seconds != REAL_TIME_SECONDS or what not in LIVE_BAR_KINDS:
        cause = "Real time bars have 5 seconds and show TRADES, MIDPOINT, BID or ASK"
        raise RequestError(420, f"Invalid Real-time Query:{cause}")
    contract = find_one(session, query)
    use_line(session, Kind.BARS, request_id)
    if session.gateway.faults.entitlement(contract.symbol) != "live":
        raise RequestError(420, f"Invalid Real-time Query:No market data permissions for {contract.symbol}")
    session.streams.add(RealTimeBars(session, request_id, contract, what))


@handles(Request.CANCEL_REAL_TIME_BARS)
def cancel_real_time_bars(session: Session, request_id: int, reader: Reader) -> None:
    _cancel(session, Kind.BARS, request_id, 300, f"Can't find EId with tickerId:{request_id}")


@handles(Request.REQ_TICK_BY_TICK_DATA, versioned=False)
def tick_by_tick(session: Session, request_id: int, reader: Reader) -> None:
    query, kind_name = reader.query(), reader.text()
    kind = TICK_KINDS.get(kind_name)
    if kind is None:
        raise RequestError(10189, f"Failed to request tick-by-tick data:Unknown tick type {ascii(kind_name)[:20]}")
    contract = find_one(session, query)
    if contract.sec_type == "OPT" or (contract.sec_type == "IND" and kind in (3, 4)):
        raise RequestError(10189, f"Failed to request tick-by-tick data:No {kind_name} data for {contract.sec_type}")
    use_line(session, Kind.TICKS, request_id)
    limit = session.gateway.settings.limits.tick_by_tick_requests
    if session.gateway.lines_used(frozenset({Kind.TICKS})) >= limit:
        raise RequestError(10190, "Max number of tick-by-tick requests has been reached")
    require_live(session, contract)
    stream = TickStream(session, request_id, contract, kind)
    session.streams.add(stream)
    _send_all(session, stream.step(frozenset({contract.con_id})))


@handles(Request.CANCEL_TICK_BY_TICK_DATA, versioned=False)
def cancel_tick_by_tick(session: Session, request_id: int, reader: Reader) -> None:
    _cancel(session, Kind.TICKS, request_id, 300, f"Can't find EId with tickerId:{request_id}")


def _cancel(session: Session, kind: Kind, request_id: int, code: int, text: str) -> None:
    if not session.streams.remove(kind, request_id):
        raise RequestError(code, text)
