"""Open orders of the ledger, and emergency actions that run or ended lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, IntegerField, Q, Value, When
from django.urls import reverse

from apps.broker import selectors as broker
from apps.broker.choices import OrderState
from apps.broker.models import EmergencyRun, Order
from apps.broker.models.stops import ENDED
from apps.console.trading import order_view, receipt_view

MOST = 40
LATELY = timedelta(minutes=15)
MOST_RUNS = 4
# What needs a person comes first.
RANK = {OrderState.UNRESOLVED: 0, OrderState.PROPOSED: 1}


def ledger_section(now: datetime) -> dict[str, Any]:
    rows = broker.open_ledger_orders()
    states = list(rows.order_by().values_list("state", flat=True))
    ranked = rows.annotate(rank=ranking()).order_by("rank", "-created_at")
    return {
        "as_of": now,
        "total": len(states),
        "unresolved": states.count(OrderState.UNRESOLVED),
        "waiting": states.count(OrderState.PROPOSED),
        "rows": [order_row(order) for order in ranked[:MOST]],
    }


def ranking() -> Case:
    cases = [When(state=state, then=Value(rank)) for state, rank in RANK.items()]
    return Case(*cases, default=Value(len(RANK)), output_field=IntegerField())


def order_row(order: Order) -> dict[str, Any]:
    state = OrderState(order.state)
    return {
        "id": str(order.pk),
        "url": reverse("admin:broker_order_change", args=[order.pk]),
        "name": str(order.instrument),
        "account": order.account.code,
        "side": order.side,
        "quantity": order.quantity,
        "filled": order.filled_quantity,
        "type": order.order_type,
        "prices": ", ".join(order_view.prices_text(order)),
        "purpose": order.get_purpose_display(),
        "strategy": order.strategy,
        "requested_by": order.requested_by,
        "state": order.state,
        "state_label": state.label,
        "tone": order_view.TONES[state],
        "pending": pending_text(order),
        "since": order.state_since,
        "expires_at": order.expires_at if state is OrderState.PROPOSED else None,
    }


def pending_text(order: Order) -> str:
    if order.cancel_requested_at is not None:
        return "cancel requested"
    return f"change asked for: {order_view.wanted_text(order)}" if order.wanted_changes else ""


def emergencies_section(now: datetime) -> dict[str, Any]:
    lately = ~Q(state__in=ENDED) | Q(ended_at__gte=now - LATELY)
    runs = EmergencyRun.objects.filter(lately).order_by("-requested_at")[:MOST_RUNS]
    return {"rows": [emergency_row(run) for run in runs]}


def emergency_row(run: EmergencyRun) -> dict[str, Any]:
    return {**receipt_view.row_of(run), "url": reverse("admin:broker_emergencyrun_change", args=[run.pk])}
