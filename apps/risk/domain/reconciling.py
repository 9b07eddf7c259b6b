"""Comparing two accounts of the same things. Always the union of both sides: what one of them lacks is a difference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.risk.choices import BreakKind, BreakState

ZERO = Decimal(0)
# The values stream in when they change, at the latest after three minutes; meanwhile prices move.
ACCOUNT_TOLERANCE = Decimal("0.01")
# How long a difference may be a message that is on its way. Orders of others are looked for every 15 s.
PATIENCE = {
    BreakKind.POSITION: timedelta(seconds=5),
    BreakKind.EXECUTION: timedelta(seconds=5),
    BreakKind.ORDER: timedelta(seconds=20),
    BreakKind.ACCOUNT: timedelta(seconds=5),
}
AGREEMENTS_TO_CLEAR = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """`con_id` None: it is about no instrument. `in_flight`: an order is on its way that may explain it."""

    kind: BreakKind
    subject: str
    con_id: int | None
    title: str
    ledger_value: str
    broker_value: str
    in_flight: bool = False


@dataclass(frozen=True, slots=True)
class OpenOrder:
    con_id: int | None
    remaining: Decimal
    in_flight: bool = False


def compare_positions(
    ledger: Mapping[int, Decimal], broker: Mapping[int, Decimal], *, symbols: Mapping[int, str], moving: Collection[int]
) -> list[Difference]:
    """Signed quantities by conId; what is missing on a side is 0 there."""
    found = []
    for con_id in sorted(set(ledger) | set(broker)):
        ours, theirs = ledger.get(con_id, ZERO), broker.get(con_id, ZERO)
        if ours != theirs:
            name = symbols.get(con_id, f"conId {con_id}")
            title = f"{name}: the ledger has {text(ours)}, the broker {text(theirs)}"
            found.append(
                Difference(BreakKind.POSITION, str(con_id), con_id, title, text(ours), text(theirs), con_id in moving)
            )
    return found


def compare_orders(ledger: Mapping[int, OpenOrder], broker: Mapping[int, OpenOrder]) -> list[Difference]:
    """Open orders by permanent id. One that only the broker has may be about to be adopted."""
    found = []
    for perm_id in sorted(set(ledger) | set(broker)):
        ours, theirs = ledger.get(perm_id), broker.get(perm_id)
        if ours is not None and theirs is not None and ours.remaining == theirs.remaining:
            continue
        known = ours or theirs
        left, right = (f"{text(side.remaining)} open" if side else "" for side in (ours, theirs))
        title = f"order {perm_id}: the ledger has {left or 'no such open order'}, the broker {right or 'none'}"
        moves = ours is None or ours.in_flight
        found.append(
            Difference(BreakKind.ORDER, str(perm_id), known.con_id if known else None, title, left, right, moves)
        )
    return found


def compare_fills(
    executed: Mapping[int, Decimal],
    stated: Mapping[int, Decimal],
    *,
    con_ids: Mapping[int, int],
    moving: Collection[int],
) -> list[Difference]:
    """Per order (permanent id): the sum of its executions against what the broker says is filled."""
    found = []
    for perm_id in sorted(set(executed) | set(stated)):
        ours, theirs = executed.get(perm_id, ZERO), stated.get(perm_id, ZERO)
        if ours != theirs:
            con_id = con_ids.get(perm_id)
            title = f"order {perm_id}: executions add up to {text(ours)}, the broker filled {text(theirs)}"
            found.append(
                Difference(BreakKind.EXECUTION, str(perm_id), con_id, title, text(ours), text(theirs), con_id in moving)
            )
    return found


def compare_values(
    tables: Mapping[str, Decimal], broker: Mapping[str, Decimal], *, equity: Decimal
) -> list[Difference]:
    """Account values by tag; they agree within a hundredth of the equity."""
    tolerance = abs(equity) * ACCOUNT_TOLERANCE
    return [
        Difference(
            BreakKind.ACCOUNT,
            tag,
            None,
            f"{tag}: the tables have {text(tables[tag])}, the broker {text(broker[tag])}",
            text(tables[tag]),
            text(broker[tag]),
        )
        for tag in sorted(set(tables) & set(broker))
        if abs(tables[tag] - broker[tag]) > tolerance
    ]


def state_of(difference: Difference, *, first_seen_at: datetime, now: datetime) -> BreakState:
    """A young difference that an order on its way may explain is no break yet."""
    young = now - first_seen_at < PATIENCE[difference.kind]
    return BreakState.SETTLING if young and difference.in_flight else BreakState.OPEN


def is_cleared(state: BreakState, agreed: int) -> bool:
    """`agreed` comparisons in a row found no difference any more."""
    return state is BreakState.SETTLING or agreed >= AGREEMENTS_TO_CLEAR


def text(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else "0"
