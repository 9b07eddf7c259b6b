"""Changing an order that works: judged as if it were given now; nobody alone goes beyond what was approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from apps.broker import services as broker
from apps.broker.choices import Side
from apps.broker.domain.orders import CLOSING
from apps.broker.exceptions import OrderMovedOn
from apps.broker.models import Order
from apps.broker.services import Terms
from apps.broker.services.orders import MODIFIABLE
from apps.risk import gathering
from apps.risk.exceptions import ApprovalError
from apps.risk.services.approval import APPROVE, is_own, terms_of
from apps.risk.services.submission import PROPOSE, judge_terms, lock_account, require, write_verdict
from tradeops.lib.people import others_with

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def modify_order(
    *, order_id: UUID, changes: Mapping[str, Decimal], requested_by: str, user: User | None = None, reason: str = ""
) -> Order:
    """Ask the gateway for the change. `user` is the person who asks, None where a program does.

    Raises ApprovalError when the changed order would be denied, with every reason, or when the change goes beyond what
    was approved and this person may not approve it, or of an entry is not the only one who may; OrderError,
    OrderMovedOn.
    """
    order = _locked(order_id, lock=False)
    _require_right(order, changes, user)
    closing = gathering.intent_of(terms_of(order)).is_closing
    answers = gathering.ask_broker(order.account, order.instrument, closing=closing)
    with transaction.atomic():
        lock_account(order.account)
        order = _locked(order_id, lock=True)
        _require_right(order, changes, user)
        terms = changed_terms(order, changes)
        givers = (order.requested_by, order.on_behalf_of, requested_by)
        judged = judge_terms(
            terms, answers, parent=order.parent, oca_group=order.oca_group, besides=order.pk, givers=givers
        )
        if judged.verdict.is_approved:
            write_verdict(order, judged, asked_by=requested_by)
            return broker.request_modification(
                order_id=order.pk, changes=dict(changes), actor=requested_by, reason=reason
            )
    raise ApprovalError(f"The change is refused: {judged.verdict.sentence}")


def changed_terms(order: Order, changes: Mapping[str, Decimal]) -> Terms:
    """What would be left to trade, at the new prices: what is filled shows in the position already."""
    named: dict[str, Any] = {name: value for name, value in changes.items() if name in MODIFIABLE}
    terms = replace(terms_of(order), **named)
    left = terms.quantity - order.filled_quantity
    if left <= 0:
        raise ApprovalError(
            f"{order.filled_quantity.normalize():f} are filled already: the quantity must be larger, or cancel."
        )
    # A limit that somebody states is judged as one.
    return replace(terms, quantity=left, is_collared=terms.is_collared and "limit_price" not in named)


def goes_beyond(order: Order, changes: Mapping[str, Decimal]) -> bool:
    """More to trade, a worse price, or less protection than somebody approved."""
    return any(_loosens(order, name, value) for name, value in changes.items())


def _loosens(order: Order, name: str, value: Decimal) -> bool:
    if name == "quantity":
        return value < order.quantity if order.purpose in CLOSING else value > order.quantity
    if name == "limit_price" and order.limit_price is not None:
        return value > order.limit_price if order.side == Side.BUY else value < order.limit_price
    return True


def _require_right(order: Order, changes: Mapping[str, Decimal], user: User | None) -> None:
    if user is not None and not user.has_perm(APPROVE):
        require(user, PROPOSE)
    if not goes_beyond(order, changes):
        return
    if user is None:
        raise ApprovalError("The change goes beyond what was approved: a person must make it, signed in.")
    require(user, APPROVE)
    if not others_with(APPROVE, user).exists():
        return
    if order.purpose not in CLOSING:
        raise ApprovalError(
            "The change goes beyond what was approved, and somebody else could approve it: cancel, and propose anew."
        )
    # What protects a position is not taken away for a while to be approved anew.
    if is_own(order, user):
        raise ApprovalError("The change goes beyond what was approved: somebody else must make it.")


def _locked(order_id: UUID, *, lock: bool) -> Order:
    rows = Order.objects.select_for_update(of=("self",)) if lock else Order.objects.all()
    order = rows.select_related("account", "instrument", "parent").filter(pk=order_id).first()
    if order is None:
        raise OrderMovedOn("The ledger knows no such order.")
    return order
