"""Changing working orders: the same number sent again with the new terms. Synchronous.

The ledger's terms change when the broker shows them (`apps.broker.following`), never before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.broker import gate, lateness, ledger
from apps.broker.choices import OrderPurpose, OrderState
from apps.broker.domain.orders import ENTERING
from apps.broker.gateway.orders import families, fence, wire
from apps.broker.gateway.orders.claims import Claimed
from apps.broker.gateway.orders.fence import Identity
from apps.broker.gateway.orders.subject import Subject, subject_of
from apps.broker.gateway.synchroniser import Look
from apps.broker.models import Order
from apps.broker.models.ledger import ASKED_CHANGES
from apps.journal.choices import Level
from tradeops.lib import clock

ACTOR = "gateway"
ANSWER = timedelta(seconds=5)
MODIFY_REFUSED = "modify_refused"


@transaction.atomic
def take(
    identity: Identity,
    objection: Callable[[Subject], str],
    purposes: Collection[OrderPurpose] = frozenset(OrderPurpose),
) -> list[Claimed]:
    """Modifications that are now to be sent, of orders for the `purposes`.

    Raises FencedError when nothing may be sent at all.
    """
    gate.lock_shared()
    fence.require(identity)
    rows = (
        Order.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("account", "instrument", "parent")
        .filter(state=OrderState.WORKING, modify_sent_at=None, cancel_requested_at=None, purpose__in=purposes)
        .exclude(wanted_changes={})
        .order_by("pk")
    )
    return [item for item in (_take(order, identity, objection) for order in rows) if item is not None]


def _take(order: Order, identity: Identity, objection: Callable[[Subject], str]) -> Claimed | None:
    subject = subject_of(order)
    reason = _reason_against(order, subject, identity) or objection(subject)
    if reason:
        drop(order, f"not modified: {reason}")
        return None
    Order.objects.filter(pk=order.pk).update(modify_sent_at=clock.now())
    for name, value in order.wanted_changes.items():
        setattr(order, name, Decimal(value))
    placement = families.alone(order, order.order_id or 0)
    return Claimed(subject, wire.contract_of(order.instrument), wire.order_of(order, placement))


def _reason_against(order: Order, subject: Subject, identity: Identity) -> str:
    if order.client_id != identity.client_id or not order.order_id:
        return f"it belongs to client {order.client_id}, and only that client can change it"
    if OrderPurpose(order.purpose) in ENTERING and _asked_at(order) <= clock.now() - lateness.ENTRY_LASTS:
        return f"it was asked for too long ago. {lateness.ADVICE}"
    found = gate.look(account=subject.account, strategy=subject.strategy, con_id=subject.con_id)
    return "" if found.admits(OrderPurpose(order.purpose)) else "; ".join(found.reasons)


def _asked_at(order: Order) -> datetime:
    """What a change was judged by has passed as soon as what an order was."""
    asked = order.events.filter(data__has_key=ASKED_CHANGES).order_by("-id").values_list("at", flat=True).first()
    return asked or order.updated_at


def drop(order: Order, message: str) -> None:
    """The order keeps the terms that it has."""
    changes = order.wanted_changes
    Order.objects.filter(pk=order.pk).update(wanted_changes={}, modify_sent_at=None, updated_at=clock.now())
    ledger.note(order, message=message, actor=ACTOR, data={"changes": changes}, level=Level.WARN)


def is_wanted(order_id: UUID) -> bool:
    """Still so: it works, and nobody has asked to cancel it since the modification was taken."""
    rows = Order.objects.filter(pk=order_id, state=OrderState.WORKING, cancel_requested_at=None)
    return rows.exclude(wanted_changes={}).exists()


@transaction.atomic
def put_back(order_ids: list[UUID]) -> None:
    """Nothing left this machine: it is tried again."""
    Order.objects.filter(pk__in=order_ids).exclude(wanted_changes={}).update(modify_sent_at=None)


@transaction.atomic
def refuse(client_id: int, number: int, code: int, words: str) -> bool:
    """An error while a modification is under way; the order itself may live on. True if there is one."""
    order = _under_way().filter(client_id=client_id, order_id=number).first()
    if order is None:
        return False
    ledger.note(order, message=f"the broker answered the modification: {words}", actor=ACTOR,
                data={MODIFY_REFUSED: code, "words": words})  # fmt: skip
    return True


@transaction.atomic
def judge(look: Look) -> None:
    """A list that was asked for after the modification, and shows the old terms, ends it."""
    for order in _under_way().order_by("pk"):
        sent_at = order.modify_sent_at
        if sent_at is None or sent_at >= look.begun_at or order.perm_id not in look.snapshot.open_orders:
            continue
        refusal = order.events.filter(data__has_key=MODIFY_REFUSED, at__gte=sent_at).order_by("-id").first()
        if refusal is not None:
            drop(order, f"not modified, the order works on unchanged: {refusal.data['words']}")
        elif look.begun_at - sent_at >= ANSWER:
            drop(order, "not modified: the broker did not answer and still shows the old terms")


def is_overdue() -> bool:
    overdue = Order.objects.filter(modify_sent_at__lt=clock.now() - ANSWER)
    return overdue.exclude(wanted_changes={}).exists()


def _under_way() -> QuerySet[Order]:
    rows = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument")
    return rows.filter(modify_sent_at__isnull=False).exclude(wanted_changes={})
