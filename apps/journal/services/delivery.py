"""Delivering what is queued. Any number of processes may do it at once: each notice is sent by one."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.journal.choices import DeliveryState, Level, Severity
from apps.journal.domain.backoff import MOST_ATTEMPTS, delay_after
from apps.journal.exceptions import NoticeFailed
from apps.journal.models import Delivery
from apps.journal.outbound.destinations import WEBHOOK, Destination
from apps.journal.selectors import destination_of
from apps.journal.services.escalation import escalate_due
from apps.journal.services.events import record
from apps.journal.services.incidents import open_incident, resolve_incident
from apps.journal.services.notices import STEP
from tradeops.lib import breaking, clock

logger = logging.getLogger(__name__)

ARRIVED = "A notice has arrived there."
# Longer than a send can take. A process that dies while sending leaves the notice to others after this.
LEASE = timedelta(seconds=60)


def deliver_due(now: datetime | None = None) -> int:
    """Remind of critical incidents, then send every notice that is due; how many were delivered.

    Not for use inside a transaction. A place that fails is left alone for the rest of the call, so that a dead one
    costs at most 10 s. A notice is sent twice only where the process dies between the answer and writing it down.
    """
    moment = now or clock.now()
    escalate_due(now=moment)
    delivered, failing = 0, _closed_places(moment)
    while (delivery := _claim(moment, failing)) is not None:
        if _deliver(delivery, now or clock.now()):
            delivered += 1
        else:
            failing.add(delivery.place)
    return delivered


def _closed_places(now: datetime) -> set[str]:
    """Places whose circuit breaker is open: their notices wait without using up attempts."""
    prefix = breaking.of_place("")
    return {name.removeprefix(prefix) for name in breaking.keeper().refused(prefix, now=now)}


@transaction.atomic
def _claim(now: datetime, failing: set[str]) -> Delivery | None:
    """The oldest that is due, with its attempt counted; those in quiet hours are put off."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = Delivery.objects.filter(free, state=DeliveryState.PENDING, next_attempt_at__lte=now).exclude(
        place__in=failing
    )
    locked = (
        due.select_related("channel")
        .order_by("next_attempt_at", "id")
        .select_for_update(skip_locked=True, of=("self",))
    )
    for delivery in locked.iterator(chunk_size=20):
        destination = destination_of(delivery)
        held_until = destination.held_until(delivery.severity, now=now) if destination else None
        if held_until is not None and held_until > now:
            Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=held_until)
            continue
        if delivery.attempts >= MOST_ATTEMPTS:
            _failed(delivery, NoticeFailed("the process that sent it last died"), now)
            continue
        delivery.attempts += 1
        delivery.lease_owner, delivery.lease_until = uuid.uuid4().hex, now + LEASE
        delivery.save(update_fields=["attempts", "lease_owner", "lease_until"])
        return delivery
    return None


def _deliver(delivery: Delivery, now: datetime) -> bool:
    breaker = breaking.of_place(delivery.place)
    try:
        if objection := breaking.keeper().objection(breaker, now=now):
            raise NoticeFailed(objection)
        status_code = _send(destination_of(delivery), delivery, now)
    except NoticeFailed as error:
        return _not_delivered(delivery, breaker, error, now)
    except Exception as error:
        logger.exception("sending %s failed unexpectedly", delivery)
        return _not_delivered(delivery, breaker, NoticeFailed(f"unexpected {type(error).__name__}: see the log"), now)
    breaking.keeper().note(breaker, "", now=now)
    return _delivered(delivery, status_code, now)


def _not_delivered(delivery: Delivery, breaker: str, error: NoticeFailed, now: datetime) -> bool:
    breaking.keeper().note(breaker, str(error), now=now)
    _failed(delivery, error, now)
    return False


@transaction.atomic
def _delivered(delivery: Delivery, status_code: int | None, now: datetime) -> bool:
    values = {"delivered_at": now, "status_code": status_code, "next_attempt_at": None, "error": ""}
    if not _end(delivery, state=DeliveryState.DELIVERED, **values):
        return False
    resolve_incident(key=place_key(delivery.place), detail=ARRIVED, now=now)
    return True


def _send(destination: Destination | None, delivery: Delivery, now: datetime) -> int | None:
    if destination is None:
        raise NoticeFailed(f"{delivery.place} is gone, disabled or cannot be read: see the notice channels")
    return destination.send(delivery.subject, delivery.body, severity=delivery.severity, now=now)


@transaction.atomic
def _failed(delivery: Delivery, error: NoticeFailed, now: datetime) -> None:
    delay = delay_after(delivery.attempts)
    state = DeliveryState.PENDING if delay is not None else DeliveryState.GIVEN_UP
    following = now + delay if delay is not None else None
    if not _end(delivery, state=state, next_attempt_at=following, status_code=error.status_code, error=str(error)):
        return
    ending = f"next attempt at {following:%H:%M:%S} UTC" if following else "given up"
    record(
        step=STEP,
        message=f"notice failed: {delivery}, attempt {delivery.attempts}: {error}; {ending}",
        level=Level.WARN if following else Level.ERROR,
        scope="journal",
        data={"delivery": delivery.pk, **({"incident": delivery.incident_id} if delivery.incident_id else {})},
    )
    if following is None and _is_in_use(delivery):
        _tell_the_others(delivery, error, now)


def _is_in_use(delivery: Delivery) -> bool:
    if delivery.place == WEBHOOK:
        return bool(settings.SCHEDULER_WEBHOOK_URL)
    return delivery.channel is not None and delivery.channel.enabled


def _tell_the_others(delivery: Delivery, error: NoticeFailed, now: datetime) -> None:
    """Who listens at one place only would take its silence for good news. Told once, until something arrives there."""
    open_incident(
        key=place_key(delivery.place),
        title=f"Notices to {delivery.place} do not arrive",
        severity=Severity.WARNING,
        detail=f"{error}. Mend it and try: manage.py notify_test --channel '{delivery.place}'",
        scope="journal",
        now=now,
    )


def place_key(place: str) -> str:
    return f"notices:{place}"


def _end(delivery: Delivery, **values: object) -> bool:
    """Fenced: only as long as nobody has taken the delivery over."""
    mine = Delivery.objects.filter(pk=delivery.pk, lease_owner=delivery.lease_owner, state=DeliveryState.PENDING)
    return bool(mine.update(lease_owner="", lease_until=None, **values))
