"""The round trips of a period, from the ledger's trades, and what a reader of them must know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from apps.broker import selectors as broker
from apps.broker.choices import HoldingChangeKind, TradeDirection
from apps.broker.models import Account, Closing, Execution, HoldingChange, Instrument, UnmatchedClosing
from apps.reports.domain.round_trips import RoundTrip, joined
from apps.reports.domain.slippage import EXCLUDED_TYPES
from apps.reports.domain.wording import counted, listed
from apps.reports.selectors.names import name_of

# The broker reports a combination beside its legs: counting both would count twice.
COMBINATION = "BAG"


@dataclass(frozen=True, slots=True)
class Realised:
    """`trips` closed in the period, the oldest first; `instruments` by primary key; `remarks` are for people."""

    trips: list[RoundTrip]
    instruments: dict[int, Instrument]
    remarks: list[str]


def day_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """From the first instant of `first` to the first after `last`, UTC."""
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    return start, end


def executions_of(account: Account) -> QuerySet[Execution]:
    return broker.executions(account.code).exclude(instrument__sec_type=COMBINATION)


def realised_between(*, account: Account, first: date, last: date) -> Realised:
    """What was closed on these UTC dates, both included. Four queries, however many there are.

    Of an order that closed on several days only what it closed in the period. Bonds, bills, CFDs and warrants are left
    out.
    """
    start, end = day_bounds(first, last)
    rows = list(
        broker.closings_between(start, end, account=account.code).exclude(
            trade__instrument__sec_type__in=EXCLUDED_TYPES
        )
    )
    instruments = {row.trade.instrument_id: row.trade.instrument for row in rows}
    trips = joined(_piece(row) for row in rows)
    remarks = [
        *_uncompared(account, instruments),
        *_unpaid(account, start, end),
        *_unmatched(account, start, end),
        *_unknown(trips, instruments),
    ]
    return Realised(trips, instruments, remarks)


def win_rate_of(*, account: Account) -> float | None:
    """Of all round trips ever closed whose result is known: the fraction that `realised_between` would give, counted by
    the database. None without any."""
    rows = Closing.objects.filter(trade__account=account).exclude(trade__instrument__sec_type__in=EXCLUDED_TYPES)
    trips = rows.order_by().values("trade", "entry_order", "exit_order")
    decided = trips.annotate(result=Sum("net"), unknown=Count("pk", filter=Q(net=None))).filter(unknown=0)
    total = decided.count()
    return decided.filter(result__gt=0).count() / total if total else None


def _piece(row: Closing) -> RoundTrip:
    return RoundTrip(
        trade=row.trade_id,
        instrument=row.trade.instrument_id,
        entry_order=row.entry_order,
        exit_order=row.exit_order,
        is_long=row.trade.direction == TradeDirection.LONG,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        quantity=row.quantity,
        net=row.net,
        net_base=row.net_base,
        commissions_known=row.commissions_known,
    )


def _uncompared(account: Account, instruments: dict[int, Instrument]) -> Iterable[str]:
    openings = HoldingChange.objects.filter(account=account, kind=HoldingChangeKind.OPENING)
    known = set(openings.filter(instrument__in=instruments).values_list("instrument_id", flat=True))
    if names := sorted(name_of(instrument) for pk, instrument in instruments.items() if pk not in known):
        yield (
            f"Round trips of {listed(names)} assume that nothing was held before the first known execution: not "
            "compared with the broker's positions yet."
        )


def _unpaid(account: Account, start: datetime, end: datetime) -> Iterable[str]:
    unpaid = executions_of(account).filter(executed_at__gte=start, executed_at__lt=end, commission=None)
    if count := unpaid.exclude(instrument__sec_type__in=EXCLUDED_TYPES).count():
        yield f"The commission of {counted(count, 'execution')} is not known yet: counted as 0."


def _unmatched(account: Account, start: datetime, end: datetime) -> Iterable[str]:
    lost = broker.unmatched_between(start, end, account=account.code)
    if names := _names(lost.exclude(instrument__sec_type__in=EXCLUDED_TYPES)):
        yield f"Closed against holdings of unknown cost, so in no round trip: {names}."


def _names(lost: Iterable[UnmatchedClosing]) -> str:
    units: dict[str, Decimal] = defaultdict(Decimal)
    for closed in lost:
        units[name_of(closed.instrument)] += closed.quantity
    return listed(sorted(f"{quantity.normalize():f} {name}" for name, quantity in units.items()))


def _unknown(trips: list[RoundTrip], instruments: dict[int, Instrument]) -> Iterable[str]:
    undecided = sorted({name_of(instruments[trip.instrument]) for trip in trips if trip.net is None})
    if undecided:
        count = counted(sum(trip.net is None for trip in trips), "round trip")
        yield (
            f"Not known what it ended at, so neither won nor lost, and no sum can be stated: {count} in "
            f"{listed(undecided)}."
        )
    if unpaid := [trip for trip in trips if trip.net is not None and not trip.commissions_known]:
        names = listed(sorted({name_of(instruments[trip.instrument]) for trip in unpaid}))
        count = counted(len(unpaid), "round trip")
        yield (
            f"Commissions that are not known yet or without an exchange rate are counted as 0: {count} in {names} may "
            "have ended less well than stated."
        )
    lacking = [trip for trip in trips if trip.net is not None and trip.net_base is None]
    if lacking:
        currencies = sorted({instruments[trip.instrument].currency for trip in lacking})
        count = counted(len(lacking), "round trip")
        yield f"No sum can be stated, for want of an exchange rate: {count} in {', '.join(currencies)}."
