"""Do ledger and broker agree, as far as anybody has compared them?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.broker import selectors as broker_state
from apps.broker.models import Account
from apps.risk.choices import BreakState, RunTrigger
from apps.risk.models import Break, ReconciliationRun
from apps.risk.models.breaks import UNENDED
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown
from tradeops.lib.sessions import last_session

# One and a half times the schedule.
FRESH = timedelta(minutes=15)
CALENDAR, CLOSED_LATELY = "XNYS", timedelta(hours=1)


def open_breaks(account: str = "") -> QuerySet[Break]:
    """What differs now, those included that may settle by themselves."""
    rows = Break.objects.filter(state__in=UNENDED).select_related("account", "instrument")
    return rows.filter(account__code=account) if account else rows


def latest_run(account: Account | None) -> ReconciliationRun | None:
    """In every part."""
    runs = ReconciliationRun.objects.filter(account=account).exclude(trigger=RunTrigger.WATCH)
    return runs.order_by("-started_at", "-id").first()


def is_clean(*, now: datetime | None = None) -> Known[bool] | Unknown:
    """Known True only when the traded account was compared lately, in this session, in every part."""
    now = now or clock.now()
    account = broker_state.default_account()
    if account is None:
        return Unknown("it is not clear which account is traded: set IBKR_ACCOUNT")
    run = latest_run(account)
    if run is None:
        return Unknown("ledger and broker have never been compared: manage.py reconcile")
    if Break.objects.filter(account=account, state=BreakState.OPEN).exists() or run.is_clean is False:
        return Known(False, run.started_at)
    if run.is_clean is None:
        return Unknown(f"the last comparison came to no verdict: {run.problem or 'a part of it is not known'}")
    if now - run.started_at > FRESH:
        return Unknown(f"ledger and broker were compared last at {run.started_at:%Y-%m-%d %H:%M} UTC")
    return Known(True, run.started_at)


def needs_start(*, now: datetime) -> bool:
    """Has the gateway begun a session whose positions nobody has compared yet?"""
    view, account = broker_state.session(now=now), broker_state.default_account()
    if not view.is_following or account is None:
        return False
    runs = ReconciliationRun.objects.filter(account=account, trigger=RunTrigger.START, report__epoch=view.epoch)
    return not runs.filter(positions_match__isnull=False).exists()


def needs_close(*, now: datetime) -> bool:
    """Has New York closed within the last hour, and nobody has compared since?"""
    account = broker_state.default_account()
    _, session = last_session(CALENDAR, now)
    if account is None or not timedelta() <= now - session.closes_at < CLOSED_LATELY:
        return False
    runs = ReconciliationRun.objects.filter(
        account=account, trigger=RunTrigger.CLOSE, started_at__gte=session.closes_at
    )
    return not runs.filter(positions_match__isnull=False).exists()


def last_verdict_at(account: Account, *, since: datetime) -> datetime | None:
    """When a comparison ended last that could say something, if since then."""
    runs = ReconciliationRun.objects.filter(account=account, started_at__gte=since).defer("report")
    return next((run.started_at for run in runs if run.is_clean is not None), None)
