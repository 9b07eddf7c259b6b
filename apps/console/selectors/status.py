"""The state of the platform for machines: `/status`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from apps.broker import selectors as broker
from apps.console.health.findings import sentences_of_critical
from apps.console.health.rules import is_bot_running
from apps.console.selectors.health import find_findings
from apps.console.selectors.session import session_view
from apps.jobs import selectors as jobs
from apps.jobs.status import iso, scheduler_status


def platform_status(*, now: datetime) -> dict[str, Any]:
    findings = find_findings(now=now)
    problems = sentences_of_critical(findings)
    worker = jobs.worker_state(now=now)
    session = session_view(now=now)
    gateway = broker.session(now=now)
    login = session.weekly_login
    weekly = {"due_at": iso(login.due_at), "is_open": login.is_open, "kept_at": iso(login.kept_at)} if login else None
    return {
        "health_status": "unhealthy" if problems else "healthy",
        "healthy": not problems,
        "problems": list(problems),
        "findings": [finding.as_row() for finding in findings],
        "timestamp": now.isoformat(),
        **scheduler_status(now=now),
        "bot": {"running": is_bot_running(gateway, worker), "last_heartbeat": iso(gateway.heartbeat_at)},
        "api": {"connected": gateway.is_connected},
        "session": {"state": session.state, "reason": session.reason, "as_of": iso(session.as_of)},
        **({"weekly_login": weekly} if weekly else {}),
        "trading_mode": "paper" if settings.BROKER.paper_trading else "live",
        "simulated": settings.BROKER.simulated,
    }
