"""Reading what the day's loss and the drawdown are measured by. Nothing is written here: services/day.py does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal

from apps.broker import selectors as broker
from apps.broker.models import Account, AccountPnl, EquityPoint
from apps.risk.domain.day import Day, ImpliedStart, Payment, paid_since, shifted_peak, stated_pnl
from apps.risk.models import DayBaseline, EquityWatch, UnexplainedChange
from tradeops.lib.known import Known, Unknown

# The broker states profit and loss each second while it changes.
FRESH = timedelta(minutes=5)
# Samples of the equity are taken every five seconds.
SAMPLED = timedelta(minutes=1)
# An equity that changed by cash alone has changed by no price; within so much of it.
ALL_CASH = Decimal("0.001")
# So long an unbooked payment is taken out of the drawdown: a person must book it, or it was a loss.
SPARED = timedelta(days=3)

Number = Known[Decimal] | Unknown


def watched_at(account: Account) -> datetime | None:
    """When the account's losses were last compared with their limits: a round that ended, with the equity known."""
    return EquityWatch.objects.filter(account=account).values_list("known_at", flat=True).first()


def read_day(account: Account, equity: Number, now: datetime) -> Day | Unknown:
    """How the day stands. Unknown without the equity, or before the day's start was taken."""
    if isinstance(equity, Unknown):
        return equity
    row = DayBaseline.objects.filter(account=account, date=broker.trading_day_start(now).date()).first()
    if row is None:
        return Unknown("the day's start is not known")
    payments = payments_after(account, row.taken_at, now)
    watch = EquityWatch.objects.filter(account=account).first()
    stated = _stated(account, watch, row, payments, equity, now)
    return Day(row.equity, equity.value, paid_since(payments, row.taken_at), stated)


def read_peak(account: Account, now: datetime, *, booked_by: datetime | None = None) -> Decimal | None:
    """The peak with payments since it taken into account, booked ones and those that seem to be missing.

    `booked_by`: as if none had been booked later than that.
    """
    watch = EquityWatch.objects.filter(account=account).first()
    if watch is None:
        return None
    return shifted_peak(
        watch.peak, watch.peak_at, payments_since_peak(account, watch.peak_at, now, booked_by=booked_by)
    )


def payments_since_peak(
    account: Account, peak_at: datetime, now: datetime, *, booked_by: datetime | None = None
) -> list[Payment]:
    return [*payments_after(account, peak_at, now, booked_by=booked_by), *pending_payments(account, now)]


def payments_after(
    account: Account, moment: datetime, now: datetime, *, booked_by: datetime | None = None
) -> list[Payment]:
    """Booked ones."""
    flows = broker.cash_flows(account=account, after=moment, until=now)
    flows = flows.filter(created_at__lte=booked_by) if booked_by else flows
    return [Payment(at, amount) for at, amount in flows.values_list("arrived_at", "amount")]


def pending_payments(account: Account, now: datetime) -> list[Payment]:
    """What seems to have been paid in the last three days and is not booked yet."""
    rows = UnexplainedChange.objects.filter(account=account, settled_at=None, first_seen_at__gt=now - SPARED)
    return [Payment(row.first_seen_at, left_of(row)) for row in rows]


def left_of(row: UnexplainedChange) -> Decimal:
    """What has not been booked since the change was measured last."""
    began_at = datetime.combine(row.date, time(), broker.EXCHANGE_ZONE)
    ended_at = datetime.combine(row.date + timedelta(days=1), time(), broker.EXCHANGE_ZONE)
    flows = broker.cash_flows(account=row.account, after=began_at, until=ended_at)
    booked = flows.filter(created_at__gt=row.last_seen_at).values_list("amount", flat=True)
    return row.amount - sum(booked, Decimal(0))


def implied_start(watch: EquityWatch | None, now: datetime) -> ImpliedStart | None:
    """None before the broker's profit and loss was seen on this day."""
    if watch is None or watch.implied_start is None or watch.implied_at is None or watch.pnl_seen is None:
        return None
    if watch.implied_at < broker.trading_day_start(now):
        return None
    return ImpliedStart(watch.implied_at, watch.implied_start, watch.pnl_seen)


def believed_daily(account: Account, equity: Number, now: datetime) -> Decimal | None:
    """The broker's profit and loss of the day; None where it is not known, or where it may have stopped following.

    An old figure is believed while all that the equity has changed by since then is cash: no price has moved.
    """
    pnl = AccountPnl.objects.filter(account=account).first()
    if pnl is None or pnl.daily is None or isinstance(equity, Unknown):
        return None
    if now - pnl.as_of <= FRESH:
        return pnl.daily
    samples = EquityPoint.objects.filter(account=account)
    then = samples.filter(at__gt=pnl.as_of - SAMPLED, at__lte=pnl.as_of + SAMPLED).order_by("at").first()
    cash = broker.account_value(account.code, "TotalCashValue")
    if then is None or then.cash is None or isinstance(cash, Unknown):
        return None
    prices = (equity.value - then.net_liquidation) - (cash.value - then.cash)
    return pnl.daily if abs(prices) <= ALL_CASH * abs(equity.value) else None


def _stated(
    account: Account,
    watch: EquityWatch | None,
    row: DayBaseline,
    payments: Sequence[Payment],
    equity: Number,
    now: datetime,
) -> Decimal | None:
    implied, daily = implied_start(watch, now), believed_daily(account, equity, now)
    if implied is None or daily is None:
        return None
    return stated_pnl(implied, daily, start=row.equity, start_at=row.taken_at, payments=payments)
