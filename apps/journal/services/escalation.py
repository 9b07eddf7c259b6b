"""Reminding of critical incidents that nobody has acknowledged."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from apps.journal.choices import Level, Severity
from apps.journal.domain.escalation import Pace
from apps.journal.domain.notice_texts import reminder
from apps.journal.models import Incident
from apps.journal.services.events import record
from apps.journal.services.notices import notify


@transaction.atomic
def escalate_due(*, now: datetime) -> int:
    """Queue the reminders that are due. In several processes at once, each incident's goes out once."""
    pace = Pace.of_minutes(first=settings.INCIDENT_ESCALATION_MINUTES, again=settings.INCIDENT_REMINDER_MINUTES)
    waiting = Incident.objects.filter(
        severity=Severity.CRITICAL, resolved_at=None, acknowledged_at=None, opened_at__lte=now - pace.first
    )
    due = [incident for incident in waiting.select_for_update(skip_locked=True) if pace.is_due(incident, now=now)]
    for incident in due:
        _remind(incident, now)
    return len(due)


def _remind(incident: Incident, now: datetime) -> None:
    incident.escalations += 1
    incident.escalated_at = now
    incident.save(update_fields=["escalations", "escalated_at"])
    minutes = round((now - incident.opened_at).total_seconds() / 60)
    record(
        step="Incident",
        message=f"incident escalated: {incident.title}: open for {minutes} min, nobody has acknowledged it",
        level=Level.ERROR,
        scope=incident.scope,
        data={
            "incident": incident.pk,
            "key": incident.key,
            "change": "escalated",
            "severity": incident.severity,
            "escalation": incident.escalations,
        },
    )
    subject, body = reminder(incident, minutes=minutes)
    key = f"incident:{incident.pk}:escalated:{incident.escalations}"
    notify(subject, body, severity=incident.severity, key=key, incident=incident, now=now)
