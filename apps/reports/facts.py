"""Everything a report tells of an account and a period, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from apps.broker import selectors as broker
from apps.broker.models import Account, CashFlow
from apps.broker.selectors import SessionView
from apps.reports.choices import ReportKind
from apps.reports.domain.periods import Period
from apps.reports.models import Commentary
from apps.reports.selectors import equity, holdings
from apps.reports.selectors.executions import ExecutionRow, execution_rows
from apps.reports.selectors.holdings import Contributors, Portfolio
from apps.reports.selectors.performance import Measured, measured_between
from apps.reports.selectors.reliability import JobReliability, job_reliability
from apps.reports.selectors.trades import day_bounds
from apps.strategies import selectors as strategies
from apps.strategies.models import MomentumSignal, RebalanceAdvice

# How much of what came before a period its charts show.
LOOK_BACK = {ReportKind.WEEKLY: timedelta(days=91), ReportKind.MONTHLY: timedelta(days=365)}


@dataclass(frozen=True, slots=True)
class Facts:
    """`portfolio`, `contributors` and `measured.performance` are None without snapshots to take them from.

    `mirrored_at`: until when the executions are known; None when the gateway never synchronised.
    """

    account: str
    mode: str
    currency: str
    period: Period
    made_at: datetime
    measured: Measured
    look_back: equity.EquityHistory
    portfolio: Portfolio | None
    contributors: Contributors | None
    executions: list[ExecutionRow]
    payments: list[CashFlow]
    jobs: list[JobReliability]
    commentary: str
    missing: list[date]
    mirrored_at: datetime | None
    signal: MomentumSignal | None
    advice: RebalanceAdvice | None


def gather(*, account: Account, period: Period, now: datetime) -> Facts:
    """Of the part of the period that is over at `now`."""
    start = equity.baseline_date(account=account, first=period.first)
    measured = measured_between(account=account, first=period.first, last=period.last, start=start)
    session = broker.session(now=now)
    until = min(now, day_bounds(period.first, period.last)[1])
    return Facts(
        account=account.code,
        mode=account.get_mode_display(),
        currency=measured.currency,
        period=period,
        made_at=now,
        measured=measured,
        look_back=equity.equity_history(account=account, first=period.last - LOOK_BACK[period.kind], last=period.last),
        portfolio=_portfolio(account, period, measured),
        contributors=_contributors(account, measured),
        executions=execution_rows(account=account, first=period.first, last=period.last),
        payments=list(equity.cash_flows(account=account, first=period.first, last=period.last)),
        jobs=job_reliability(first=period.first, last=period.last),
        commentary=_commentary(account, period),
        missing=_missing(account, period, now),
        mirrored_at=mirrored_until(session, now),
        signal=strategies.latest_signal(until=until),
        advice=strategies.latest_advice(account=account.code, until=until),
    )


def mirrored_until(session: SessionView, now: datetime) -> datetime | None:
    known = session.heartbeat_at if session.is_following else session.synchronised_at
    return min(known, now) if known else None


def _portfolio(account: Account, period: Period, measured: Measured) -> Portfolio | None:
    if measured.performance is None:
        return None
    snapshot = holdings.snapshot_on(account=account, day=measured.performance.end_date)
    return holdings.portfolio_of(snapshot) if snapshot else None


def _contributors(account: Account, measured: Measured) -> Contributors | None:
    of = measured.performance
    if of is None or of.start_date == of.end_date:
        return None
    start = holdings.snapshot_on(account=account, day=of.start_date)
    end = holdings.snapshot_on(account=account, day=of.end_date)
    return holdings.contributors(start=start, end=end) if start and end else None


def _commentary(account: Account, period: Period) -> str:
    newest = Commentary.objects.filter(account=account, month=period.label).first()
    return newest.text if newest else ""


def _missing(account: Account, period: Period, now: datetime) -> list[date]:
    """Today's snapshot may still come."""
    last = min(period.last, now.date() - timedelta(days=1))
    return equity.missing_dates(account=account, first=period.first, last=last) if last >= period.first else []
