"""What states look like: always a word, the colour only repeats it."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.journal.choices import DeliveryState, Severity
from apps.journal.models import Delivery, Incident

SEVERITY_TONES = {Severity.INFO.value: "calm", Severity.WARNING.value: "warn", Severity.CRITICAL.value: "bad"}
DELIVERY_TONES = {
    DeliveryState.PENDING.value: "warn",
    DeliveryState.DELIVERED.value: "good",
    DeliveryState.LOGGED.value: "calm",
    DeliveryState.GIVEN_UP.value: "bad",
}


def pill(tone: str, word: str) -> SafeString:
    return format_html('<span class="pill" data-tone="{}">{}</span>', tone, word)


def severity_pill(incident: Incident) -> SafeString:
    return pill(SEVERITY_TONES[incident.severity], incident.get_severity_display())


def delivery_pill(delivery: Delivery) -> SafeString:
    return pill(DELIVERY_TONES[delivery.state], delivery.get_state_display())


def state_tone(incident: Incident, *, now: datetime) -> str:
    if not incident.is_open:
        return "good"
    handled = incident.acknowledged_at is not None or incident.is_snoozed(now=now)
    return "calm" if handled else SEVERITY_TONES[incident.severity]


def state_of(incident: Incident, *, now: datetime) -> str:
    if incident.resolved_at is not None:
        return f"Resolved {incident.resolved_at:%Y-%m-%d %H:%M} UTC"
    if incident.snoozed_until is not None and incident.is_snoozed(now=now):
        return f"Snoozed until {incident.snoozed_until:%Y-%m-%d %H:%M} UTC"
    if incident.acknowledged_at is not None:
        return f"Acknowledged by {incident.acknowledged_by}"
    return "Open"
