"""Round trips: what closing orders took back of opening orders, first in, first out, by instrument."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fill:
    """`quantity` is positive bought, negative sold; `price` the money that one unit cost, multiplier and price
    magnifier applied; `commission` in the same currency, positive when paid. `order` groups an order's fills."""

    instrument: int
    at: datetime
    order: str
    quantity: Decimal
    price: Decimal
    commission: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Money in the instrument's currency. `quantity` is positive; `is_long` says in which direction it was held."""

    instrument: int
    opened_at: datetime
    closed_at: datetime
    is_long: bool
    quantity: Decimal
    entry_value: Decimal
    exit_value: Decimal
    commission: Decimal

    @property
    def gross(self) -> Decimal:
        """exit - entry when long, entry - exit when short."""
        change = self.exit_value - self.entry_value
        return change if self.is_long else -change

    @property
    def net(self) -> Decimal:
        """Gross less the pro-rated commissions of both legs."""
        return self.gross - self.commission


@dataclass(frozen=True, slots=True)
class Unmatched:
    instrument: int
    at: datetime
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Matching:
    """`unmatched`: what was closed against a holding of unknown cost; no trip tells of it."""

    trips: list[RoundTrip]
    unmatched: list[Unmatched]


@dataclass(slots=True)
class Lot:
    """What is still held of a fill. `fill` None: held before the first known fill, at an unknown cost."""

    quantity: Decimal
    fill: Fill | None


def match_round_trips(fills: Iterable[Fill], opening: Mapping[int, Decimal] | None = None) -> Matching:
    """Match closing fills with the oldest open ones of the instrument (FIFO), commissions pro rata by quantity.

    Pieces of one opening and one closing order are one trip. A fill beyond what is held reverses: it closes all and
    opens the rest. `opening` are the signed units held before the first fill. Trips in the order of their closing.
    """
    lots: dict[int, deque[Lot]] = defaultdict(deque)
    for instrument, quantity in (opening or {}).items():
        if quantity:
            lots[instrument].append(Lot(quantity, None))
    found: dict[tuple[int, str, str, bool], RoundTrip] = {}
    unmatched: list[Unmatched] = []
    for fill in sorted(fills, key=lambda fill: fill.at):
        for entry, quantity in _close(lots[fill.instrument], fill):
            if entry is None:
                unmatched.append(Unmatched(fill.instrument, fill.at, quantity))
                continue
            key = (fill.instrument, entry.order, fill.order, entry.quantity > 0)
            piece = _piece(entry, fill, quantity)
            found[key] = _joined(found[key], piece) if key in found else piece
    trips = sorted(found.values(), key=lambda trip: trip.closed_at)
    return Matching(trips, unmatched)


def _close(lots: deque[Lot], fill: Fill) -> list[tuple[Fill | None, Decimal]]:
    """Take from the oldest lots what the fill closes, add what it opens; the closed pieces, in positive units."""
    pieces: list[tuple[Fill | None, Decimal]] = []
    left = fill.quantity
    while left and lots and (lots[0].quantity > 0) != (left > 0):
        lot = lots[0]
        matched = min(abs(left), abs(lot.quantity))
        pieces.append((lot.fill, matched))
        lot.quantity -= matched.copy_sign(lot.quantity)
        left -= matched.copy_sign(left)
        if not lot.quantity:
            lots.popleft()
    if left:
        lots.append(Lot(left, fill))
    return pieces


def _piece(entry: Fill, closing: Fill, quantity: Decimal) -> RoundTrip:
    return RoundTrip(
        instrument=entry.instrument,
        opened_at=entry.at,
        closed_at=closing.at,
        is_long=entry.quantity > 0,
        quantity=quantity,
        entry_value=quantity * entry.price,
        exit_value=quantity * closing.price,
        commission=_share(entry, quantity) + _share(closing, quantity),
    )


def _share(fill: Fill, quantity: Decimal) -> Decimal:
    return fill.commission * quantity / abs(fill.quantity)


def _joined(trip: RoundTrip, piece: RoundTrip) -> RoundTrip:
    return replace(
        trip,
        opened_at=min(trip.opened_at, piece.opened_at),
        closed_at=max(trip.closed_at, piece.closed_at),
        quantity=trip.quantity + piece.quantity,
        entry_value=trip.entry_value + piece.entry_value,
        exit_value=trip.exit_value + piece.exit_value,
        commission=trip.commission + piece.commission,
    )
