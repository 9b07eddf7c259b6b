"""Trades: first in, first out, of one instrument in one account. Pure; the only such maths of the platform.

Prices are as quoted; `worth` is the money that one point of the price of one unit is: multiplier / price magnifier.
Midnight in New York is a cut that no closing straddles: from what is carried over it the pairing goes on as if whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

NOTHING = Decimal(0)
EXECUTION = "execution"
TRADING_ZONE = ZoneInfo("America/New_York")
# So many of the last midnights are told.
MIDNIGHTS = 10


@dataclass(frozen=True, slots=True)
class Fill:
    """`quantity` is positive bought, negative sold; `price` None: unknown, as of what was held before the mirror began,
    or of an expiry whose settlement nobody has stated yet.

    `order` groups the fills of an order, `strategy` is whose it was; `commission` is in the instrument's currency,
    positive when paid, and `commission_known` False while it is counted as 0 for want of the broker's report.
    """

    at: datetime
    order: str
    quantity: Decimal
    price: Decimal | None
    commission: Decimal = NOTHING
    commission_known: bool = True
    ending: str = EXECUTION
    strategy: str = ""


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


@dataclass(frozen=True, slots=True)
class Before:
    """What a trade's closings of earlier days came to."""

    gross: Decimal | None = NOTHING
    commission: Decimal = NOTHING
    net: Decimal | None = NOTHING
    commissions_known: bool = True
    last_closing_at: datetime | None = None


@dataclass(slots=True)
class RoundTrip:
    """From nothing held to nothing held. Open while `closed_at` is None: then the results are of the closed part.

    `opened`: quantity by strategy; `all_paid`: the commissions of all fills since it was opened are known; `before`:
    what was closed before the midnight from which the pairing went on, `closings` has what was closed since.
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
    all_paid: bool = True
    before: Before = Before()

    @property
    def entry_price(self) -> Decimal:
        """The average of everything that was opened, by quantity."""
        return self.entry_points / total(self.opened.values())

    @property
    def exit_price(self) -> Decimal | None:
        if self.gross is None:
            return None
        closed = total(self.opened.values()) - self.open_quantity
        return self.exit_points / closed if closed else None

    @property
    def gross(self) -> Decimal | None:
        return total_if_known(self.values("gross"), self.before.gross)

    @property
    def commission(self) -> Decimal:
        return total(self.values("commission"), self.before.commission)

    @property
    def net(self) -> Decimal | None:
        return total_if_known(self.values("net"), self.before.net)

    @property
    def commissions_known(self) -> bool:
        return self.before.commissions_known and all(self.values("commission_known"))

    def values(self, name: str) -> list[Any]:
        return [getattr(closing, name) for closing in self.closings.values()]

    @property
    def last_closing_at(self) -> datetime | None:
        return max((closing.closed_at for closing in self.closings.values()), default=self.before.last_closing_at)

    def carried(self) -> RoundTrip:
        """As it goes on after midnight."""
        before = Before(self.gross, self.commission, self.net, self.commissions_known, self.last_closing_at)
        return replace(self, opened=dict(self.opened), closings={}, before=before)


def total(amounts: Iterable[Decimal], start: Decimal = NOTHING) -> Decimal:
    return sum(amounts, start)


def total_if_known(amounts: Iterable[Decimal | None], start: Decimal | None = NOTHING) -> Decimal | None:
    """None as soon as one of them is."""
    known = [start, *amounts]
    return None if None in known else total(amount for amount in known if amount is not None)


@dataclass(slots=True)
class Lot:
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


@dataclass(frozen=True, slots=True)
class Carried:
    """What fills before `at`, a midnight in New York, leave to those from then on: `number` trades that are over,
    what is held, the oldest first, and the trade that is open."""

    at: datetime
    number: int
    lots: tuple[Lot, ...]
    trip: RoundTrip | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """`trips` begin with the one that was carried; `midnights`: the last ones with fills before and after them."""

    trips: list[RoundTrip]
    unmatched: list[Unmatched]
    midnights: list[Carried] = field(default_factory=list)


def pair(fills: Iterable[Fill], worth: Decimal = Decimal(1), carried: Carried | None = None) -> Pairing:
    """Match what closes with the oldest that is open. A fill beyond what is held closes all and opens the rest.

    Fills of one moment are taken in the order in which they are given. With `carried` only those from its midnight on.
    """
    book, midnights = _Book(worth, carried), list[Carried]()
    ordered = sorted(fills, key=lambda fill: fill.at)
    days = sorted({_trading_day(fill.at) for fill in ordered})
    turns = days[1:][-MIDNIGHTS:]
    for fill in ordered:
        if turns and _trading_day(fill.at) == turns[0]:
            midnights.append(book.carry(datetime.combine(turns.pop(0), time(), TRADING_ZONE)))
        book.take(fill)
    return Pairing(book.trips, book.unmatched, midnights)


def _trading_day(moment: datetime) -> date:
    return moment.astimezone(TRADING_ZONE).date()


class _Book:
    def __init__(self, worth: Decimal, carried: Carried | None) -> None:
        self.trips: list[RoundTrip] = []
        self.unmatched: list[Unmatched] = []
        self._worth = worth
        self._number = carried.number if carried else 0
        self._lots = deque(replace(lot) for lot in carried.lots) if carried else deque[Lot]()
        self._trip = carried.trip.carried() if carried and carried.trip else None
        if self._trip is not None:
            self.trips.append(self._trip)

    def carry(self, at: datetime) -> Carried:
        over = self._number + len(self.trips) - (self._trip is not None)
        trip = self._trip.carried() if self._trip else None
        return Carried(at, over, tuple(replace(lot) for lot in self._lots), trip)

    def take(self, fill: Fill) -> None:
        rest = Lot(fill, fill.quantity, fill.commission)
        while rest.left and self._lots and (self._lots[0].left > 0) != (rest.left > 0):
            self._match(self._lots[0], rest)
            if not self._lots[0].left:
                self._lots.popleft()
        if rest.left:
            self._open(rest)
        if self._trip is not None:
            self._trip.all_paid &= fill.commission_known

    def _open(self, rest: Lot) -> None:
        self._lots.append(rest)
        fill, quantity = rest.fill, abs(rest.left)
        if fill.price is None:
            return
        if self._trip is None:
            self._trip = RoundTrip(is_long=rest.left > 0, opened_at=fill.at)
            self.trips.append(self._trip)
        trip = self._trip
        trip.opened[fill.strategy] = trip.opened.get(fill.strategy, NOTHING) + quantity
        trip.entry_points += quantity * fill.price
        trip.open_quantity += quantity
        trip.quantity = max(trip.quantity, trip.open_quantity)

    def _match(self, lot: Lot, rest: Lot) -> None:
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
    key = entry.order, exit_.order, _trading_day(exit_.at)
    found = trip.closings.get(key)
    if found is None:
        found = trip.closings[key] = Closing(entry.order, exit_.order, trip.is_long, entry.at, exit_.at)
    found.opened_at = min(found.opened_at, entry.at)
    found.closed_at = max(found.closed_at, exit_.at)
    found.commission_known &= entry.commission_known and exit_.commission_known
    return found
