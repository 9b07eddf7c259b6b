"""A stop that lets one entry through, to see whether what caused it is over."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from apps.broker.choices import OrderPurpose, OrderState, StopSource, TradingPermission
from apps.broker.domain.orders import ADMITTED
from apps.broker.models import EntryProbe, Order, TradingState
from tradeops.lib import clock

OFFERED = Q(probe__isnull=False, probe__order__isnull=True)
# Taken by an order that was not sent after all: it proves nothing.
UNSENT = (OrderState.APPROVED, OrderState.DENIED)


def standing() -> QuerySet[TradingState]:
    """Every stop that stops, those apart that offer a probe just now."""
    return TradingState.objects.exclude(permission=TradingPermission.ACTIVE).exclude(OFFERED)


def offer_probe(*, source: StopSource, now: datetime) -> None:
    """Each stop of `source` lets the next entry pass, and that one only."""
    for state in TradingState.objects.filter(source=source).exclude(permission=TradingPermission.ACTIVE):
        EntryProbe.objects.update_or_create(state=state, defaults={"offered_at": now, "order": None, "taken_at": None})


def withdraw_probe(*, source: StopSource) -> None:
    EntryProbe.objects.filter(state__source=source).delete()


def take_probe(order: Order) -> None:
    """Call it in the transaction that claims the order."""
    if OrderPurpose(order.purpose) not in ADMITTED[TradingPermission.HALTED]:
        EntryProbe.objects.filter(order=None).update(order=order, taken_at=clock.now())


def give_back(order: Order) -> None:
    """It was not sent after all: the next entry may pass instead. Call it in the transaction that says so."""
    EntryProbe.objects.filter(order=order).update(order=None, taken_at=None)


def probe_was_lost(*, source: StopSource, taken_before: datetime) -> bool:
    """Has an order taken it that was not sent, or so long ago that how it ended should have been counted?"""
    taken = EntryProbe.objects.filter(state__source=source, order__isnull=False)
    silent = Q(taken_at__lt=taken_before) & ~Q(order__state=OrderState.SUBMITTING)
    return taken.filter(Q(order__state__in=UNSENT) | Q(order__submitted_at=None) | silent).exists()
