"""What a notice about an incident says."""

from __future__ import annotations

from typing import Protocol


class IncidentFacts(Protocol):
    title: str
    detail: str
    severity: str
    count: int


def incident_notice(incident: IncidentFacts, *, change: str, detail: str) -> tuple[str, str]:
    """Subject and body."""
    if change == "opened":
        subject = f"{incident.severity.capitalize()}: {incident.title}"
    else:
        subject = f"{change.capitalize()}: {incident.title}"
    return subject, detail or incident.detail or incident.title


def reminder(incident: IncidentFacts, *, minutes: int) -> tuple[str, str]:
    """Subject and body for an incident that nobody has acknowledged for so long."""
    seen = f"found {incident.count} times so far" if incident.count > 1 else "found once so far"
    body = f"{incident.detail or incident.title}\n\nOpen for {minutes} min, {seen}, nobody has acknowledged it."
    return f"Still open: {incident.title}", body
