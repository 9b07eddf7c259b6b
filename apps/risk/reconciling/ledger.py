"""The ledger's side."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, F, Sum, When

from apps.broker.choices import HoldingChangeKind, OrderState, Side
from apps.broker.models import Account, BrokerOrder, Execution, HoldingChange, Instrument, Order
from apps.risk.domain.reconciling import OpenOrder
from apps.risk.models import OpeningBalance

# Beside its legs the broker reports a combination too: counting both would count twice.
COMBINATION = "BAG"
AT_BROKER = [OrderState.SUBMITTING, OrderState.WORKING, OrderState.UNRESOLVED]
UNCERTAIN = [OrderState.SUBMITTING, OrderState.UNRESOLVED]
MOVED = timedelta(seconds=5)
SIGNED = Sum(Case(When(side=Side.BUY, then=F("quantity")), default=-F("quantity")))

Quantities = dict[int, Decimal]


def positions(account: Account) -> Quantities:
    """Opening balances + executions + holding changes, signed, by conId; flat ones left out."""
    total: dict[int, Decimal] = defaultdict(Decimal)
    for con_id, quantity in (*_openings(account), *traded(account).items()):
        total[con_id] += quantity
    return {con_id: quantity for con_id, quantity in total.items() if quantity}


def traded(account: Account) -> Quantities:
    """All that is known beside the opening balances."""
    total: dict[int, Decimal] = defaultdict(Decimal)
    executions = Execution.objects.filter(account=account, is_current=True).exclude(instrument__sec_type=COMBINATION)
    rows = executions.order_by().values("instrument__con_id").annotate(total=SIGNED)
    for row in rows:
        total[row["instrument__con_id"]] += row["total"]
    changes = HoldingChange.objects.filter(account=account).exclude(kind=HoldingChangeKind.OPENING)
    for row in changes.order_by().values("instrument__con_id").annotate(total=Sum("quantity")):
        total[row["instrument__con_id"]] += row["total"]
    return dict(total)


def _openings(account: Account) -> list[tuple[int, Decimal]]:
    return list(OpeningBalance.objects.filter(account=account).values_list("instrument__con_id", "quantity"))


def open_orders(account: Account, now: datetime) -> dict[int, OpenOrder]:
    """By permanent id. One that was never acknowledged has none: its own look-up decides about it."""
    rows = Order.objects.filter(account=account, state__in=AT_BROKER, perm_id__isnull=False)
    return {
        row.perm_id: OpenOrder(
            row.instrument.con_id,
            row.quantity - row.filled_quantity,
            in_flight=row.state in UNCERTAIN
            or row.updated_at > now - MOVED
            or bool(row.cancel_requested_at or row.wanted_changes),
        )
        for row in rows.select_related("instrument")
        if row.perm_id is not None
    }


def fills(account: Account, since: datetime) -> tuple[Quantities, Quantities, dict[int, int]]:
    """Of own orders since then: sums of executions, what the broker says is filled, and conIds, by permanent id."""
    orders = Order.objects.filter(account=account, is_external=False, submitted_at__gte=since, perm_id__isnull=False)
    pairs = orders.exclude(instrument__sec_type=COMBINATION).values_list("perm_id", "instrument__con_id")
    con_ids = {perm_id: con_id for perm_id, con_id in pairs if perm_id is not None}
    shown = BrokerOrder.objects.filter(perm_id__in=con_ids)
    stated = {perm_id: filled for perm_id, filled in shown.values_list("perm_id", "filled") if filled}
    executions = Execution.objects.filter(account=account, is_current=True, perm_id__in=con_ids)
    rows = executions.order_by().values("perm_id").annotate(total=Sum("quantity"))
    return {row["perm_id"]: row["total"] for row in rows}, stated, con_ids


def moving(account: Account, now: datetime, *, working: bool) -> set[int]:
    """Instruments in which a fill may be on its way: something uncertain, or something that just moved.

    `working`: those of working orders too, which may be filled at any moment.
    """
    states = AT_BROKER if working else UNCERTAIN
    orders = Order.objects.filter(account=account)
    executions = Execution.objects.filter(account=account, as_of__gt=now - MOVED)
    return {
        *orders.filter(state__in=states).values_list("instrument__con_id", flat=True),
        *orders.filter(updated_at__gt=now - MOVED).values_list("instrument__con_id", flat=True),
        *executions.values_list("instrument__con_id", flat=True),
    }


def symbols(con_ids: set[int]) -> dict[int, str]:
    return {row.con_id: str(row) for row in Instrument.objects.filter(con_id__in=con_ids)}
