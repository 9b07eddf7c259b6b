"""What the first page of the admin shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from apps.broker import selectors as broker
from apps.jobs import selectors as jobs
from apps.jobs.selectors import WorkerState
from apps.journal import selectors as journal
from apps.journal.choices import Level
from apps.journal.models import Event
from tradeops.lib.known import Known, Unknown

EVENTS = 12
WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ControlRoom:
    """`positions` and `orders` are None while nobody can tell: unknown, not none."""

    worker: WorkerState
    positions: int | None
    orders: int | None
    errors: int
    warnings: int
    events: list[Event]


def control_room(*, now: datetime) -> ControlRoom:
    recent = journal.numbered_events().filter(at__gte=now - WINDOW, level__in=[Level.WARN, Level.ERROR])
    counts = dict(recent.order_by().values_list("level").annotate(Count("pk")))
    return ControlRoom(
        worker=jobs.worker_state(now=now),
        positions=count(broker.count_positions()),
        orders=count(broker.count_open_orders()),
        errors=counts.get(Level.ERROR, 0),
        warnings=counts.get(Level.WARN, 0),
        events=journal.latest_events(limit=EVENTS),
    )


def count(answer: Known[int] | Unknown) -> int | None:
    return answer.value if isinstance(answer, Known) else None
