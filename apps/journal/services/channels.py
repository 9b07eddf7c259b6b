"""Notice channels: asking one whether it works, and sealing their addresses anew."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from apps.journal.choices import DeliveryState, Level, Severity
from apps.journal.exceptions import NoticeFailed, UnknownChannel
from apps.journal.fields import Unreadable
from apps.journal.models import Channel, Delivery
from apps.journal.outbound.destinations import WEBHOOK, Destination
from apps.journal.selectors import find_destination, find_destinations
from apps.journal.services.delivery import ARRIVED, place_key
from apps.journal.services.events import record
from apps.journal.services.incidents import resolve_incident

SUBJECT = "TradeOps test notice"


@transaction.atomic
def save_channel(*, channel: Channel, changed: Iterable[str], actor: str) -> None:
    """Keep a new or changed channel. The journal tells which of its fields changed, never the address."""
    what = ", ".join("address" if name == "url" else name for name in changed) or "nothing"
    message = f"notice channel {channel.name} {'changed: ' + what if channel.pk else 'added'}"
    channel.save()
    if not channel.enabled:
        resolve_incident(key=place_key(channel.name), detail="The channel was disabled.", actor=actor)
    record(step="Notice", message=message, level=Level.WARN, scope="journal", actor=actor)


@transaction.atomic
def remove_channel(*, channel: Channel, actor: str) -> None:
    """What still waits to be sent there is given up."""
    record(
        step="Notice", message=f"notice channel {channel.name} removed", level=Level.WARN, scope="journal", actor=actor
    )
    resolve_incident(key=place_key(channel.name), detail="The channel was removed.", actor=actor)
    channel.delete()


def send_test(*, place: str, actor: str, now: datetime) -> Delivery:
    """Send a test notice there and now, whatever the hour; the delivery says what came of it. Takes 10 s at most.

    Not for use inside a transaction. Raises UnknownChannel.
    """
    destination = find_destination(place)
    if destination is None:
        known = ", ".join(found.place for found in find_destinations()) or "none: add one in the admin"
        raise UnknownChannel(f"{place} is not a place for notices that can be used now. There are: {known}.")
    values, error = _try(destination, actor, now)
    with transaction.atomic():
        outcome = f"failed: {error}" if error else "delivered"
        record(step="Notice", message=f"test notice to {place} {outcome}", scope="journal", actor=actor)
        if not error:
            resolve_incident(key=place_key(place), detail=ARRIVED, actor=actor, now=now)
        return Delivery.objects.create(
            channel=None if place == WEBHOOK else Channel.objects.get(name=place),
            place=place,
            subject=SUBJECT,
            body=body_of(actor),
            severity=Severity.INFO,
            created_at=now,
            attempts=1,
            error=error,
            **values,
        )


def body_of(actor: str) -> str:
    return f"{actor} asked for this notice. Nothing is wrong: whoever reads it would have heard of it if there were."


def _try(destination: Destination, actor: str, now: datetime) -> tuple[dict[str, object], str]:
    try:
        status_code = destination.send(SUBJECT, body_of(actor), severity=Severity.INFO, now=now)
    except NoticeFailed as error:
        return {"state": DeliveryState.GIVEN_UP, "status_code": error.status_code}, str(error)
    return {"state": DeliveryState.DELIVERED, "status_code": status_code, "delivered_at": now}, ""


@transaction.atomic
def reseal_channels() -> int:
    """Seal every readable address with the first of FERNET_KEYS; how many."""
    readable = [channel for channel in Channel.objects.select_for_update() if not isinstance(channel.url, Unreadable)]
    for channel in readable:
        channel.save(update_fields=["url"])
    return len(readable)
