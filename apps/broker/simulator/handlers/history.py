"""What prices have been: bars, ticks, first dates, sessions, histograms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..limits import HistoryQuery
from ..market.durations import bar_seconds
from ..protocol import history
from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..protocol.system import table
from ..protocol.times import epoch, parse_moment, utc_text, zoned_text
from ..streams.bars import DAY_SECONDS, HistoryUpdates
from ..streams.registry import Kind
from ..types import Contract, HistoricalTick, Query, RequestError
from .common import find_one
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

SCHEDULE = "SCHEDULE"
UPDATING_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")
SHORTEST_UPDATING_BAR = 5
MOST_TICKS = 1000
TICK_ANSWERS = {
    "MIDPOINT": Answer.HISTORICAL_TICKS,
    "BID_ASK": Answer.HISTORICAL_TICKS_BID_ASK,
    "TRADES": Answer.HISTORICAL_TICKS_LAST,
}
REFUSED = "Historical Market Data Service error message:"


@dataclass(frozen=True, slots=True)
class BarRequest:
    query: Query
    end: str
    bar_size: str
    duration: str
    use_rth: bool
    what: str
    date_format: int
    keep_up_to_date: bool


def _read(reader: Reader) -> BarRequest:
    query = reader.query()
    query = replace(query, include_expired=reader.boolean())
    end, bar_size, duration = reader.text(), reader.text(), reader.text()
    use_rth, what, date_format = reader.boolean(), reader.text().upper(), reader.int(1)
    if query.sec_type == "BAG":
        reader.skip(4 * reader.count())
    return BarRequest(query, end, bar_size, duration, use_rth, what, date_format, reader.boolean())


@handles(Request.REQ_HISTORICAL_DATA, versioned=False)
def historical_data(session: Session, request_id: int, reader: Reader) -> None:
    wanted = _read(reader)
    if session.streams.has(Kind.HISTORY, request_id):
        raise RequestError(322, "Error processing request.-'bU' : cause - Duplicate ticker id")
    if wanted.query.sec_type == "BAG":
        raise RequestError(162, f"{REFUSED}No historical data for combinations")
    contract = find_one(session, wanted.query)
    _admit(session, contract, wanted)
    if wanted.what == SCHEDULE:
        _send_schedule(session, request_id, contract, wanted)
    else:
        _send_bars(session, request_id, contract, wanted)


def _admit(session: Session, contract: Contract, wanted: BarRequest) -> None:
    gateway = session.gateway
    if gateway.faults.entitlement(contract.symbol) == "none":
        raise RequestError(162, f"{REFUSED}No market data permissions for {contract.exchange} {contract.sec_type}")
    if gateway.lines_used(frozenset({Kind.HISTORY})) >= gateway.settings.limits.open_history_requests:
        limit = gateway.settings.limits.open_history_requests
        raise RequestError(162, f"{REFUSED}Only {limit} simultaneous API historical data requests allowed.")
    line = (contract.con_id, wanted.query.exchange, wanted.what)
    text = (*map(str, line), wanted.end, wanted.bar_size, wanted.duration, str(wanted.use_rth))
    weight = 2 if wanted.what == "BID_ASK" else 1
    gateway.history_pacing.admit(HistoryQuery(line, text, weight), asyncio.get_running_loop().time())


def _send_bars(session: Session, request_id: int, contract: Contract, wanted: BarRequest) -> None:
    end = parse_moment(wanted.end, contract.time_zone)
    seconds = bar_seconds(wanted.bar_size)
    if wanted.keep_up_to_date:
        _check_updating(wanted, seconds)
    market = session.gateway.market
    bars = market.bars(contract, end, wanted.duration, wanted.bar_size, wanted.what, wanted.use_rth)
    daily = seconds >= DAY_SECONDS
    dated = [(history.bar_date(bar, daily, wanted.date_format, contract.time_zone), bar) for bar in bars]
    until = end or market.now()
    start = min(bars[0].start, until)
    texts = (zoned_text(start, contract.time_zone), zoned_text(until, contract.time_zone))
    session.send(history.historical_data(request_id, *texts, dated))
    if wanted.keep_up_to_date:
        session.streams.add(
            HistoryUpdates(session, request_id, contract, wanted.what, seconds, wanted.date_format, bars[-1])
        )


def _check_updating(wanted: BarRequest, seconds: int) -> None:
    problem = ""
    if wanted.end:
        problem = "End Date/Time should be blank to keep up to date"
    elif wanted.what not in UPDATING_KINDS or seconds < SHORTEST_UPDATING_BAR:
        problem = "Only TRADES, MIDPOINT, BID and ASK bars of 5 seconds and longer can be kept up to date"
    if problem:
        raise RequestError(321, f"Error validating request.-'bU' : cause - {problem}")


def _send_schedule(session: Session, request_id: int, contract: Contract, wanted: BarRequest) -> None:
    end = parse_moment(wanted.end, contract.time_zone)
    sessions = session.gateway.market.schedule(contract, end, wanted.duration, wanted.use_rth)
    if not sessions:
        raise RequestError(162, f"{REFUSED}HMDS query returned no data: {contract.symbol} Schedule")
    session.send(history.historical_schedule(request_id, contract.time_zone, sessions))


@handles(Request.CANCEL_HISTORICAL_DATA)
def cancel_historical_data(session: Session, request_id: int, reader: Reader) -> None:
    if not session.streams.remove(Kind.HISTORY, request_id):
        raise RequestError(366, f"No historical data query found for ticker id:{request_id}")


@handles(Request.REQ_HEAD_TIME_STAMP, versioned=False)
def head_timestamp(session: Session, request_id: int, reader: Reader) -> None:
    query = reader.query()
    query = replace(query, include_expired=reader.boolean())
    reader.boolean()  # regular hours
    what, date_format = reader.text().upper(), reader.int(1)
    first = session.gateway.market.head_timestamp(find_one(session, query), what)
    value = str(epoch(first)) if date_format == history.EPOCH_DATES else utc_text(first)
    session.send(history.head_timestamp(request_id, value))


@handles(Request.CANCEL_HEAD_TIME_STAMP, versioned=False)
def cancel_head_timestamp(session: Session, request_id: int, reader: Reader) -> None:
    """Clients send it after every answer; there is nothing left to cancel."""


@handles(Request.REQ_HISTOGRAM_DATA, versioned=False)
def histogram(session: Session, request_id: int, reader: Reader) -> None:
    query = reader.query()
    query = replace(query, include_expired=reader.boolean())
    use_rth, period = reader.boolean(), reader.text()
    rows = session.gateway.market.histogram(find_one(session, query), period, use_rth)
    session.send(table(Answer.HISTOGRAM, (request_id,), rows))


@handles(Request.CANCEL_HISTOGRAM_DATA, versioned=False)
def cancel_histogram(session: Session, request_id: int, reader: Reader) -> None:
    """Histograms are answered at once; there is nothing left to cancel."""


@handles(Request.REQ_HISTORICAL_TICKS, versioned=False)
def historical_ticks(session: Session, request_id: int, reader: Reader) -> None:
    query = reader.query()
    query = replace(query, include_expired=reader.boolean())
    start, end = reader.text(), reader.text()
    count, what = reader.int(), reader.text().upper()
    contract = find_one(session, query)
    if bool(start) == bool(end) or what not in TICK_ANSWERS or not 0 < count <= MOST_TICKS:
        cause = f"name either a start or an end, up to {MOST_TICKS} ticks, and TRADES, MIDPOINT or BID_ASK"
        raise RequestError(10187, f"Failed to request historical ticks:{cause}")
    if session.gateway.faults.entitlement(contract.symbol) != "live":
        text = f"Failed to request historical ticks:No market data permissions for {contract.symbol}"
        raise RequestError(10187, text)
    bounds = (parse_moment(start, contract.time_zone), parse_moment(end, contract.time_zone))
    ticks = session.gateway.market.historical_ticks(contract, *bounds, count, what)
    session.send(history.historical_ticks(TICK_ANSWERS[what], request_id, _rows(ticks, what, contract)))


def _rows(ticks: Sequence[HistoricalTick], what: str, contract: Contract) -> list[history.Row]:
    if what == "MIDPOINT":
        return [(epoch(tick.at), 0, tick.price, 0) for tick in ticks]
    if what == "BID_ASK":
        return [(epoch(tick.at), 0, tick.bid, tick.ask, tick.bid_size, tick.ask_size) for tick in ticks]
    exchange = contract.primary_exchange or contract.exchange
    return [(epoch(tick.at), 0, tick.price, tick.size, exchange, "") for tick in ticks]
