"""Reading the journal. Only committed, numbered events are ever returned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Case, QuerySet, When

from apps.journal.choices import INCIDENT_STEPS, Severity
from apps.journal.fields import Unreadable
from apps.journal.models import Channel, Delivery, Event, Incident, ProcessHeartbeat
from apps.journal.outbound.destinations import WEBHOOK, Destination
from tradeops.lib import prepared

CHANNEL = "journal_event"


def numbered_events() -> QuerySet[Event]:
    return Event.objects.filter(number__isnull=False)


def events_after(*, number: int, limit: int) -> list[Event]:
    """Up to `limit` events above `number`, oldest first."""
    return list(numbered_events().filter(number__gt=number).order_by("number")[:limit])


def latest_events(*, limit: int) -> list[Event]:
    """Newest first."""
    return list(numbered_events().order_by("-number")[:limit])


def last_number() -> int:
    """The number of the newest event, 0 when there is none."""
    return numbered_events().order_by("-number").values_list("number", flat=True).first() or 0


def process_heartbeats() -> list[ProcessHeartbeat]:
    return list(ProcessHeartbeat.objects.all())


def destinations() -> list[Destination]:
    """Where notices go now. To be kept by whoever must still send them when the database is away."""
    return find_destinations(enabled=True)


def find_destination(place: str) -> Destination | None:
    """Also one that is disabled."""
    return next((destination for destination in find_destinations() if destination.place == place), None)


def find_destinations(**conditions: bool) -> list[Destination]:
    channels = [_channel_destination(channel) for channel in Channel.objects.filter(**conditions)]
    return [destination for destination in (_webhook(), *channels) if destination is not None]


def destination_of(delivery: Delivery) -> Destination | None:
    """None when there is no such place any more."""
    if delivery.place == WEBHOOK:
        return _webhook()
    channel = delivery.channel
    return _channel_destination(channel) if channel is not None and channel.enabled else None


def _webhook() -> Destination | None:
    url: str = settings.SCHEDULER_WEBHOOK_URL
    return Destination(WEBHOOK, url) if url else None


def _channel_destination(channel: Channel) -> Destination | None:
    if isinstance(channel.url, Unreadable):
        return None
    return Destination(channel.name, channel.url, channel.minimum_severity, channel.quiet_hours)


def open_incidents() -> QuerySet[Incident]:
    """The most severe first."""
    return Incident.objects.filter(resolved_at=None).order_by(
        Case(When(severity=Severity.CRITICAL, then=0), When(severity=Severity.WARNING, then=1), default=2), "-opened_at"
    )


def was_recorded(*, step: str, begin: str, data: Mapping[str, Any], since: datetime) -> bool:
    """Is there an event since then whose message begins so, with `data` in its own?"""
    found = Event.objects.filter(at__gte=since, step=step, message__startswith=begin, data__contains=dict(data))
    return found.exists()


def incident_since(*, key: str, at: datetime) -> bool:
    """Has there been an incident of `key`, open or resolved, since `at`?"""
    return Incident.objects.filter(key=key, opened_at__gte=at).exists()


def incidents(*, state: str, limit: int) -> list[Incident]:
    """The newest first; `state` is open, resolved or all."""
    wanted = {"open": {"resolved_at__isnull": True}, "resolved": {"resolved_at__isnull": False}}.get(state, {})
    return list(Incident.objects.filter(**wanted).order_by("-opened_at", "-pk")[:limit])


def open_incident_counts() -> Counter[str]:
    """Open incidents by severity, of the first thousand: this is asked for every page."""
    return Counter(Incident.objects.filter(resolved_at=None).order_by().values_list("severity", flat=True)[:1000])


def open_among(keys: Collection[str]) -> set[str]:
    """Those of `keys` that have an open incident."""
    values = {"keys": list(keys)}
    return {key for (key,) in prepared.fetch_all(OPEN.format(keys="%(keys)s"), values)} if keys else set()


# For other statements, too: `keys` is an SQL expression of text[].
OPEN = "SELECT key FROM journal_incident WHERE key = ANY({keys}) AND resolved_at IS NULL"


def timeline(incident: Incident, *, limit: int = 200) -> list[Event]:
    """What the journal holds of an incident, oldest first."""
    events = numbered_events().filter(step__in=INCIDENT_STEPS, data__incident=incident.pk)
    return list(events.order_by("number")[:limit])
