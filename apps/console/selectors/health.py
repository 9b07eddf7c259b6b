"""Is everything alive that must be? Cheap enough to ask each second."""

from __future__ import annotations

from datetime import datetime

from apps.console.selectors.session import session_view
from apps.jobs import selectors as jobs


def find_problems(*, now: datetime) -> tuple[str, ...]:
    """Short texts for everybody, empty when all is well."""
    problems = []
    if not session_view(now=now).is_alive:
        problems.append("the gateway's heartbeat is stale")
    worker = jobs.worker_state(now=now)
    if not worker.is_alive:
        problems.append(worker.reason)
    return tuple(problems)
