"""How long an approval holds: an entry leaves soon or not at all, for what it was judged by has passed meanwhile.

What closes or protects a position is late only by its own `expires_at`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from apps.broker.domain.orders import ENTERING
from apps.broker.models import Order

# Longer than a dropped link takes to come back and a short 1100 to end, and than the two looks after which an order
# that was lost on its way goes again (about 12 s); short enough for the price that it was judged by.
ENTRY_LASTS = timedelta(seconds=30)
ADVICE = "The price may have moved since: give it anew if it is still wanted"


def latest(order: Order) -> datetime | None:
    """When it may be sent at the latest; None where its approval holds on."""
    if order.purpose not in ENTERING or order.approved_at is None:
        return None
    return order.approved_at + ENTRY_LASTS


def is_late(order: Order, now: datetime) -> bool:
    last = latest(order)
    return last is not None and last <= now


def late(now: datetime) -> Q:
    return Q(purpose__in=sorted(ENTERING), approved_at__lte=now - ENTRY_LASTS)
