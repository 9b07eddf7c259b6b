"""Queueing notices: rows that exist exactly if what they tell of was committed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from apps.journal.choices import LEVEL_OF_SEVERITY, RANKS, SEVERITY_OF_LEVEL, DeliveryState, Level
from apps.journal.models import Channel, Delivery, Incident
from apps.journal.outbound.destinations import WEBHOOK
from apps.journal.services.events import MESSAGE_LENGTH, record
from apps.journal.services.locking import hold
from tradeops.lib import clock

STEP = "Notice"
NEWS = "journal_delivery"
SUBJECT_LENGTH = 200


@transaction.atomic
def notify(
    subject: str,
    body: str,
    *,
    level: Level = Level.INFO,
    severity: str = "",
    key: str = "",
    actor: str = "",
    incident: Incident | None = None,
    now: datetime | None = None,
) -> list[Delivery]:
    """Queue a notice in the caller's transaction for the webhook and for every channel that wants its severity.

    Whoever runs `deliver_due` delivers it after the commit. A `key` makes it once only: [] when it was queued before.
    Without `severity`, it follows from `level`. Without SCHEDULER_WEBHOOK_URL the notice is logged in its place.
    """
    now = now or clock.now()
    severity = severity or SEVERITY_OF_LEVEL[level]
    if key:
        hold(f"notice:{key}")
        if Delivery.objects.filter(key=key).exists():
            return []
    details = {"key": key, "severity": severity, **({"incident": incident.pk} if incident else {})}
    deliveries = [
        Delivery(
            key=key,
            channel=channel,
            place=channel.name if channel else WEBHOOK,
            incident=incident,
            subject=subject[:SUBJECT_LENGTH],
            body=body,
            severity=severity,
            created_at=now,
            next_attempt_at=now,
        )
        for channel in _audience(severity)
    ]
    if not settings.SCHEDULER_WEBHOOK_URL:
        deliveries[0].state, deliveries[0].next_attempt_at = DeliveryState.LOGGED, None
        _log(subject, body, severity, details, actor)
    Delivery.objects.bulk_create(deliveries)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [NEWS])
    return deliveries


def _audience(severity: str) -> list[Channel | None]:
    """The webhook (None) first, then the channels."""
    wanted = [name for name, rank in RANKS.items() if rank <= RANKS[severity]]
    return [None, *Channel.objects.filter(enabled=True, minimum_severity__in=wanted)]


def _log(subject: str, body: str, severity: str, details: dict[str, object], actor: str) -> None:
    message = f"no SCHEDULER_WEBHOOK_URL is set, so this notice is only logged: {subject}: {body}"
    record(
        step=STEP,
        message=message[:MESSAGE_LENGTH],
        level=LEVEL_OF_SEVERITY[severity],
        scope="journal",
        data=details,
        actor=actor,
    )
