"""Streaming market data on the wire. Delayed data uses its own tick types."""

from __future__ import annotations

from typing import Literal

from ..types import OptionComputation
from .messages import Answer
from .system import Message

ComputationKind = Literal["bid", "ask", "last", "model"]

BID, ASK, LAST = 1, 2, 4
BID_SIZE, ASK_SIZE, LAST_SIZE = 0, 3, 5
HIGH, LOW, VOLUME, CLOSE, OPEN = 6, 7, 8, 9, 14
LAST_TIMESTAMP, HALTED, CUSTOM_COMPUTATION = 45, 49, 53
COMPUTATIONS: dict[ComputationKind, int] = {"bid": 10, "ask": 11, "last": 12, "model": 13}
DELAYED = {
    BID: 66,
    ASK: 67,
    LAST: 68,
    BID_SIZE: 69,
    ASK_SIZE: 70,
    LAST_SIZE: 71,
    HIGH: 72,
    LOW: 73,
    VOLUME: 74,
    CLOSE: 75,
    OPEN: 76,
    10: 80,
    11: 81,
    12: 82,
    13: 83,
    LAST_TIMESTAMP: 88,
    HALTED: 90,
}
NO_PRICE = -1


def tick_price(request_id: int, tick_type: int, price: float, size: int = 0, attributes: int = 0) -> Message:
    return (Answer.TICK_PRICE, 6, request_id, tick_type, price, size, attributes)


def tick_size(request_id: int, tick_type: int, size: int) -> Message:
    return (Answer.TICK_SIZE, 6, request_id, tick_type, size)


def tick_generic(request_id: int, tick_type: int, value: float) -> Message:
    return (Answer.TICK_GENERIC, 6, request_id, tick_type, value)


def tick_string(request_id: int, tick_type: int, value: str) -> Message:
    return (Answer.TICK_STRING, 6, request_id, tick_type, value)


def tick_computation(request_id: int, tick_type: int, value: OptionComputation | None) -> Message:
    """None is told as "not computed": -1 and -2, never as zero."""
    head = (Answer.TICK_OPTION_COMPUTATION, request_id, tick_type, 0)
    if value is None:
        return (*head, -1, -2, -1, -1, -2, -2, -2, -1)
    return (
        *head,
        value.implied_volatility,
        value.delta,
        value.price,
        value.dividend_present_value,
        value.gamma,
        value.vega,
        value.theta,
        value.underlying_price,
    )


def market_data_type(request_id: int, kind: int) -> Message:
    return (Answer.MARKET_DATA_TYPE, 1, request_id, kind)


def tick_request_parameters(request_id: int, min_tick: float, exchange_map: str) -> Message:
    return (Answer.TICK_REQUEST_PARAMETERS, request_id, min_tick, exchange_map, 3)


def snapshot_end(request_id: int) -> Message:
    return (Answer.SNAPSHOT_END, 1, request_id)
