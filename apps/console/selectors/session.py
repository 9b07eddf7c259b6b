"""How the gateway stands, as it may be said to people: a silent gateway is unknown, never its last word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from apps.broker import selectors as broker
from apps.broker.choices import SessionState
from apps.console.selectors.weekly_login import WeeklyLoginView, weekly_login_view

STALE_AFTER_SECONDS = broker.STALE_SECONDS

TONES = {
    SessionState.READY: "good",
    SessionState.STARTING: "waiting",
    SessionState.RECONCILING: "waiting",
    SessionState.PLANNED_RESTART: "waiting",
    SessionState.DATA_DEGRADED: "warning",
    SessionState.COMPETING_SESSION: "warning",
}


@dataclass(frozen=True, slots=True)
class SessionView:
    """`state` is one of SessionState, or "unknown" when the gateway is silent; `as_of` is its last heartbeat.

    `is_following`: the tables show what the broker shows now. `weekly_login`: None where no appointment is set.
    """

    state: str
    label: str
    reason: str
    tone: str
    is_alive: bool
    is_following: bool
    as_of: datetime | None
    weekly_login: WeeklyLoginView | None


def session_view(*, now: datetime) -> SessionView:
    session = broker.session(now=now)
    login = weekly_login_view(session, now=now)
    if not session.running:
        reason = "gateway not running"
        return SessionView("unknown", "Unknown", reason, "bad", False, False, session.heartbeat_at, login)
    return SessionView(
        state=session.state.value,
        label=session.state.label,
        reason=session.reason,
        tone=TONES.get(session.state, "bad"),
        is_alive=True,
        is_following=session.is_following,
        as_of=session.heartbeat_at,
        weekly_login=login,
    )


def trading_word() -> str:
    return "PAPER" if settings.BROKER.paper_trading else "LIVE"
