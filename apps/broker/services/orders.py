"""Asking the ledger for orders. Nothing here sends: the gateway takes up what is approved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.broker import lateness, ledger
from apps.broker.choices import DRILL, OrderPurpose, OrderState, OrderType, Side, TimeInForce
from apps.broker.domain.orders import AT_RISK
from apps.broker.exceptions import IdempotencyConflict, OrderError, OrderMovedOn
from apps.broker.models import Account, Instrument, Order
from apps.broker.models.ledger import ASKED_CHANGES
from apps.journal.choices import Level
from tradeops.lib import clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NOT_SENT = [OrderState.PROPOSED, OrderState.APPROVED]
# How the reason of an order begins that the gateway had taken and could not send.
PUT_BACK = "not sent: "
AWAY = "the gateway was away, its session not ready for entries, or a restart planned"
MAY_BE_AT_BROKER = sorted(AT_RISK - {OrderState.APPROVED})
MODIFIABLE = frozenset({"quantity", "limit_price", "stop_price", "trailing_amount", "trailing_fraction"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be traded and why. Prices as the exchange quotes them.

    `is_collared`: a market order that is sent with a limit, so that it can pay no more than that.
    """

    account: Account
    instrument: Instrument
    side: Side
    quantity: Decimal
    order_type: OrderType
    purpose: OrderPurpose
    reason: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_amount: Decimal | None = None
    trailing_fraction: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    outside_regular_hours: bool = False
    strategy: str = ""
    parameters_revision: int | None = None
    is_collared: bool = False


@transaction.atomic
def propose_order(
    *,
    terms: Terms,
    idempotency_key: str,
    requested_by: str,
    reference_price: Decimal | None = None,
    reference_at: datetime | None = None,
    expires_at: datetime | None = None,
    parent: Order | None = None,
    oca_group: str = "",
    on_behalf_of: str = "",
) -> Order:
    """Write the intent down. The same key with the same terms gives the order that exists already.

    Raises IdempotencyConflict when the key stands for other terms, OrderError for terms that make no order.
    """
    values = {name: getattr(terms, name) for name in Terms.__slots__}
    if terms.strategy == DRILL:
        raise OrderError(f"No strategy may be called {DRILL}: halt drills cancel whatever it has. Choose another name.")
    if not terms.reason.strip():
        raise OrderError("An order needs a reason: it is kept with the order.")
    if parent is not None:
        _require_kin(parent, terms)
    try:
        with transaction.atomic():
            order = Order.objects.create(
                idempotency_key=idempotency_key,
                requested_by=requested_by,
                reference_price=reference_price,
                reference_at=reference_at,
                expires_at=expires_at,
                parent=parent,
                oca_group=oca_group,
                on_behalf_of=on_behalf_of,
                state_since=clock.now(),
                created_at=clock.now(),
                **values,
            )
    except IntegrityError as error:
        return _existing(idempotency_key, values, error)
    ledger.note(order, message=f"proposed: {terms.reason}", actor=requested_by)
    return order


def _require_kin(parent: Order, terms: Terms) -> None:
    """What belongs to an order takes its position back: it may close no more than that, so it must be the same one."""
    theirs = (parent.account_id, parent.instrument_id)
    if theirs != (terms.account.pk, terms.instrument.pk) or parent.side == terms.side:
        raise OrderError(
            f"What belongs to {parent} is of the same account and instrument, on the other side: give it by itself."
        )


def _existing(idempotency_key: str, values: dict[str, Any], error: IntegrityError) -> Order:
    order = Order.objects.select_related("account", "instrument").filter(idempotency_key=idempotency_key).first()
    if order is None:
        raise OrderError(f"These terms make no order: {str(error).splitlines()[0]}") from error
    different = sorted(name for name in _binding(order, values) if getattr(order, name) != values[name])
    if different:
        raise IdempotencyConflict(
            f"The key {idempotency_key!r} already stands for another order ({order}): "
            f"{', '.join(different)} differ. Use a new key for a new intent."
        ) from error
    return order


def _binding(order: Order, values: dict[str, Any]) -> set[str]:
    """A market order's limit follows from the quote: whoever repeats it need not see the same."""
    at_market = order.is_collared and (values["is_collared"] or values["order_type"] == OrderType.MARKET)
    return set(values) - {"reason"} - ({"order_type", "limit_price", "is_collared"} if at_market else set())


def deny_order(*, order_id: UUID, reason: str, actor: str, data: dict[str, Any] | None = None) -> Order:
    """Raises OrderMovedOn when it is not waiting any more."""
    return _moved(order_id, NOT_SENT, OrderState.DENIED, reason, actor, data)


