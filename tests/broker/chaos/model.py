"""Trades the obvious, slow way: one unit after the other, straight from the broker's own list of executions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]


@dataclass(slots=True)
class Model:
    """A round trip from nothing held to nothing held; `open_units` are still held."""

    is_long: bool
    units: int = 0
    open_units: int = 0
    gross: Decimal = Decimal(0)
    commissions: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Unit:
    is_bought: bool
    price: Decimal
    commission: Decimal


def latest(executions: Iterable[Row]) -> list[Row]:
    """The last word about each execution, at the place of its first."""
    found: dict[str, Row] = {}
    for row in executions:
        found[row["exec_id"].rpartition(".")[0]] = row
    return list(found.values())


def round_trips(executions: Iterable[Row]) -> list[Model]:
    """Of the executions of one instrument, in the order in which they happened."""
    trips: list[Model] = []
    held: deque[Unit] = deque()
    for unit in (unit for row in latest(executions) for unit in units_of(row)):
        if held and held[0].is_bought != unit.is_bought:
            close(trips[-1], held.popleft(), unit)
            continue
        if not held:
            trips.append(Model(is_long=unit.is_bought))
        held.append(unit)
        trips[-1].open_units += 1
        trips[-1].units = max(trips[-1].units, trips[-1].open_units)
    return trips


def units_of(row: Row) -> list[Unit]:
    shares = int(row["shares"])
    share = Decimal(row["commission"]) / shares if shares else Decimal(0)
    return [Unit(row["side"] == "BOT", Decimal(str(row["price"])), share)] * shares


def close(trip: Model, opened: Unit, closing: Unit) -> None:
    gain = closing.price - opened.price
    trip.gross += gain if trip.is_long else -gain
    trip.commissions += opened.commission + closing.commission
    trip.open_units -= 1
