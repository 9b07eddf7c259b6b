"""The figures of an account and a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.broker.models import Account
from apps.reports.domain.performance import Performance, measure
from apps.reports.domain.round_trips import RoundTrip
from apps.reports.domain.trades import Outcome
from apps.reports.exceptions import NoSnapshots
from apps.reports.selectors import equity
from apps.reports.selectors.names import name_of
from apps.reports.selectors.trades import Realised, realised_between

BEGINNING, END = date(1990, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class ClosedTrip:
    """`net` in the account's currency, commissions taken off; None: not known."""

    name: str
    is_long: bool
    quantity: Decimal
    opened_at: datetime
    closed_at: datetime
    net: Decimal | None


@dataclass(frozen=True, slots=True)
class Measured:
    """`performance` is None without a snapshot in the period; `remarks` are sentences for people."""

    account: str
    currency: str
    performance: Performance | None
    history: equity.EquityHistory
    remarks: list[str]
    trips: list[ClosedTrip]


def performance_of(
    *, account: Account, first: date | None = None, last: date | None = None
) -> tuple[Measured, Performance]:
    """From the first to the last snapshot of the dates given, both included; of all there are without dates.

    Raises NoSnapshots.
    """
    measured = measured_between(account=account, first=first or BEGINNING, last=last or END)
    if measured.performance is not None:
        return measured, measured.performance
    when = f" from {first or 'the beginning'} to {last or 'today'}" if first or last else ""
    known = equity.snapshot_dates(account=account)
    there = f" There are some from {known[0]} to {known[1]}." if known else ""
    raise NoSnapshots(f"{account.code} has no snapshot{when}.{there} `manage.py snapshot` takes one.")


def measured_between(*, account: Account, first: date, last: date, start: date | None = None) -> Measured:
    """Between the snapshots of the dates, with the round trips closed from `first` to `last`; `start`: the date of an
    earlier snapshot from which the return is measured. Without a snapshot in the dates there are no figures."""
    history = equity.equity_history(account=account, first=start or first, last=last)
    realised = realised_between(account=account, first=first, last=last)
    remarks = [*history.remarks, *realised.remarks]
    if not history.points or history.points[-1].date < first:
        return Measured(account.code, history.currency, None, history, remarks, [])
    outcomes = [Outcome(trip.net, trip.net_base) for trip in realised.trips]
    trips = [_closed_trip(realised, trip) for trip in realised.trips]
    return Measured(account.code, history.currency, measure(history.points, outcomes), history, remarks, trips)


def _closed_trip(realised: Realised, trip: RoundTrip) -> ClosedTrip:
    name = name_of(realised.instruments[trip.instrument])
    return ClosedTrip(name, trip.is_long, trip.quantity, trip.opened_at, trip.closed_at, trip.net_base)
