"""How the gateway stands, as it may be said to people: a silent gateway is unknown, never its last word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from apps.broker.choices import SessionState
from apps.broker.models import GatewaySession
from tradeops.lib import clock

# The gateway writes its heartbeat every second or so; what it said longer ago than this is not believed.
STALE_AFTER_SECONDS = 15.0

TONES = {
    SessionState.READY: "good",
    SessionState.STARTING: "waiting",
    SessionState.RECONCILING: "waiting",
    SessionState.PLANNED_RESTART: "waiting",
    SessionState.DATA_DEGRADED: "warning",
}


@dataclass(frozen=True, slots=True)
class SessionView:
    """`state` is one of SessionState, or "unknown" when the gateway is silent; `as_of` is its last heartbeat."""

    state: str
    label: str
    reason: str
    tone: str
    is_alive: bool
    as_of: datetime | None
    since: datetime | None
    lines_in_use: int | None
    synchronised_at: datetime | None

    @property
    def sentence(self) -> str:
        return f"{self.label}: {self.reason}" if self.reason else self.label


def session_view(*, now: datetime) -> SessionView:
    session = GatewaySession.objects.filter(pk=GatewaySession.ONLY).first()
    as_of = session.heartbeat_at if session else None
    age = clock.age_seconds(as_of, now=now)
    if session is None or age is None or age > STALE_AFTER_SECONDS:
        return unknown(as_of)
    return SessionView(
        state=session.state,
        label=session.get_state_display(),
        reason=session.reason,
        tone=TONES.get(SessionState(session.state), "bad"),
        is_alive=True,
        as_of=as_of,
        since=session.state_since,
        lines_in_use=session.lines_in_use,
        synchronised_at=session.synchronised_at,
    )


def unknown(as_of: datetime | None) -> SessionView:
    return SessionView(
        state="unknown",
        label="Unknown",
        reason="gateway not running",
        tone="bad",
        is_alive=False,
        as_of=as_of,
        since=None,
        lines_in_use=None,
        synchronised_at=None,
    )


def trading_word() -> str:
    return "PAPER" if settings.BROKER.paper_trading else "LIVE"
