"""Claiming and answering the questions of other processes. Synchronous."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.broker.choices import Priority, RequestKind, RequestState
from apps.broker.models import Request
from tradeops.lib import clock

REASON_LENGTH = 300
UNANSWERED = [RequestState.PENDING, RequestState.CLAIMED]
KEEP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Claimed:
    id: UUID
    kind: RequestKind
    payload: dict[str, Any]
    priority: Priority
    deadline: datetime


def claim(limit: int) -> list[Claimed]:
    """The most urgent pending requests whose deadline lies ahead; each belongs to us only if the update says so."""
    now = clock.now()
    pending = Request.objects.filter(state=RequestState.PENDING, deadline__gt=now).order_by("priority", "created_at")
    claimed = []
    for row in pending[:limit]:
        mine = Request.objects.filter(id=row.id, state=RequestState.PENDING)
        if mine.update(state=RequestState.CLAIMED, claimed_at=now):
            claimed.append(Claimed(row.id, RequestKind(row.kind), row.payload, Priority(row.priority), row.deadline))
    return claimed


def answer(request_id: UUID, value: Any, as_of: datetime) -> None:
    """Does nothing to a request that its asker has given up."""
    Request.objects.filter(id=request_id, state=RequestState.CLAIMED).update(
        state=RequestState.KNOWN, answer=value, as_of=as_of, answered_at=clock.now()
    )


def decline(request_id: UUID, reason: str) -> None:
    Request.objects.filter(id=request_id, state=RequestState.CLAIMED).update(
        state=RequestState.UNKNOWN, reason=reason[:REASON_LENGTH], answered_at=clock.now()
    )


def expire_overdue(in_hand: Collection[UUID]) -> int:
    """Give up what nobody answered in time. Returns how many."""
    overdue = Request.objects.filter(state__in=UNANSWERED, deadline__lte=clock.now()).exclude(id__in=in_hand)
    return overdue.update(
        state=RequestState.UNKNOWN, reason="timed out before the gateway answered", answered_at=clock.now()
    )


def abandon_orphans() -> int:
    """What a gateway that died had claimed will never be answered. Returns how many."""
    return Request.objects.filter(state=RequestState.CLAIMED).update(
        state=RequestState.UNKNOWN,
        reason="the gateway restarted while it was answering: ask again",
        answered_at=clock.now(),
    )


def prune() -> int:
    """Forget requests older than a day. Returns how many."""
    return Request.objects.filter(Q(created_at__lt=clock.now() - KEEP)).delete()[0]
