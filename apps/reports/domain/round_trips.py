"""Round trips: what closing orders took back of opening orders, first in, first out, by instrument."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from apps.broker.domain import trades

NOTHING = Decimal(0)
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


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


def match_round_trips(fills: Iterable[Fill], opening: Mapping[int, Decimal] | None = None) -> Matching:
    """Match closing fills with the oldest open ones of the instrument (FIFO), commissions pro rata by quantity.

    Pieces of one opening and one closing order are one trip. A fill beyond what is held reverses: it closes all and
    opens the rest. `opening` are the signed units held before the first fill. Trips in the order of their closing.
    """
    held: dict[int, list[trades.Fill]] = defaultdict(list)
    for instrument, quantity in (opening or {}).items():
        if quantity:
            held[instrument].append(trades.Fill(BEFORE_ALL, "", quantity, None))
    for fill in fills:
        held[fill.instrument].append(trades.Fill(fill.at, fill.order, fill.quantity, fill.price, fill.commission))
    found: dict[tuple[int, str, str, bool], RoundTrip] = {}
    unmatched: list[Unmatched] = []
    for instrument, rows in held.items():
        pairing = trades.pair(rows)
        unmatched += [Unmatched(instrument, lost.at, lost.quantity) for lost in pairing.unmatched]
        for closing in (closing for trip in pairing.trips for closing in trip.closings.values()):
            key = (instrument, closing.entry_order, closing.exit_order, closing.is_long)
            piece = _trip(instrument, closing)
            found[key] = _joined(found[key], piece) if key in found else piece
    return Matching(
        sorted(found.values(), key=lambda trip: trip.closed_at), sorted(unmatched, key=lambda lost: lost.at)
    )


def _trip(instrument: int, closing: trades.Closing) -> RoundTrip:
    return RoundTrip(
        instrument=instrument,
        opened_at=closing.opened_at,
        closed_at=closing.closed_at,
        is_long=closing.is_long,
        quantity=closing.quantity,
        entry_value=closing.entry_value,
        exit_value=closing.exit_value,
        commission=closing.commission,
    )


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
