"""What the first page of the admin shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from apps.broker.models import Account, BrokerOrder, Position
from apps.jobs import selectors as jobs
from apps.jobs.selectors import WorkerState
from apps.journal import selectors as journal
from apps.journal.choices import Level
from apps.journal.models import Event

EVENTS = 12
WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ControlRoom:
    """`positions` and `orders` are None until the gateway has read an account: unknown, not none."""

    worker: WorkerState
    positions: int | None
    orders: int | None
    errors: int
    warnings: int
    events: list[Event]


def control_room(*, now: datetime) -> ControlRoom:
    is_read = Account.objects.exists()
    recent = journal.numbered_events().filter(at__gte=now - WINDOW, level__in=[Level.WARN, Level.ERROR])
    counts = dict(recent.order_by().values_list("level").annotate(Count("pk")))
    return ControlRoom(
        worker=jobs.worker_state(now=now),
        positions=Position.objects.exclude(quantity=0).count() if is_read else None,
        orders=BrokerOrder.objects.filter(is_open=True).count() if is_read else None,
        errors=counts.get(Level.ERROR, 0),
        warnings=counts.get(Level.WARN, 0),
        events=journal.latest_events(limit=EVENTS),
    )
