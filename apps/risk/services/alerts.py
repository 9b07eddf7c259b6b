"""Alert rules that need no equity: each second, while the sentinel watches."""

from __future__ import annotations

from datetime import datetime

from apps.journal import selectors as journal_selectors
from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.risk import emergency_selectors
from apps.risk.services.breakers import advance_breakers
from tradeops.lib import clock

SCOPE, ACTOR = "risk", "alerts"
HALTED = "trading-halted"


def tell_alerts(*, now: datetime | None = None) -> None:
    """Breakers that stay open, and that trading is stopped: opened once per episode, resolved when it is over."""
    now = now or clock.now()
    advance_breakers(now=now)
    tell_halts(now=now)


def tell_halts(*, now: datetime) -> None:
    stops = emergency_selectors.stops_in_force()
    if not stops:
        journal.resolve_incident(key=HALTED, detail="nothing is stopped any more", actor=ACTOR, now=now)
        return
    told = "\n".join(str(stop) for stop in stops)
    if not journal_selectors.open_incidents().filter(key=HALTED, detail=told).exists():
        journal.open_incident(
            key=HALTED,
            title="Trading is stopped",
            severity=Severity.WARNING,
            detail=told,
            scope=SCOPE,
            actor=ACTOR,
            now=now,
        )
