"""Orders whose fate nobody knows: what the broker's complete lists say of them, twice. Synchronous."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.broker import lateness, ledger
from apps.broker.choices import OrderState, OrderType, TimeInForce
from apps.broker.domain.orders import may_follow
from apps.broker.gateway.orders.escalation import escalate_once
from apps.broker.gateway.synchroniser import Look
from apps.broker.models import Order
from apps.journal.choices import Level
from tradeops.lib import clock

ACTOR = "gateway"
S = OrderState
# What was sent last may still be on its way when a question overtakes it inside the broker's own systems.
SETTLE = timedelta(seconds=0.5)
APART = timedelta(seconds=5)
ESCALATE_AFTER = timedelta(seconds=30)
MOST_TIMES_SENT = 3
# They rest at the broker until a price comes. A market order is never sent twice, whatever the lists say.
RESENDABLE = frozenset(
    {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_CLOSE, OrderType.STOP, OrderType.TRAILING_STOP}
)
# The number was taken, so the order was not; with another number it may be good.
DUPLICATE_NUMBER = 103
REFUSED = "refused"
EXCHANGE_TIME = ZoneInfo("America/New_York")
SUBJECT = "order unresolved"


def count() -> int:
    return Order.objects.filter(state=S.UNRESOLVED).count()


@transaction.atomic
def judge(look: Look) -> None:
    """Count this look for every unresolved order, and decide about those that two looks agree on."""
    rows = Order.objects.select_for_update(of=("self",)).select_related("account", "instrument")
    for order in rows.filter(state=S.UNRESOLVED, account__code__in=look.snapshot.accounts).order_by("pk"):
        if order.state_since + SETTLE <= look.begun_at:
            _judge(order, look)


def _judge(order: Order, look: Look) -> None:
    if _is_shown(order, look):
        # What is shown decides its state; where it does not (yet), looking begins anew.
        Order.objects.filter(pk=order.pk).update(looks=0, looked_at=None)
    elif order.looked_at is None:
        Order.objects.filter(pk=order.pk).update(looks=1, looked_at=look.begun_at)
    elif look.begun_at - order.looked_at >= APART:
        Order.objects.filter(pk=order.pk).update(looks=order.looks + 1)
        _decide_absent(order)


def _is_shown(order: Order, look: Look) -> bool:
    shown = look.snapshot
    lists = (shown.open_orders.values(), shown.completed.values(), shown.executions.values())
    reference = str(order.pk)
    return any(
        row.order_ref == reference or (order.perm_id is not None and row.perm_id == order.perm_id)
        for rows in lists
        for row in rows
    )


def _decide_absent(order: Order) -> None:
    """Absent from open orders, completed orders and executions, twice."""
    found = _verdict(order)
    if found is None:
        return
    state, message = found
    if may_follow(S.UNRESOLVED, state):
        level = Level.WARN if state is S.EXPIRED else None
        ledger.move(
            order.pk, before=[S.UNRESOLVED], after=state, message=message, actor=ACTOR, level=level, looks=0,
            looked_at=None,
        )  # fmt: skip


def _verdict(order: Order) -> tuple[OrderState, str] | None:
    """None: nobody can say, a person must."""
    if order.acknowledged_at is not None:
        return _of_one_that_worked(order)
    code, words = _refusal(order)
    if order.cancel_requested_at is not None:
        return S.CANCELLED, "it never reached the broker, and its cancel was asked for"
    if code and code != DUPLICATE_NUMBER:
        return S.REJECTED, f"the broker refused it: {words}"
    if order.is_collared or order.order_type not in RESENDABLE:
        return (S.REJECTED, f"the broker refused it: {words}") if code else None
    if order.expires_at is not None and order.expires_at <= clock.now():
        return S.EXPIRED, "it never reached the broker, and its time is over"
    if lateness.is_late(order, clock.now()):
        return S.EXPIRED, f"it never arrived, and was approved too long ago to be sent again. {lateness.ADVICE}"
    if order.times_sent >= MOST_TIMES_SENT:
        return None
    return S.APPROVED, "two looks at the broker agree that it never arrived: it may be sent again"


def _of_one_that_worked(order: Order) -> tuple[OrderState, str] | None:
    """The broker's list of completed orders is of today only: an older end is in no list, and a person must say so."""
    if order.cancel_requested_at is not None:
        return S.CANCELLED, "its cancel was asked for, and two looks at the broker agree that no list names it"
    sent_on = order.submitted_at.astimezone(EXCHANGE_TIME).date() if order.submitted_at else None
    is_over = sent_on is not None and sent_on < clock.now().astimezone(EXCHANGE_TIME).date()
    if is_over and order.time_in_force != TimeInForce.GOOD_TILL_CANCELLED:
        return S.EXPIRED, "its day is over and the broker lists it no more"
    return None


def _refusal(order: Order) -> tuple[int, str]:
    """What the broker answered to the last sending; code 0 for nothing."""
    answers = order.events.filter(data__has_key=REFUSED, at__gte=order.submitted_at or order.created_at)
    last = answers.order_by("-id").first()
    return (int(last.data[REFUSED]), str(last.data["words"])) if last else (0, "")


@transaction.atomic
def refuse(client_id: int, number: int, code: int, words: str) -> None:
    """The broker answered a sending with an error: its lists decide whether the order lives."""
    order = (
        Order.objects.select_for_update(of=("self",))
        .select_related("account", "instrument")
        .filter(client_id=client_id, order_id=number, state__in=[S.SUBMITTING, S.UNRESOLVED])
        .first()
    )
    if order is None:
        return
    data = {REFUSED: code, "words": words}
    if order.state == S.UNRESOLVED:
        return ledger.note(order, message=words, actor=ACTOR, data=data)
    message = f"{words}; the broker's lists decide"
    ledger.move(
        order.pk, before=[S.SUBMITTING], after=S.UNRESOLVED, message=message, actor=ACTOR, data=data, looks=0,
        looked_at=None,
    )  # fmt: skip


@transaction.atomic
def escalate_overdue() -> None:
    overdue = Order.objects.filter(state=S.UNRESOLVED, state_since__lte=clock.now() - ESCALATE_AFTER)
    for order in overdue.select_related("account", "instrument").order_by("pk"):
        seconds = (clock.now() - order.state_since).total_seconds()
        escalate_once(
            order,
            SUBJECT,
            f"unresolved for {seconds:.0f} s: find out in TWS whether it exists; it is not sent again by itself. "
            "If it is gone there, cancel it here: that ends it",
        )
