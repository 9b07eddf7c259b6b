"""Round trips of a period: what closing orders took back of what opening orders had begun.

Nothing is paired here: the pieces come from the ledger's trades, first in, first out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """`quantity` is positive; `is_long` says in which direction it was held. `trade` is the ledger's, by key.

    `net` is after the commissions of both sides, in the instrument's currency; None while the price at which it ended
    is not known. `net_base` is in the account's currency; None where that or the exchange rate is not known.
    `commissions_known` False: one of them counts as 0, as it is not reported yet or has no exchange rate.
    """

    trade: int
    instrument: int
    entry_order: str
    exit_order: str
    is_long: bool
    opened_at: datetime
    closed_at: datetime
    quantity: Decimal
    net: Decimal | None
    net_base: Decimal | None
    commissions_known: bool


def joined(pieces: Iterable[RoundTrip]) -> list[RoundTrip]:
    """Pieces of one opening and one closing order of a trade are one round trip; in the order of their closing.

    An order that is filled over several days is one decision: its pieces must not count as many wins.
    """
    found: dict[tuple[int, str, str], RoundTrip] = {}
    for piece in pieces:
        key = piece.trade, piece.entry_order, piece.exit_order
        found[key] = _join(found[key], piece) if key in found else piece
    return sorted(found.values(), key=lambda trip: trip.closed_at)


def _join(trip: RoundTrip, piece: RoundTrip) -> RoundTrip:
    return replace(
        trip,
        opened_at=min(trip.opened_at, piece.opened_at),
        closed_at=max(trip.closed_at, piece.closed_at),
        quantity=trip.quantity + piece.quantity,
        net=_sum(trip.net, piece.net),
        net_base=_sum(trip.net_base, piece.net_base),
        commissions_known=trip.commissions_known and piece.commissions_known,
    )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other
