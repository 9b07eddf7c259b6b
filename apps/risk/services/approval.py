"""A person's word on an order that waits: approved against the market as it is now, or rejected."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side, TimeInForce
from apps.broker.models import Order
from apps.broker.services import Terms
from apps.risk import gathering, selectors
from apps.risk.domain import prices
from apps.risk.domain.facts import Reason
from apps.risk.exceptions import ApprovalError
from apps.risk.gathering import Answers
from apps.risk.models import OrderOverride
from apps.risk.services.submission import judge_terms, lock_account, require, write_verdict
from tradeops.lib import clock
from tradeops.lib.known import Known
from tradeops.lib.people import others_with

if TYPE_CHECKING:
    from django.contrib.auth.models import User

APPROVE = "broker.approve_order"


def approve_order(*, order_id: UUID, user: User) -> Order:
    """Judge it again, now; approved, with what belongs to it, or denied when the market or the account has moved on.

    Raises ApprovalError for one's own order where somebody else could approve it, without the permission, or when the
    order does not wait any more.
    """
    order = _waiting(order_id, user)
    terms = terms_of(order)
    closing = gathering.intent_of(terms).is_closing
    answers = gathering.ask_broker(order.account, order.instrument, closing=closing)
    with transaction.atomic():
        lock_account(order.account)
        order = _waiting(order_id, user, lock=True)
        judged = judge_terms(
            terms,
            answers,
            parent=order.parent,
            oca_group=order.oca_group,
            besides=order.pk,
            givers=(order.requested_by, order.on_behalf_of),
            more=_drift(order, answers),
            may_pass=_let_pass(order),
        )
        write_verdict(order, judged, asked_by=user.get_username())
        if not judged.verdict.is_approved:
            codes = sorted(code.value for code in judged.verdict.codes)
            reason = f"Not approved any more: {judged.verdict.sentence}"
            return broker.deny_order(order_id=order.pk, reason=reason, actor=user.get_username(), data={"codes": codes})
        return _approve(order, user)


@transaction.atomic
def reject_order(*, order_id: UUID, user: User, reason: str) -> Order:
    """Deny an order that waits, and what belongs to it. The proposer may, too. Raises ApprovalError."""
    if not reason.strip():
        raise ApprovalError("Say why: the reason is kept with the order.")
    order = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument").get(pk=order_id)
    if order.requested_by != user.get_username():
        require(user, APPROVE)
    _must_wait(order)
    message = f"rejected by {user.get_username()}: {reason.strip()}"
    for child in order.children.filter(state=OrderState.PROPOSED):
        broker.deny_order(order_id=child.pk, reason=message, actor=user.get_username())
    return broker.deny_order(order_id=order.pk, reason=message, actor=user.get_username())


def is_own(order: Order, user: User) -> bool:
    """Given by this person, or by a program with his token."""
    return user.get_username() in (order.requested_by, order.on_behalf_of)


def terms_of(order: Order) -> Terms:
    return Terms(
        account=order.account,
        instrument=order.instrument,
        side=Side(order.side),
        quantity=order.quantity,
        order_type=OrderType(order.order_type),
        purpose=OrderPurpose(order.purpose),
        reason=order.reason,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trailing_amount=order.trailing_amount,
        trailing_fraction=order.trailing_fraction,
        time_in_force=TimeInForce(order.time_in_force),
        outside_regular_hours=order.outside_regular_hours,
        strategy=order.strategy,
        parameters_revision=order.parameters_revision,
        is_collared=order.is_collared,
    )


def _waiting(order_id: UUID, user: User, *, lock: bool = False) -> Order:
    rows = Order.objects.select_for_update(of=("self",)) if lock else Order.objects.all()
    order = rows.select_related("account", "instrument", "parent").get(pk=order_id)
    require(user, APPROVE)
    _must_wait(order)
    if order.parent is not None and order.parent.state == OrderState.PROPOSED:
        raise ApprovalError(f"{order} is approved with the order that it belongs to: {order.parent}.")
    if is_own(order, user) and others_with(APPROVE, user).exists():
        raise ApprovalError("Somebody else must approve an order that you gave.")
    return order


def _must_wait(order: Order) -> None:
    if order.state != OrderState.PROPOSED:
        raise ApprovalError(f"{order} does not wait for approval: it is {order.get_state_display().lower()}.")
    if order.expires_at is not None and order.expires_at <= clock.now():
        raise ApprovalError(f"{order} was not approved in time: submit it again.")


def _let_pass(order: Order) -> list[str]:
    override = OrderOverride.objects.filter(order=order, expires_at__gt=clock.now()).first()
    return override.codes if override is not None else []


def _drift(order: Order, answers: Answers) -> tuple[Reason, ...]:
    if order.reference_price is None or not isinstance(answers.quote, Known):
        return ()
    limits = selectors.effective_limits(
        account=order.account.code, strategy=order.strategy, con_id=order.instrument.con_id
    )
    return tuple(prices.drift(order.reference_price, answers.quote.value, selectors.values_of(limits)))


def _approve(order: Order, user: User) -> Order:
    """The children first: the gateway takes a family up with its parent."""
    name, reason = user.get_username(), f"approved by {user.get_username()}"
    for child in order.children.filter(state=OrderState.PROPOSED):
        broker.approve_order(order_id=child.pk, actor=name, user=user, reason=reason, expires_at=_until(child))
    return broker.approve_order(order_id=order.pk, actor=name, user=user, reason=reason, expires_at=_until(order))


def _until(order: Order) -> datetime:
    """An approval makes no order live longer than whoever gave it wanted."""
    until = clock.now() + timedelta(minutes=settings.RISK_APPROVAL_MINUTES)
    return min(until, order.expires_at) if order.expires_at is not None else until
