"""Trades: first in, first out, of one instrument in one account. Pure; the only such maths of the platform.

Prices are as quoted; `worth` is the money that one point of the price of one unit is: multiplier / price magnifier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

NOTHING = Decimal(0)
EXECUTION = "execution"
TRADING_ZONE = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Fill:
    """`quantity` is positive bought, negative sold; `price` None: unknown, as of what was held before the mirror began,
    or of an expiry whose settlement nobody has stated yet.

    `order` groups the fills of an order; `commission` is in the instrument's currency, positive when paid, and
    `commission_known` False while it is counted as 0 for want of the broker's report.
    """

    at: datetime
    order: str
    quantity: Decimal
    price: Decimal | None
    commission: Decimal = NOTHING
    commission_known: bool = True
    ending: str = EXECUTION


@dataclass(slots=True)
class Closing:
    """What one order took back of what another had opened, on one day in New York. Money in the instrument's currency;
    `commission` is the share of both sides, by quantity. `exit_value` None: it ended at a price that is not known."""

    entry_order: str
    exit_order: str
    is_long: bool
    opened_at: datetime
    closed_at: datetime
    quantity: Decimal = NOTHING
    entry_value: Decimal = NOTHING
    exit_value: Decimal | None = NOTHING
    commission: Decimal = NOTHING
    commission_known: bool = True

    @property
    def gross(self) -> Decimal | None:
        """exit - entry when long, entry - exit when short; None while the exit is not known."""
        if self.exit_value is None:
            return None
        change = self.exit_value - self.entry_value
        return change if self.is_long else -change

    @property
    def net(self) -> Decimal | None:
        return None if self.gross is None else self.gross - self.commission


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Closed against a holding whose cost nobody knows: it is in no trade's result."""

    at: datetime
    quantity: Decimal


@dataclass(slots=True)
class RoundTrip:
    """From nothing held to nothing held. Open while `closed_at` is None: then the results are of the closed part.

    Results are None when a part of it ended at a price that is not known: unknown is not zero.
    """

    is_long: bool
    opened_at: datetime
    quantity: Decimal = NOTHING
    open_quantity: Decimal = NOTHING
    closed_at: datetime | None = None
    ending: str = ""
    opened: dict[str, Decimal] = field(default_factory=dict)
    closings: dict[tuple[str, str, date], Closing] = field(default_factory=dict)
    entry_points: Decimal = NOTHING
    exit_points: Decimal = NOTHING

    @property
    def entry_price(self) -> Decimal:
        """The average of everything that was opened, by quantity."""
        return self.entry_points / sum(self.opened.values(), NOTHING)

    @property
    def exit_price(self) -> Decimal | None:
        if self.gross is None:
            return None
        return self.exit_points / closed if (closed := total(self.values("quantity"))) else None

    @property
    def gross(self) -> Decimal | None:
        return total_if_known(self.values("gross"))

    @property
    def commission(self) -> Decimal:
        return total(self.values("commission"))

    @property
    def net(self) -> Decimal | None:
        return total_if_known(self.values("net"))

    def values(self, name: str) -> list[Any]:
        return [getattr(closing, name) for closing in self.closings.values()]

    @property
    def last_closing_at(self) -> datetime | None:
        return max((closing.closed_at for closing in self.closings.values()), default=None)


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, NOTHING)


def total_if_known(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """None as soon as one of them is."""
    known = list(amounts)
    return None if None in known else total(amount for amount in known if amount is not None)


@dataclass(frozen=True, slots=True)
class Pairing:
    trips: list[RoundTrip]
    unmatched: list[Unmatched]


def pair(fills: Iterable[Fill], worth: Decimal = Decimal(1)) -> Pairing:
    """Match what closes with the oldest that is open. A fill beyond what is held closes all and opens the rest.

    Fills of one moment are taken in the order in which they are given.
    """
    book = _Book(worth)
    for fill in sorted(fills, key=lambda fill: fill.at):
        book.take(fill)
    return Pairing(book.trips, book.unmatched)


@dataclass(slots=True)
class _Lot:
    """What is still held of a fill, and the commission that belongs to it."""

    fill: Fill
    left: Decimal
    commission: Decimal

    def give(self, quantity: Decimal) -> Decimal:
        """Take away positive units; their commission. The last units take all that remains, so that nothing is lost."""
        share = self.commission if quantity == abs(self.left) else self.commission * quantity / abs(self.left)
        self.commission -= share
        self.left -= quantity.copy_sign(self.left)
        return share


class _Book:
    def __init__(self, worth: Decimal) -> None:
        self.trips: list[RoundTrip] = []
        self.unmatched: list[Unmatched] = []
        self._worth = worth
        self._lots: deque[_Lot] = deque()
        self._trip: RoundTrip | None = None

    def take(self, fill: Fill) -> None:
        rest = _Lot(fill, fill.quantity, fill.commission)
        while rest.left and self._lots and (self._lots[0].left > 0) != (rest.left > 0):
            self._match(self._lots[0], rest)
            if not self._lots[0].left:
                self._lots.popleft()
        if rest.left:
            self._open(rest)

    def _open(self, rest: _Lot) -> None:
        self._lots.append(rest)
        fill, quantity = rest.fill, abs(rest.left)
        if fill.price is None:
            return
        if self._trip is None:
            self._trip = RoundTrip(is_long=rest.left > 0, opened_at=fill.at)
            self.trips.append(self._trip)
        trip = self._trip
        trip.opened[fill.order] = trip.opened.get(fill.order, NOTHING) + quantity
        trip.entry_points += quantity * fill.price
        trip.open_quantity += quantity
        trip.quantity = max(trip.quantity, trip.open_quantity)

    def _match(self, lot: _Lot, rest: _Lot) -> None:
        quantity = min(abs(lot.left), abs(rest.left))
        commission = lot.give(quantity) + rest.give(quantity)
        entry, closing, trip = lot.fill, rest.fill, self._trip
        if entry.price is None or trip is None:
            self.unmatched.append(Unmatched(closing.at, quantity))
            return
        found = _closing(trip, entry, closing)
        found.quantity += quantity
        found.entry_value += quantity * entry.price * self._worth
        found.commission += commission
        if closing.price is None:
            found.exit_value = None
        elif found.exit_value is not None:
            found.exit_value += quantity * closing.price * self._worth
            trip.exit_points += quantity * closing.price
        self._reduce(trip, closing, quantity)

    def _reduce(self, trip: RoundTrip, closing: Fill, quantity: Decimal) -> None:
        trip.open_quantity -= quantity
        if not trip.open_quantity:
            trip.closed_at, trip.ending = closing.at, closing.ending
            self._trip = None


def _closing(trip: RoundTrip, entry: Fill, exit_: Fill) -> Closing:
    key = entry.order, exit_.order, exit_.at.astimezone(TRADING_ZONE).date()
    found = trip.closings.get(key)
    if found is None:
        found = trip.closings[key] = Closing(entry.order, exit_.order, trip.is_long, entry.at, exit_.at)
    found.opened_at = min(found.opened_at, entry.at)
    found.closed_at = max(found.closed_at, exit_.at)
    found.commission_known &= entry.commission_known and exit_.commission_known
    return found
