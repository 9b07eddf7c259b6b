"""Reading the journal. Only committed, numbered events are ever returned."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.journal.models import Event

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
