"""Payments into and out of accounts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from apps.broker.models import Account, CashFlow
from apps.journal import selectors as journal

# As the journal tells of them.
STEP, REMOVED = "Payment", "removed"


def cash_flows(*, account: Account, after: datetime, until: datetime) -> QuerySet[CashFlow]:
    """That arrived after the one moment and up to the other, the oldest first."""
    rows = CashFlow.objects.filter(account=account, arrived_at__gt=after, arrived_at__lte=until)
    return rows.order_by("arrived_at", "id")


def payment_was_removed(*, account: Account, since: datetime) -> bool:
    """Was a payment of the account taken out since then?"""
    return journal.was_recorded(step=STEP, begin=REMOVED, data={"account": account.code}, since=since)
