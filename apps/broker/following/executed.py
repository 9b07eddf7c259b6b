"""How much of each order was executed, counted from the executions themselves."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import F, Q, Sum

from apps.broker.following.rules import Filled
from apps.broker.models import Execution, Order


class Executed:
    """Corrected executions count as corrected; of a combination only the lines of the order's own instrument do."""

    def __init__(self, perm_ids: Iterable[int], references: Iterable[str]) -> None:
        named = Q(perm_id__in=list(perm_ids)) | Q(order_ref__in=[text for text in references if text])
        sums = (
            Execution.objects.filter(named, is_current=True)
            .values("perm_id", "order_ref", "instrument_id")
            .annotate(total=Sum("quantity"), amount=Sum(F("quantity") * F("price")))
        )
        self._sums = list(sums)

    def of(self, order: Order, perm_id: int | None) -> Filled:
        """By the permanent id once it is known: two orders can carry one reference by mistake."""
        rows = [row for row in self._sums if row["instrument_id"] == order.instrument_id]
        if perm_id is not None:
            rows = [row for row in rows if row["perm_id"] == perm_id]
        else:
            rows = [row for row in rows if row["order_ref"] == str(order.pk)]
        total = sum((row["total"] for row in rows), Decimal(0))
        amount = sum((row["amount"] for row in rows), Decimal(0))
        return Filled(total, round(amount / total, 8) if total else None)

    def perm_id_of(self, order: Order) -> int | None:
        """The permanent id that executions name, where no order was ever shown."""
        return next((row["perm_id"] for row in self._sums if row["order_ref"] == str(order.pk)), None)
