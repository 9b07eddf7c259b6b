"""Payments into and out of accounts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from apps.broker.models import Account, CashFlow


def cash_flows(*, account: Account, after: datetime, until: datetime) -> QuerySet[CashFlow]:
    """That arrived after the one moment and up to the other, the oldest first."""
    rows = CashFlow.objects.filter(account=account, arrived_at__gt=after, arrived_at__lte=until)
    return rows.order_by("arrived_at", "id")
