"""One order beyond its limits: let pass once, for ten minutes, by a person who may loosen limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from apps.broker.choices import OrderState, OrderType
from apps.broker.models import Order
from apps.broker.services import Terms
from apps.risk.choices import DenialCode as Code
from apps.risk.domain.facts import Verdict
from apps.risk.domain.prices import AT_MARKET
from apps.risk.exceptions import ApprovalError
from apps.risk.models import OrderOverride
from apps.risk.services.approval import is_own, terms_of
from apps.risk.services.limits import APPROVE
from apps.risk.services.submission import Leave, require, submit_order
from tradeops.lib import clock
from tradeops.lib.people import others_with

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LASTS = timedelta(minutes=10)
# Numbers that a person may judge better than a rule. What nobody knows, what is stopped and what is not allowed at all
# no leave makes good.
MAY_PASS = frozenset(
    {
        *(Code.ORDER_VALUE, Code.ORDER_QUANTITY, Code.VOLUME_SHARE, Code.PRICE_COLLAR, Code.POSITION_SHARE),
        *(Code.OPEN_ORDERS, Code.POSITION_COUNT, Code.GROSS_EXPOSURE, Code.NET_EXPOSURE),
    }
)


def override_problem(order: Order, user: User) -> str:
    """Why this person cannot let this order pass; empty when they can."""
    if order.state != OrderState.DENIED:
        return f"{order} was not denied: it is {order.get_state_display().lower()}."
    if order.parent_id is not None or order.oca_group or order.children.exists():
        return f"{order} belongs with other orders: give them anew."
    if OrderOverride.objects.filter(denied=order).exists():
        return f"{order} was let pass already: once is all."
    if order.state_since < clock.now() - LASTS:
        return f"{order} was denied more than ten minutes ago, by other prices: give it anew."
    codes = codes_of(order)
    if not codes:
        return f"{order} was not denied by its limits."
    if firm := sorted(codes - MAY_PASS):
        return f"No leave makes good: {', '.join(Code(code).label.lower() for code in firm)}."
    if Code.PRICE_COLLAR in codes and order.order_type in AT_MARKET:
        return f"{order} would have no limit at all: give it as a limit order."
    if not user.has_perm(APPROVE):
        return f"{user.get_username()} lacks the permission {APPROVE}: an administrator grants it."
    if is_own(order, user) and others_with(APPROVE, user).exists():
        return "Somebody else must let an order pass that you gave."
    return ""


def override_order(*, order_id: UUID, user: User, reason: str) -> Order:
    """The same order once more, for whoever gave it, judged anew but for the limits that denied it.

    It comes back as from `submit_order`, and needs the same approval. Raises ApprovalError.
    """
    require(user, APPROVE)
    if not reason.strip():
        raise ApprovalError("Say why: the reason is kept with the order.")
    denied = Order.objects.select_related("account", "instrument", "parent").get(pk=order_id)
    if problem := override_problem(denied, user):
        raise ApprovalError(problem)
    leave = Leave(denied, frozenset(codes_of(denied)), reason.strip()[:500], user, clock.now() + LASTS)
    return submit_order(
        terms=as_given(terms_of(denied)),
        # With a space: nobody can state such a key over the API.
        idempotency_key=f"override {denied.pk}",
        requested_by=denied.requested_by,
        on_behalf_of=denied.on_behalf_of,
        expires_at=leave.expires_at,
        leave=leave,
    )


def may_be_let_pass(verdict: Verdict, terms: Terms) -> bool:
    without_limit = Code.PRICE_COLLAR in verdict.codes and terms.order_type in AT_MARKET
    return not verdict.is_approved and verdict.codes <= MAY_PASS and not without_limit


def codes_of(denied: Order) -> set[str]:
    """Those that were let pass when it was given for the second time among them."""
    verdict = denied.verdicts.first()
    if verdict is None or not verdict.reasons:
        return set()
    return {reason["code"] for reason in [*verdict.reasons, *verdict.saw.get("let_pass", [])]}


def as_given(terms: Terms) -> Terms:
    """A market order gets the collar of the quote as it is now."""
    if not terms.is_collared:
        return terms
    return replace(terms, order_type=OrderType.MARKET, limit_price=None, is_collared=False)
