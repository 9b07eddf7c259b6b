"""Executions as fills, and the round trips that they make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from apps.broker import selectors as broker
from apps.broker.choices import Side
from apps.broker.models import Account, Execution, Instrument
from apps.reports.domain.rates import ExchangeRates
from apps.reports.domain.round_trips import Fill, Matching, RoundTrip, Unmatched, match_round_trips
from apps.reports.domain.slippage import EXCLUDED_TYPES
from apps.reports.domain.wording import counted, listed
from apps.reports.selectors.names import name_of
from tradeops.lib.known import Known

# The broker reports a combination beside its legs: counting both would count twice.
COMBINATION = "BAG"


@dataclass(frozen=True, slots=True)
class TradeHistory:
    """Every fill of the account since the mirror began, matched. `instruments` by primary key; `unpaid` the times of
    executions whose commission is not known."""

    fills: list[Fill]
    instruments: dict[int, Instrument]
    matching: Matching
    rates: ExchangeRates
    unpaid: list[datetime]
    remarks: list[str]

    def closed_between(self, first: date, last: date) -> list[RoundTrip]:
        """Both UTC dates included."""
        start, end = day_bounds(first, last)
        return [trip for trip in self.matching.trips if start <= trip.closed_at < end]

    def remarks_between(self, first: date, last: date) -> list[str]:
        """What a reader of the round trips of these dates must know."""
        start, end = day_bounds(first, last)
        found = list(self.remarks)
        unpaid = sum(start <= at < end for at in self.unpaid)
        if unpaid:
            executions = counted(unpaid, "execution")
            found.append(f"The commission of {executions} is not known yet or has no exchange rate: counted as 0.")
        lost = [closed for closed in self.matching.unmatched if start <= closed.at < end]
        if lost:
            found.append("Closed against holdings of unknown cost, so in no round trip: " + self._names(lost))
        return found

    def _names(self, lost: Iterable[Unmatched]) -> str:
        units: dict[int, Decimal] = defaultdict(Decimal)
        for closed in lost:
            units[closed.instrument] += closed.quantity
        names = sorted(f"{quantity.normalize():f} {name_of(self.instruments[pk])}" for pk, quantity in units.items())
        return listed(names) + "."

    def net_in_base(self, trip: RoundTrip) -> Decimal | None:
        """At the rate of the day it closed; None where no rate is known."""
        currency = self.instruments[trip.instrument].currency
        return self.rates.convert(trip.net, currency, self.rates.base, trip.closed_at.date())


def day_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """From the first instant of `first` to the first after `last`, UTC."""
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    return start, end


def executions_of(account: Account) -> QuerySet[Execution]:
    return broker.executions(account.code).exclude(instrument__sec_type=COMBINATION)


def trade_history(*, account: Account, rates: ExchangeRates) -> TradeHistory:
    """Three queries, however many executions there are. Bonds, bills, CFDs and warrants are left out."""
    rows = list(
        executions_of(account).exclude(instrument__sec_type__in=EXCLUDED_TYPES).order_by("executed_at", "exec_id")
    )
    instruments = {row.instrument_id: row.instrument for row in rows}
    fills = [as_fill(row, rates) for row in rows]
    opening, remarks = _opening(account, fills)
    matching = match_round_trips(fills, opening)
    unpaid = [row.executed_at for row in rows if commission_of(row, rates) is None]
    return TradeHistory(fills, instruments, matching, rates, unpaid, remarks)


def as_fill(row: Execution, rates: ExchangeRates) -> Fill:
    instrument = row.instrument
    return Fill(
        instrument=instrument.pk,
        at=row.executed_at,
        order=str(row.perm_id) if row.perm_id else row.exec_id,
        quantity=row.quantity if row.side == Side.BUY else -row.quantity,
        price=row.price * instrument.multiplier / instrument.price_magnifier,
        commission=commission_of(row, rates) or Decimal(0),
    )


def commission_of(row: Execution, rates: ExchangeRates) -> Decimal | None:
    """In the instrument's currency; None while it is not reported or has no exchange rate."""
    commission = getattr(row, "commission", None)
    if commission is None:
        return None
    return rates.convert(commission.amount, commission.currency, row.instrument.currency, row.executed_at.date())


def _opening(account: Account, fills: Iterable[Fill]) -> tuple[dict[int, Decimal], list[str]]:
    """What was held before the first known fill: what is held now less everything traded since."""
    traded: dict[int, Decimal] = defaultdict(Decimal)
    for fill in fills:
        traded[fill.instrument] += fill.quantity
    held = broker.positions(account.code)
    if not isinstance(held, Known):
        remark = f"Round trips assume that nothing was held before the first known execution: {held.reason}."
        return {}, [remark] if traded else []
    now = {position.instrument_id: position.quantity for position in held.value}
    return {instrument: now.get(instrument, Decimal(0)) - quantity for instrument, quantity in traded.items()}, []
