"""Conditional orders: IB's six conditions, joined from left to right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..types import RequestError
from .moments import parse_moment
from .records import Execution
from .requests import Condition

if TYPE_CHECKING:
    from ..market import Market

PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = 1, 3, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class Situation:
    """`cushion` is excess liquidity as a percentage of net liquidation."""

    market: Market
    now: datetime
    cushion: Callable[[], float]
    executions: Iterable[Execution]


def are_met(conditions: tuple[Condition, ...], situation: Situation) -> bool:
    result, conjunction = True, "a"
    for condition in conditions:
        met = _is_met(condition, situation)
        result = (result and met) if conjunction == "a" else (result or met)
        conjunction = condition.fields[0]
    return result


def check(conditions: tuple[Condition, ...], market: Market) -> None:
    """RequestError 321 for a condition that could never be evaluated."""
    for condition in conditions:
        try:
            _check(condition, market)
        except ValueError:
            raise RequestError(321, "Error validating request. A condition's number cannot be read.") from None


def _check(condition: Condition, market: Market) -> None:
    fields = condition.fields
    if fields[0] not in ("a", "o"):
        raise RequestError(321, "Error validating request. A condition's conjunction must be a or o.")
    if condition.kind == TIME:
        parse_moment(fields[2])
    elif condition.kind in (PRICE, MARGIN, VOLUME, PERCENT_CHANGE):
        float(fields[2])
    if condition.kind in (PRICE, VOLUME, PERCENT_CHANGE) and market.by_con_id(int(fields[3])) is None:
        raise RequestError(321, "Error validating request. A condition names an unknown contract.")


def _is_met(condition: Condition, situation: Situation) -> bool:
    fields = condition.fields
    if condition.kind == EXECUTION:
        return _has_executed(fields[1], fields[3], situation.executions)
    value = _observed(condition, situation)
    wanted = parse_moment(fields[2]).timestamp() if condition.kind == TIME else float(fields[2])
    if value is None:
        return False
    return value >= wanted if fields[1] in ("1", "true") else value <= wanted


def _observed(condition: Condition, situation: Situation) -> float | None:
    if condition.kind == TIME:
        return situation.now.timestamp()
    if condition.kind == MARGIN:
        return situation.cushion()
    quote = situation.market.quote(int(condition.fields[3]))
    if condition.kind == VOLUME:
        return float(quote.volume)
    if condition.kind == PRICE or quote.last is None:
        return quote.last
    return (quote.last / quote.close - 1) * 100


def _has_executed(sec_type: str, symbol: str, executions: Iterable[Execution]) -> bool:
    return any(
        execution.contract.symbol == symbol and sec_type in ("", execution.contract.sec_type)
        for execution in executions
    )
