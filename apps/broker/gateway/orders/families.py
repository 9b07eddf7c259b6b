"""Which orders leave together: a parent with its children, and the members of a group of which one cancels all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from apps.broker import lateness, ledger
from apps.broker.choices import OrderPurpose, OrderState
from apps.broker.gateway.orders.wire import CANCEL_WITH_BLOCK, REDUCE, Placement
from apps.broker.models import BrokerOrder, Execution, Order
from tradeops.lib import clock

ACTOR = "gateway"
S = OrderState
GONE_WRONG = [S.DENIED, S.EXPIRED, S.REJECTED]
AT_BROKER = frozenset({S.WORKING, S.FILLED})


@dataclass(frozen=True, slots=True)
class Family:
    """`members` in the order in which they are sent, the parent first. All are locked."""

    members: tuple[Order, ...]

    @property
    def has_children(self) -> bool:
        return len(self.members) > 1 and self.members[1].parent_id == self.members[0].pk


def gather(root: Order, purposes: Collection[OrderPurpose] = frozenset(OrderPurpose)) -> Family | None:
    """The members of a group that are for another of the `purposes` follow later: what protects does not wait for them.

    None where the order must wait, or was ended here because it must not be sent any more."""
    if _is_at_broker(root):
        # Taken for lost, but the broker has it: what the lists say decides, it is not sent again.
        return None
    if root.parent is not None and not _parent_allows(root, root.parent):
        return None
    if root.oca_group and _group_is_over(root):
        _end(root, "another order of its group was filled")
        return None
    children = list(
        root.children.select_for_update(of=("self",), skip_locked=True)
        .select_related("account", "instrument", "parent")
        .filter(state=S.APPROVED, cancel_requested_at=None)
        .order_by("created_at", "pk")
    )
    if len(children) != root.children.filter(state=S.APPROVED).count():
        return None
    wrong = root.children.filter(state__in=GONE_WRONG, times_sent=0).first()
    if wrong is not None:
        _deny(root, children, f"an order that belongs to it is {wrong.get_state_display().lower()}")
        return None
    return Family((root, *children, *([] if children or root.parent else _group(root, purposes))))


def _is_at_broker(order: Order) -> bool:
    reference = str(order.pk)
    return any(table.objects.filter(order_ref=reference).exists() for table in (BrokerOrder, Execution))


def _parent_allows(order: Order, parent: Order) -> bool:
    if parent.state in AT_BROKER or parent.filled_quantity > 0:
        return True
    _end(order, f"the order that it belongs to is {parent.get_state_display().lower()}")
    return False


def _group_is_over(order: Order) -> bool:
    others = Order.objects.filter(account=order.account, oca_group=order.oca_group).exclude(pk=order.pk)
    return others.filter(filled_quantity__gt=0).exists()


def _group(root: Order, purposes: Collection[OrderPurpose]) -> list[Order]:
    """The others of its group that may go too."""
    if not root.oca_group:
        return []
    rows = Order.objects.select_for_update(of=("self",), skip_locked=True).filter(
        Q(expires_at=None) | Q(expires_at__gt=clock.now()),
        account=root.account,
        oca_group=root.oca_group,
        state=S.APPROVED,
        purpose__in=purposes,
        cancel_requested_at=None,
        parent=None,
        children=None,
    )
    rows = rows.exclude(pk=root.pk).exclude(lateness.late(clock.now()))
    rows = rows.select_related("account", "instrument", "parent").order_by("created_at", "pk")
    return [order for order in rows if not _is_at_broker(order)]


def placement(family: Family, place: int, first: int) -> Placement:
    """How member `place` is sent when the numbers begin at `first`. Only the last child releases its family."""
    order = family.members[place]
    group, group_type = order.oca_group, CANCEL_WITH_BLOCK if order.oca_group else 0
    if not family.has_children:
        return alone(order, first + place)
    if place and not group and len(family.members) > 2:
        group, group_type = bracket_group(family.members[0]), REDUCE
    last = place == len(family.members) - 1
    return Placement(first + place, first if place else 0, last, group, group_type)


def alone(order: Order, number: int) -> Placement:
    """An order by itself, or changed, or a child that comes after its parent."""
    group, group_type = order.oca_group, CANCEL_WITH_BLOCK if order.oca_group else 0
    parent = order.parent
    if parent is None:
        return Placement(number, 0, True, group, group_type)
    if not group and parent.children.count() > 1:
        group, group_type = bracket_group(parent), REDUCE
    return Placement(number, _parent_number(order, parent), True, group, group_type)


def _parent_number(order: Order, parent: Order) -> int:
    """0 for a child that is sent, or was sent, when its parent had ended: the broker knows that number no more."""
    sent_at = order.submitted_at
    ended = parent.state not in {S.WORKING, S.SUBMITTING}
    if ended and (sent_at is None or order.state == S.APPROVED or parent.state_since <= sent_at):
        return 0
    return parent.order_id or 0


def _end(order: Order, message: str) -> None:
    ledger.move(order.pk, before=[S.APPROVED], after=S.CANCELLED, message=message, actor=ACTOR)


def _deny(root: Order, children: list[Order], message: str) -> None:
    for order in (root, *children):
        ledger.move(order.pk, before=[S.APPROVED], after=S.DENIED, message=message, actor=ACTOR)


def bracket_group(parent: Order) -> str:
    """The children's group by name: one that is sent again must end with the others too."""
    return f"bracket-{parent.pk}"
