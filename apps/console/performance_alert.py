"""A strategy that no longer earns its risk: told when it has lasted, not on one bad day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from apps.broker import selectors as broker
from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.reports.exceptions import ReportsError
from apps.reports.selectors.performance import performance_of

LOWEST_SHARPE = 0.5
LASTED = timedelta(days=7)
KEY, SCOPE, ACTOR = "sharpe-ratio-low", "risk", "alerts"


def has_been_low(values: Sequence[tuple[date, float]], *, today: date) -> bool:
    """Below the bound on every date of more than the last seven days; False while fewer days are known."""
    recent = [value for day, value in values if today - LASTED <= day <= today]
    before = [value for day, value in values if day < today - LASTED]
    return bool(recent) and bool(before) and max([*recent, before[-1]]) < LOWEST_SHARPE


def tell_performance(*, now: datetime) -> None:
    account = broker.default_account()
    if account is None:
        return
    try:
        _, performance = performance_of(account=account)
    except ReportsError:
        return
    values = performance.rolling_sharpe
    if has_been_low(values, today=now.date()):
        journal.open_incident(
            key=KEY,
            title=f"The Sharpe ratio of {account} has been below {LOWEST_SHARPE} for more than 7 days",
            severity=Severity.WARNING,
            detail=f"Now {values[-1][1]:.2f}, of the last 30 daily returns. See the performance page.",
            scope=SCOPE,
            actor=ACTOR,
            now=now,
        )
    else:
        journal.resolve_incident(key=KEY, detail="it is above again", actor=ACTOR, now=now)
