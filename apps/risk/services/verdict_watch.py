"""Comparisons that come to no verdict while the broker could be asked: nobody would notice that the ledger is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.broker import selectors as broker_state
from apps.broker.models import Account
from apps.journal import selectors as journal_selectors
from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.risk import reconciliation_selectors
from apps.risk.models import ReconciliationRun

PATIENCE = timedelta(minutes=30)
SCOPE, ACTOR = "risk", "reconciliation"


class VerdictWatch:
    """Remembers since when the broker has been reachable without a verdict; look at least each minute."""

    def __init__(self) -> None:
        self._since: datetime | None = None

    def look(self, *, now: datetime) -> None:
        account = broker_state.default_account()
        if account is None or not broker_state.session(now=now).is_following:
            self._since = None
            return
        self._since = self._since or now
        verdict_at = reconciliation_selectors.last_verdict_at(account, since=now - PATIENCE)
        if verdict_at is not None:
            self._since = max(self._since, verdict_at)
            journal.resolve_incident(key=incident_key(account), detail="compared again", actor=ACTOR, now=now)
        elif (
            now - self._since >= PATIENCE
            and not journal_selectors.open_incidents().filter(key=incident_key(account)).exists()
        ):
            _tell(account, self._since, now)


def _tell(account: Account, since: datetime, now: datetime) -> None:
    run = ReconciliationRun.objects.filter(account=account).first()
    journal.open_incident(
        key=incident_key(account),
        title=f"{account}: nobody can say whether ledger and broker agree",
        severity=Severity.CRITICAL,
        detail=f"The broker has been reachable since {since:%Y-%m-%d %H:%M} UTC, but no comparison came to a verdict: "
        f"{run.problem if run and run.problem else 'none has ended'}.\n"
        "`manage.py reconcile` tries at once and says why not; compare positions and orders in TWS meanwhile.",
        scope=SCOPE,
        actor=ACTOR,
        now=now,
    )


def incident_key(account: Account) -> str:
    return f"no-verdict:{account.code}"
