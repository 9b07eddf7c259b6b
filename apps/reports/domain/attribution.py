"""Which instruments earned and which lost between two snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from apps.reports.domain.round_trips import Fill

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Held:
    """`value` in the instrument's currency."""

    quantity: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Contribution:
    """`pnl` in the instrument's currency: realised and unrealised, less commissions, without dividends.

    None when the quantities do not add up: shares came or went without an execution that is known.
    """

    instrument: int
    quantity: Decimal
    pnl: Decimal | None


def contributions(start: Mapping[int, Held], end: Mapping[int, Held], fills: Iterable[Fill]) -> list[Contribution]:
    """value at the end - value at the start - what was paid for purchases + what sales brought - commissions.

    `fills` are those between the two snapshots.
    """
    traded: dict[int, list[Fill]] = {}
    for fill in fills:
        traded.setdefault(fill.instrument, []).append(fill)
    instruments = sorted({*start, *end, *traded})
    empty = Held(NOTHING, NOTHING)
    return [
        _contribution(instrument, start.get(instrument, empty), end.get(instrument, empty), traded.get(instrument, []))
        for instrument in instruments
    ]


def _contribution(instrument: int, start: Held, end: Held, fills: list[Fill]) -> Contribution:
    bought = sum((fill.quantity for fill in fills), NOTHING)
    if start.quantity + bought != end.quantity:
        return Contribution(instrument, end.quantity, None)
    spent = sum((fill.quantity * fill.price + fill.commission for fill in fills), NOTHING)
    return Contribution(instrument, end.quantity, end.value - start.value - spent)