def approve_order(
    *, order_id: UUID, actor: str, user: User | None = None, reason: str = "", expires_at: datetime | None = None
) -> Order:
    """Let the gateway send it. `user` is the person who approved; none where a rule did.

    Who may approve is decided by the caller. Raises OrderMovedOn when it is not proposed any more.
    """
    values: dict[str, Any] = {"approved_by": user, "approved_at": clock.now()}
    if expires_at is not None:
        values["expires_at"] = expires_at
    return _moved(order_id, [OrderState.PROPOSED], OrderState.APPROVED, reason or "approved", actor, None, **values)


@transaction.atomic
def request_cancel(*, order_id: UUID, actor: str, reason: str = "") -> Order:
    """Cancel: at once where nothing was sent, else through the gateway. Asking twice changes nothing.

    Raises OrderMovedOn when the order has ended.
    """
    order = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument").get(pk=order_id)
    if order.state in NOT_SENT:
        message = f"cancelled before it was sent{': ' + reason if reason else ''}"
        return _moved(order_id, NOT_SENT, OrderState.CANCELLED, message, actor, None)
    if order.state not in MAY_BE_AT_BROKER:
        raise OrderMovedOn(f"{order} cannot be cancelled: it is {order.get_state_display().lower()}.")
    if order.cancel_requested_at is None:
        order.cancel_requested_at, order.cancel_requested_by = clock.now(), actor
        order.save(update_fields=["cancel_requested_at", "cancel_requested_by", "updated_at"])
        ledger.note(order, message=f"cancel requested{': ' + reason if reason else ''}", actor=actor)
    return order


@transaction.atomic
def request_modification(*, order_id: UUID, changes: dict[str, Decimal], actor: str, reason: str = "") -> Order:
    """Ask the gateway to change a working order. The ledger's terms change when the broker has confirmed.

    Raises OrderError for other fields than quantity and prices, or while another modification is under way;
    OrderMovedOn when the order does not work.
    """
    unknown = sorted(set(changes) - MODIFIABLE)
    if unknown or not changes:
        raise OrderError(f"Only {', '.join(sorted(MODIFIABLE))} of an order can be modified.")
    order = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument").get(pk=order_id)
    if order.state != OrderState.WORKING:
        raise OrderMovedOn(f"{order} cannot be modified: it is {order.get_state_display().lower()}.")
    if order.wanted_changes or order.cancel_requested_at is not None:
        raise OrderError(f"{order}: another change is under way. Wait until the broker has answered it.")
    order.wanted_changes = {name: str(value) for name, value in changes.items()}
    order.save(update_fields=["wanted_changes", "updated_at"])
    ledger.note(order, message=f"modification requested{': ' + reason if reason else ''}", actor=actor,
                data={ASKED_CHANGES: order.wanted_changes})  # fmt: skip
    return order


def expire_orders(*, now: datetime) -> int:
    """End what was not sent by its time, and entries whose approval is too old. Returns how many."""
    overdue = Order.objects.filter(state__in=NOT_SENT, expires_at__lte=now)
    late = Order.objects.filter(lateness.late(now), state=OrderState.APPROVED)
    moved = [_expire(order, "not approved or sent in time", None) for order in list(overdue)]
    moved += [_expire(order, _why_late(order), Level.WARN) for order in list(late)]
    return sum(order is not None for order in moved)


def _expire(order: Order, message: str, level: Level | None) -> Order | None:
    return ledger.move(order.pk, before=NOT_SENT, after=OrderState.EXPIRED, message=message, actor="clock", level=level)


def _why_late(order: Order) -> str:
    """Whoever approved it in time must not believe that it was sent."""
    seconds = lateness.ENTRY_LASTS.total_seconds()
    approved = f"approved at {order.approved_at:%H:%M:%S} UTC" if order.approved_at else "approved"
    put_back = order.state_reason.startswith(PUT_BACK)
    told = put_back or order.times_sent > 0
    why = order.state_reason.removeprefix(PUT_BACK) if told else AWAY
    return f"{approved}, but it could not be sent within {seconds:g} s ({why}). {lateness.ADVICE}"


def _moved(
    order_id: UUID,
    before: list[OrderState],
    after: OrderState,
    message: str,
    actor: str,
    data: dict[str, Any] | None,
    **values: Any,
) -> Order:
    order = ledger.move(order_id, before=before, after=after, message=message, actor=actor, data=data, **values)
    if order is None:
        now = Order.objects.filter(pk=order_id).first()
        state = now.get_state_display().lower() if now else "unknown to the ledger"
        raise OrderMovedOn(f"The order cannot become {after.label.lower()}: it is {state}.")
    return order
