"""The account's worth over time: snapshots and booked payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from apps.broker import selectors as broker
from apps.broker.models import Account, AccountValue, CashFlow
from apps.reports.domain.equity import EquityPoint, Valued, measurable, with_flows
from apps.reports.domain.rates import ExchangeRates
from apps.reports.selectors.accounts import currency_of
from apps.reports.selectors.trades import day_bounds
from apps.snapshots import selectors as snapshots
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition

# How long before a period the snapshot may lie that its return is measured from.
BASELINE_REACH = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class EquityHistory:
    """`points` oldest first, in one currency; `remarks` say what was left out and why."""

    points: list[EquityPoint]
    currency: str
    remarks: list[str]


def equity_history(*, account: Account, first: date, last: date) -> EquityHistory:
    """From snapshots of the dates from `first` to `last`, both included. Two queries."""
    rows = list(_snapshots(account, first, last).values_list("date", "taken_at", "total_equity", "currency"))
    if not rows:
        return EquityHistory([], currency_of(account), [])
    currency = rows[-1][3]
    same = _newest_in(currency, rows)
    flows = broker.cash_flows(account=account, after=same[0].taken_at, until=same[-1].taken_at)
    points = with_flows(same, flows.values_list("arrived_at", "amount"))
    measured = measurable(points)
    remarks = []
    if len(same) < len(rows):
        remarks.append(
            f"Measured from {same[0].date}: before, the account was kept in another currency than {currency}."
        )
    if len(measured) < len(points):
        start = measured[0].date if measured else last
        remarks.append(f"Measured from {start}: before, the account held nothing.")
    if any(point.equity <= 0 for point in measured):
        remarks.append("The equity was not positive at some point of the period: no return can be stated.")
    return EquityHistory(measured, currency, remarks)


def _newest_in(currency: str, rows: list[tuple[date, datetime, Decimal, str]]) -> list[Valued]:
    """The rows since the last one of another currency."""
    start = max((number + 1 for number, row in enumerate(rows) if row[3] != currency), default=0)
    return [Valued(day, taken_at, equity) for day, taken_at, equity, _ in rows[start:]]


def _snapshots(account: Account, first: date, last: date) -> QuerySet[PortfolioSnapshot]:
    return snapshots.snapshots_between(first=first, last=last, account=account.code).prefetch_related(None)


def baseline_date(*, account: Account, first: date) -> date:
    """The date of the newest snapshot in the week before `first`, from which a period's return is measured; else
    `first` itself."""
    before = _snapshots(account, first - BASELINE_REACH, first - timedelta(days=1))
    return before.order_by("-date").values_list("date", flat=True).first() or first


def snapshot_dates(*, account: Account) -> tuple[date, date] | None:
    """The first and the last date that has a snapshot; None without any."""
    dates = PortfolioSnapshot.objects.filter(account=account).order_by("date").values_list("date", flat=True)
    first, last = dates.first(), dates.last()
    return (first, last) if first and last else None


def missing_dates(*, account: Account, first: date, last: date) -> list[date]:
    """Days since the account's first snapshot that have none, from `first` to `last`."""
    known = snapshot_dates(account=account)
    if known is None:
        return []
    start = max(first, known[0])
    taken = set(_snapshots(account, start, last).values_list("date", flat=True))
    days = (start + timedelta(days=number) for number in range((last - start).days + 1))
    return [day for day in days if day not in taken]


def cash_flows(*, account: Account, first: date, last: date) -> QuerySet[CashFlow]:
    """Of these UTC dates, both included, the oldest first."""
    start, end = day_bounds(first, last)
    return CashFlow.objects.filter(account=account, arrived_at__gte=start, arrived_at__lt=end).order_by(
        "arrived_at", "id"
    )


def exchange_rates(*, account: Account) -> ExchangeRates:
    """As the snapshots recorded them, and as the broker states them now."""
    base = currency_of(account)
    recorded = (
        SnapshotPosition.objects.filter(snapshot__account=account, exchange_rate__isnull=False)
        .exclude(currency=base)
        .order_by("currency", "snapshot__date")
        .distinct("currency", "snapshot__date")
        .values_list("currency", "snapshot__date", "exchange_rate")
    )
    known = [(currency, day, rate) for currency, day, rate in recorded if rate is not None]
    return ExchangeRates(base, [*known, *_stated_rates(account)])


def _stated_rates(account: Account) -> list[tuple[str, date, Decimal]]:
    stated = AccountValue.objects.filter(account=account, tag="ExchangeRate")
    found = []
    for row in stated:
        try:
            found.append((row.currency, row.as_of.date(), Decimal(row.value)))
        except ArithmeticError:
            continue
    return [(currency, day, rate) for currency, day, rate in found if rate.is_finite()]
