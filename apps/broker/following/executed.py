"""How much of each order was executed, counted from the executions themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Max, Q, Sum

from apps.broker.following.rules import Filled
from apps.broker.models import Execution, Order

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Counted:
    """`most` is what was ever reported: a correction may have taken some of it back."""

    filled: Filled = Filled()
    most: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Line:
    perm_id: int
    order_ref: str
    instrument_id: int
    quantity: Decimal
    amount: Decimal
    most: Decimal


class Executed:
    """Corrected executions count as corrected; of a combination only the lines of the order's own instrument do."""

    def __init__(self, perm_ids: Iterable[int], references: Iterable[str]) -> None:
        named = Q(perm_id__in=[number for number in perm_ids if number])
        named |= Q(order_ref__in=[text for text in references if text])
        self._by_perm_id: defaultdict[int, list[Line]] = defaultdict(list)
        self._by_ref: defaultdict[str, list[Line]] = defaultdict(list)
        for line in _lines(named):
            self._by_perm_id[line.perm_id].append(line)
            self._by_ref[line.order_ref].append(line)

    def of(self, order: Order, perm_id: int | None) -> Counted:
        """By the permanent id once it is known: two orders can carry one reference by mistake."""
        return self.count(order.instrument_id, perm_id, str(order.pk))

    def count(self, instrument_id: int, perm_id: int | None, reference: str = "") -> Counted:
        lines = self._by_perm_id[perm_id] if perm_id is not None else self._by_ref[reference]
        own = [line for line in lines if line.instrument_id == instrument_id]
        total = sum((line.quantity for line in own), NOTHING)
        amount = sum((line.amount for line in own), NOTHING)
        filled = Filled(total, round(amount / total, 8) if total else None)
        return Counted(filled, sum((line.most for line in own), NOTHING))

    def perm_id_of(self, order: Order) -> int | None:
        """The permanent id that executions name, where no order was ever shown."""
        return next((line.perm_id for line in self._by_ref[str(order.pk)] if line.perm_id), None)


def _lines(named: Q) -> Iterable[Line]:
    """One per order and instrument, but one more for each execution that was corrected."""
    corrected = list(Execution.objects.filter(named, revision__gt=1).values_list("exec_key", flat=True))
    rows = Execution.objects.filter(named).exclude(exec_key__in=corrected)
    sums = rows.values("perm_id", "order_ref", "instrument_id").annotate(
        total=Sum("quantity"), amount=Sum(F("quantity") * F("price"))
    )
    for row in sums.order_by():
        yield Line(row["perm_id"], row["order_ref"], row["instrument_id"], row["total"], row["amount"], row["total"])
    if not corrected:
        return
    most = dict(
        Execution.objects.filter(exec_key__in=corrected)
        .values_list("exec_key")
        .annotate(most=Max("quantity"))
        .order_by()
    )
    for item in Execution.objects.filter(exec_key__in=corrected, is_current=True):
        amount = item.quantity * item.price
        yield Line(item.perm_id, item.order_ref, item.instrument_id, item.quantity, amount, most[item.exec_key])
