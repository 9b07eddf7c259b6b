"""Order numbers of a client id: never one that was used before, whatever the broker proposes. Synchronous."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from apps.broker.models import BrokerOrder, Order, OrderNumbering


@transaction.atomic
def raise_floor(client_id: int, next_valid_id: int) -> None:
    """After each login: above what the broker proposes, and above all that the tables have seen."""
    seen = [
        table.objects.filter(client_id=client_id).aggregate(highest=Max("order_id"))["highest"] or 0
        for table in (Order, BrokerOrder)
    ]
    row = _locked(client_id)
    row.highest = max(row.highest, next_valid_id - 1, *seen)
    row.save()


def reserve(client_id: int, count: int) -> int:
    """The first of `count` numbers in a row, taken for ever when the caller's transaction commits."""
    row = _locked(client_id)
    first = row.highest + 1
    row.highest += count
    row.save()
    return first


def _locked(client_id: int) -> OrderNumbering:
    OrderNumbering.objects.get_or_create(client_id=client_id)
    return OrderNumbering.objects.select_for_update().get(client_id=client_id)
