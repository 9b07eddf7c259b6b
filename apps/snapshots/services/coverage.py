"""Telling people that what should be learnt from is not known often enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.snapshots.selectors import coverage

INCIDENT = "snapshots:coverage"
DAYS = 30


def tell_coverage(*, now: datetime) -> str:
    """Keep an incident open while a critical field is known too seldom in the snapshots of the last 30 days.

    What is wrong, in a sentence; empty when nothing is.
    """
    alert = coverage(since=now.date() - timedelta(days=DAYS)).alert
    if alert:
        detail = f"Of the last {DAYS} days: {alert} `manage.py learning_stats` says why values are missing."
        title = "Position snapshots know too little"
        journal.open_incident(
            key=INCIDENT, title=title, severity=Severity.WARNING, detail=detail, scope="snapshots", now=now
        )
    else:
        journal.resolve_incident(key=INCIDENT, detail="Critical fields are known often enough again", now=now)
    return alert
