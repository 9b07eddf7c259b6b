"""Taking approved orders to send them: one transaction that looks at everything that could forbid it. Synchronous.

What is committed here may be sent once, and by this gateway only. An order that was taken and not sent goes back with
`put_back`, never by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from ib_async import Contract
from ib_async import Order as WireOrder

from apps.broker import entry_probe, gate, lateness, ledger
from apps.broker.choices import OrderPurpose, OrderState
from apps.broker.gateway.orders import families, fence, numbers, wire
from apps.broker.gateway.orders.families import Family
from apps.broker.gateway.orders.fence import Identity
from apps.broker.gateway.orders.subject import Subject, subject_of
from apps.broker.models import Order
from apps.broker.services.orders import PUT_BACK
from tradeops.lib import clock

ACTOR = "gateway"
AT_ONCE = 8
S = OrderState


@dataclass(frozen=True, slots=True)
class Claimed:
    """Everything that is needed to send it. `latest`: not after that moment, however long it waited for its turn."""

    subject: Subject
    contract: Contract
    order: WireOrder
    latest: datetime | None = None


@transaction.atomic
def claim(
    identity: Identity,
    objection: Callable[[Subject], str],
    purposes: Collection[OrderPurpose] = frozenset(OrderPurpose),
) -> list[list[Claimed]]:
    """Families of orders that are now `submitting`; the members of each must leave together.

    `objection` says why memory forbids an order: a halt may be known there before the tables know it. A parent waits
    with all its children while one of them is not for one of the `purposes`; of a group only such a member does. Raises
    FencedError when nothing may be claimed at all.
    """
    gate.lock_shared()
    fence.require(identity)
    taken: list[list[Claimed]] = []
    seen: set[UUID] = set()
    for root in _candidates(purposes):
        if sum(map(len, taken)) >= AT_ONCE:
            break
        family = None if root.pk in seen else families.gather(root, purposes)
        if family is None or not {order.purpose for order in family.members} <= set(purposes):
            continue
        seen |= {order.pk for order in family.members}
        if _admitted(family, identity, objection):
            taken.append(_submit(family, identity))
    return taken


def _candidates(purposes: Collection[OrderPurpose]) -> list[Order]:
    """Oldest first: what is not waiting for its parent, nor for the approval of a child."""
    now = clock.now()
    unready_child = Order.objects.filter(parent=OuterRef("pk"), state__in=[S.PROPOSED, S.SUBMITTING, S.UNRESOLVED])
    rows = (
        Order.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("account", "instrument", "parent")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), state=S.APPROVED, cancel_requested_at=None)
        .filter(purpose__in=purposes)
        .exclude(lateness.late(now))
        .exclude(parent__state__in=[S.PROPOSED, S.APPROVED, S.SUBMITTING, S.UNRESOLVED])
        .exclude(Exists(unready_child))
        .order_by("created_at", "pk")
    )
    return list(rows[: 4 * AT_ONCE])


def _admitted(family: Family, identity: Identity, objection: Callable[[Subject], str]) -> bool:
    """All or none: a stop for one member stops the family. What is stopped is denied, with every reason."""
    reasons = [reason for order in family.members for reason in _reasons(order, identity, objection)]
    if not reasons:
        return True
    message = "; ".join(dict.fromkeys(reasons))
    for order in family.members:
        ledger.move(order.pk, before=[S.APPROVED], after=S.DENIED, message=message, actor=ACTOR)
    return False


def _reasons(order: Order, identity: Identity, objection: Callable[[Subject], str]) -> list[str]:
    subject = subject_of(order)
    reasons = []
    if subject.account != identity.account:
        reasons.append(f"this gateway trades {identity.account}, not {subject.account}")
    found = gate.look(account=subject.account, strategy=subject.strategy, con_id=subject.con_id)
    if not found.admits(OrderPurpose(order.purpose)):
        reasons += found.reasons
    elif against := objection(subject):
        reasons.append(against)
    reasons.append(gate.closing_objection(order))
    return [reason for reason in reasons if reason]


def _submit(family: Family, identity: Identity) -> list[Claimed]:
    first = numbers.reserve(identity.client_id, len(family.members))
    claimed = []
    for place, member in enumerate(family.members):
        order = ledger.move(
            member.pk,
            before=[S.APPROVED],
            after=S.SUBMITTING,
            message=f"being sent as order {first + place} of client {identity.client_id}",
            actor=ACTOR,
            epoch=identity.epoch,
            client_id=identity.client_id,
            order_id=first + place,
            submitted_at=clock.now(),
            acknowledged_at=None,
            times_sent=member.times_sent + 1,
            looks=0,
            looked_at=None,
        )
        if order is None:
            raise RuntimeError(f"order {member.pk} changed while it was locked")
        entry_probe.take_probe(order)
        placement = families.placement(family, place, first)
        subject = replace(subject_of(order), perm_id=None)
        contract, message = wire.contract_of(order.instrument), wire.order_of(order, placement)
        claimed.append(Claimed(subject, contract, message, lateness.latest(order)))
    return claimed


@transaction.atomic
def put_back(ids: Collection[UUID], reason: str) -> None:
    """For orders of which it is certain that nothing left this machine."""
    for order in Order.objects.select_for_update().filter(pk__in=ids, state=S.SUBMITTING).order_by("pk"):
        cancelled = order.cancel_requested_at is not None
        ledger.move(
            order.pk,
            before=[S.SUBMITTING],
            after=S.APPROVED,
            message=f"{PUT_BACK}{reason}",
            actor=ACTOR,
            times_sent=max(0, order.times_sent - 1),
            submitted_at=None,
        )
        entry_probe.give_back(order)
        if cancelled:
            message = "cancelled before it was sent"
            ledger.move(order.pk, before=[S.APPROVED], after=S.CANCELLED, message=message, actor=ACTOR)


@transaction.atomic
def deny(ids: Collection[UUID], reason: str) -> None:
    """As `put_back`, for orders that a stop forbids: they are not tried again."""
    for pk in sorted(ids):
        order = ledger.move(pk, before=[S.SUBMITTING], after=S.DENIED, message=reason, actor=ACTOR)
        if order is not None:
            Order.objects.filter(pk=pk).update(times_sent=F("times_sent") - 1)
            entry_probe.give_back(order)


@transaction.atomic
def give_up(sent_before: datetime, *, except_for: Collection[UUID], message: str) -> int:
    """Orders that were sent before that time and not answered become unresolved. Returns how many."""
    silent = Order.objects.filter(state=S.SUBMITTING, submitted_at__lte=sent_before).exclude(pk__in=except_for)
    values: dict[str, Any] = {"looks": 0, "looked_at": None}
    moved = [
        ledger.move(pk, before=[S.SUBMITTING], after=S.UNRESOLVED, message=message, actor=ACTOR, **values)
        for pk in list(silent.order_by("pk").values_list("pk", flat=True))
    ]
    return sum(order is not None for order in moved)
