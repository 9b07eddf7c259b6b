"""The order ledger, to read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.broker.choices import OrderState
from apps.broker.domain.orders import OPEN
from apps.broker.models import Account, Order, OrderEvent
from apps.broker.models.ledger import ASKED_CHANGES


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


def given_since(
    account: Account, since: datetime, *, strategy: str | None = None, besides: UUID | None = None
) -> tuple[int, int]:
    """Own orders since then that were not denied together with the changes asked of working ones: each is a message to
    the broker. Then, how many of the orders traded, in part at least. `besides`: the order that is judged itself.
    """
    orders = Order.objects.filter(account=account, is_external=False, created_at__gte=since)
    orders = orders.exclude(state=OrderState.DENIED)
    changes = OrderEvent.objects.filter(order__account=account, at__gte=since, data__has_key=ASKED_CHANGES)
    if strategy is not None:
        orders, changes = orders.filter(strategy=strategy), changes.filter(order__strategy=strategy)
    if besides is not None:
        orders = orders.exclude(pk=besides)
    counts = orders.aggregate(all=Count("pk"), traded=Count("pk", filter=Q(filled_quantity__gt=0)))
    return counts["all"] + changes.count(), counts["traded"]


def external_activity(*, since: datetime | None = None) -> QuerySet[Order]:
    """What others gave in our accounts, the newest first."""
    rows = Order.objects.filter(is_external=True).select_related("account", "instrument")
    return rows.filter(created_at__gte=since) if since else rows
