"""Bars and historical ticks on the wire. Mind the orders: the update message has close before high and low."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..types import Bar, Session
from .messages import Answer
from .system import Message
from .times import date_text, epoch, zoned_text

Row = Sequence[object]
EPOCH_DATES = 2


def bar_date(bar: Bar, daily: bool, date_format: int, zone: str) -> str:
    """Daily bars always carry a date; shorter ones local time with its zone, or seconds since 1970."""
    if daily:
        return date_text(bar.start)
    return str(epoch(bar.start)) if date_format == EPOCH_DATES else zoned_text(bar.start, zone)


def historical_data(request_id: int, start: str, end: str, bars: Sequence[tuple[str, Bar]]) -> Message:
    fields: list[object] = [Answer.HISTORICAL_DATA, request_id, start, end, len(bars)]
    for date, bar in bars:
        fields += [date, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.count]
    return fields


def historical_data_update(request_id: int, date: str, bar: Bar) -> Message:
    head = (Answer.HISTORICAL_DATA_UPDATE, request_id, bar.count, date)
    return (*head, bar.open, bar.close, bar.high, bar.low, bar.average, bar.volume)


def real_time_bar(request_id: int, bar: Bar) -> Message:
    head = (Answer.REAL_TIME_BAR, 3, request_id, epoch(bar.start))
    return (*head, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.count)


def historical_schedule(request_id: int, zone: str, sessions: Sequence[Session]) -> Message:
    """`sessions` must not be empty: the schedule runs from the first opening to the last close."""
    rows = [(_dashed(item.opens_at, zone), _dashed(item.closes_at, zone), item.date) for item in sessions]
    head = [Answer.HISTORICAL_SCHEDULE, request_id, rows[0][0], rows[-1][1], zone, len(rows)]
    return [*head, *(value for row in rows for value in row)]


def historical_ticks(answer: Answer, request_id: int, rows: Sequence[Row]) -> Message:
    """Everything in one message, marked as the last one."""
    return [answer, request_id, len(rows), *(value for row in rows for value in row), 1]


def head_timestamp(request_id: int, value: str) -> Message:
    return (Answer.HEAD_TIMESTAMP, request_id, value)


def _dashed(moment: datetime, zone: str) -> str:
    return zoned_text(moment, zone).removesuffix(f" {zone}").replace(" ", "-")
