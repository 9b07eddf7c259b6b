"""The order ledger, to read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.broker.domain.orders import OPEN
from apps.broker.models import Order


def open_ledger_orders(account: str = "", *, strategy: str | None = None, con_id: int | None = None) -> QuerySet[Order]:
    """Orders that may still come to trade, proposed ones too, the newest first. `strategy` "" asks for people's own."""
    rows = Order.objects.filter(state__in=sorted(OPEN)).select_related("account", "instrument")
    if account:
        rows = rows.filter(account__code=account)
    if strategy is not None:
        rows = rows.filter(strategy=strategy)
    return rows if con_id is None else rows.filter(instrument__con_id=con_id)


def order_with_events(order_id: UUID) -> Order | None:
    """With what happened to it in `events`, the oldest first."""
    rows = Order.objects.select_related("account", "instrument", "approved_by", "parent").prefetch_related("events")
    return rows.filter(pk=order_id).first()


def external_activity(*, since: datetime | None = None) -> QuerySet[Order]:
    """What others gave in our accounts, the newest first."""
    rows = Order.objects.filter(is_external=True).select_related("account", "instrument")
    return rows.filter(created_at__gte=since) if since else rows
