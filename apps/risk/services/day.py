"""Remembering what the day's loss and the drawdown are measured by, and telling of payments that nobody has booked."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from apps.broker.models import Account, AccountPnl
from apps.broker.selectors import trading_day_start
from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.risk import day
from apps.risk.domain.day import UNEXPLAINED, Day, follow, shifted_peak
from apps.risk.domain.monitors import day_start_equity
from apps.risk.models import DayBaseline, EquityWatch, UnexplainedChange
from tradeops.lib.known import Known, Unknown

SCOPE, ACTOR = "risk", "monitor"
# The broker states the equity every three minutes, profit and loss each second: until then they may differ.
CERTAIN_AFTER = timedelta(minutes=5)

Number = Known[Decimal] | Unknown


def remember_day(account: Account, equity: Number, now: datetime) -> Day | Unknown:
    """One look: the day's start once a day, the implied start, payments that seem to be missing, the peak."""
    if isinstance(equity, Unknown):
        return equity
    _write_start(account, equity.value, now)
    watch = _follow(account, equity, now)
    found = day.read_day(account, equity, now)
    if isinstance(found, Day) and found.stated is not None:
        _note_unexplained(account, found, now)
    _tell_of_unexplained(account, now)
    _raise_peak(watch, equity.value, now)
    return found


def _write_start(account: Account, equity: Decimal, now: datetime) -> None:
    began_at = trading_day_start(now)
    if DayBaseline.objects.filter(account=account, date=began_at.date()).exists():
        return
    pnl = AccountPnl.objects.filter(account=account, as_of__gte=began_at).first()
    start, source = day_start_equity(equity, pnl.daily if pnl else None, now=now, day_began_at=began_at)
    DayBaseline.objects.create(
        account=account,
        date=began_at.date(),
        equity=start,
        currency=account.base_currency,
        taken_at=now,
        source=source,
    )


def _follow(account: Account, equity: Known[Decimal], now: datetime) -> EquityWatch:
    watch = EquityWatch.objects.filter(account=account).first()
    daily = day.believed_daily(account, equity, now)
    if watch is None:
        watch = EquityWatch(account=account, peak=equity.value, peak_at=now)
    if daily is not None:
        known = day.implied_start(watch, now)
        implied = follow(known, daily, equity=equity.value, equity_before=watch.equity, now=now)
        watch.implied_at, watch.implied_start, watch.pnl_seen = implied.at, implied.equity, implied.daily
    watch.equity, watch.known_at = equity.value, now
    watch.save()
    return watch


def _raise_peak(watch: EquityWatch, equity: Decimal, now: datetime) -> None:
    """The peak, with what was paid since, only rises."""
    payments = day.payments_since_peak(watch.account, watch.peak_at, now)
    if equity > shifted_peak(watch.peak, watch.peak_at, payments):
        watch.peak, watch.peak_at = equity, now
        watch.save()


def _note_unexplained(account: Account, found: Day, now: datetime) -> None:
    date = trading_day_start(now).date()
    row = UnexplainedChange.objects.filter(account=account, date=date, settled_at=None).first()
    if not found.unexplained:
        if row is not None:
            _settle(row, Decimal(0), now)
        return
    if row is None:
        row = UnexplainedChange(account=account, date=date, currency=account.base_currency, first_seen_at=now)
    row.amount, row.last_seen_at = found.unexplained, now
    row.save()


def _tell_of_unexplained(account: Account, now: datetime) -> None:
    for row in UnexplainedChange.objects.filter(account=account, settled_at=None).select_related("account"):
        left = day.left_of(row)
        if abs(left) < abs(row.amount) * UNEXPLAINED:
            _settle(row, left, now)
        elif row.told_at is None and now - row.first_seen_at >= CERTAIN_AFTER:
            _ask_for_booking(row, left, now)


def _settle(row: UnexplainedChange, left: Decimal, now: datetime) -> None:
    row.settled_at = now
    row.save()
    detail = f"booked, or gone as it had come; {left:,.2f} {row.currency} left"
    journal.resolve_incident(key=incident_key(row), detail=detail, actor=ACTOR, now=now)


def _ask_for_booking(row: UnexplainedChange, left: Decimal, now: datetime) -> None:
    """Once: whoever resolves the incident by hand knows what it was."""
    row.told_at = now
    row.save()
    journal.open_incident(
        key=incident_key(row),
        title=f"{row.account}: {left:+,.2f} {row.currency} beside profit and loss: an unbooked payment?",
        severity=Severity.WARNING,
        detail=(
            f"The equity moved by {left:+,.2f} {row.currency} more than the broker's profit and loss of "
            f"{row.date} and the booked payments tell, since {row.first_seen_at:%Y-%m-%d %H:%M} UTC.\n"
            f"A payment? Book it as of that moment (the page is filled in): {_booking_page(row, left)}\n"
            "Until then the daily loss follows the broker's own figure, and the drawdown leaves it out for "
            f"{day.SPARED.days} days. Was it none, a loss may be hidden: look at the account in TWS, halt if in doubt."
        ),
        scope=SCOPE,
        actor=ACTOR,
        now=now,
    )


def _booking_page(row: UnexplainedChange, left: Decimal) -> str:
    known = {"account": row.account.pk, "arrived_at": row.first_seen_at.isoformat(), "amount": f"{left:.2f}"}
    return f"{settings.PUBLIC_URL}{reverse('admin:broker_cashflow_add')}?{urlencode(known)}"


def incident_key(row: UnexplainedChange) -> str:
    return f"unbooked-payment:{row.account.code}:{row.date}"
