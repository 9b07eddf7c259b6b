"""Is everything alive that must be? Cheap enough to ask each second."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.broker import selectors as broker
from apps.broker.choices import SessionState
from apps.jobs import selectors as jobs

# Short losses are the gateway's daily bread; the planned restart is none.
PATIENCE = timedelta(minutes=5)
AWAY = frozenset({SessionState.DISCONNECTED, SessionState.BROKER_LOST, SessionState.REFUSED})


def find_problems(*, now: datetime) -> tuple[str, ...]:
    """Short texts for everybody, empty when all is well."""
    problems = []
    session = broker.session(now=now)
    if session.is_stale:
        problems.append("the gateway's heartbeat is stale")
    elif session.state in AWAY and now - session.state_since > PATIENCE:
        problems.append(f"no broker session since {session.state_since:%Y-%m-%d %H:%M} UTC")
    worker = jobs.worker_state(now=now)
    if not worker.is_alive:
        problems.append(worker.reason)
    return tuple(problems)
