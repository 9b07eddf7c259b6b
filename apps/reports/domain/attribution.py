"""Which instruments earned and which lost between two snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Held:
    """`value` in the instrument's currency."""

    quantity: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Moved:
    """Units that came (positive) or went. `price` is the money that one unit cost, multiplier and price magnifier
    applied, None where it is not known; `commission` in the same currency, positive when paid, None where it is not
    known: it counts as 0."""

    instrument: int
    at: datetime
    quantity: Decimal
    price: Decimal | None
    commission: Decimal | None = NOTHING


@dataclass(frozen=True, slots=True)
class Contribution:
    """`pnl` in the instrument's currency: realised and unrealised, less commissions, without dividends.

    None when the quantities do not add up (shares came or went without anything that is known), or a price is not
    known.
    """

    instrument: int
    quantity: Decimal
    pnl: Decimal | None


def contributions(start: Mapping[int, Held], end: Mapping[int, Held], moves: Iterable[Moved]) -> list[Contribution]:
    """value at the end - value at the start - what was paid for purchases + what sales brought - commissions.

    `moves` are those between the two snapshots.
    """
    moved: dict[int, list[Moved]] = {}
    for move in moves:
        moved.setdefault(move.instrument, []).append(move)
    instruments = sorted({*start, *end, *moved})
    empty = Held(NOTHING, NOTHING)
    return [
        _contribution(instrument, start.get(instrument, empty), end.get(instrument, empty), moved.get(instrument, []))
        for instrument in instruments
    ]


def _contribution(instrument: int, start: Held, end: Held, moves: list[Moved]) -> Contribution:
    came = sum((move.quantity for move in moves), NOTHING)
    spent = [_spent(move) for move in moves]
    if start.quantity + came != end.quantity or None in spent:
        return Contribution(instrument, end.quantity, None)
    cost = sum((amount for amount in spent if amount is not None), NOTHING)
    return Contribution(instrument, end.quantity, end.value - start.value - cost)


def _spent(move: Moved) -> Decimal | None:
    return None if move.price is None else move.quantity * move.price + (move.commission or NOTHING)
