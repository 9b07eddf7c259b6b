"""An order as a page tells of it: what it is, how it stands and why, what may be done, and its story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User

from apps.broker.choices import OrderState
from apps.broker.domain.orders import OPEN
from apps.broker.models import Execution, Order
from apps.broker.services.orders import MAY_BE_AT_BROKER, NOT_SENT
from apps.console.roles import APPROVE_ORDER, CANCEL_ORDER, PROPOSE_ORDER
from apps.risk.choices import DenialCode, LimitName
from apps.risk.models import OrderOverride, OrderVerdict
from apps.risk.selectors import effective_limits
from apps.risk.services.approval import is_own
from apps.risk.services.overrides import override_problem
from tradeops.lib.people import others_with

TONES = {
    OrderState.PROPOSED: "warn",
    OrderState.APPROVED: "calm",
    OrderState.SUBMITTING: "calm",
    OrderState.WORKING: "calm",
    OrderState.FILLED: "good",
    OrderState.DENIED: "bad",
    OrderState.REJECTED: "bad",
    OrderState.UNRESOLVED: "bad",
    OrderState.CANCELLED: "",
    OrderState.EXPIRED: "",
}
REFUSED = frozenset({OrderState.DENIED, OrderState.REJECTED})
SENTENCES = {
    OrderState.PROPOSED: "It waits for a person's approval.",
    OrderState.APPROVED: "It is approved and goes to the broker next.",
    OrderState.SUBMITTING: "It has just been sent; the broker has not acknowledged it yet.",
    OrderState.WORKING: "It works at the broker.",
    OrderState.FILLED: "It is filled.",
    OrderState.UNRESOLVED: "It was sent and the broker has not confirmed it: it may be working or not.",
}


@dataclass(frozen=True, slots=True)
class Rights:
    """What this visitor may do with the order as it stands. `approve_problem` says why not, where others may."""

    approve: bool
    approve_problem: str
    reject: bool
    cancel: bool
    modify: bool
    override: bool

    @property
    def any(self) -> bool:
        may = (self.approve, self.reject, self.cancel, self.modify, self.override)
        return any(may) or bool(self.approve_problem)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened."""

    at: datetime
    label: str
    tone: str
    message: str
    actor: str


def rights_of(order: Order, user: User) -> Rights:
    state = OrderState(order.state)
    waits = state is OrderState.PROPOSED
    own = is_own(order, user)
    judges = user.has_perm(APPROVE_ORDER)
    problem = ""
    if waits and judges and own and others_with(APPROVE_ORDER, user).exists():
        problem = "You gave this order: somebody else must approve it."
    pending = order.cancel_requested_at is not None
    cancellable = state in NOT_SENT or state in MAY_BE_AT_BROKER
    return Rights(
        approve=waits and judges and not problem,
        approve_problem=problem,
        reject=waits and (judges or own) and (judges or user.has_perm(PROPOSE_ORDER)),
        cancel=cancellable and not pending and user.has_perm(CANCEL_ORDER),
        modify=state is OrderState.WORKING
        and not pending
        and not order.wanted_changes
        and not order.is_external
        and (judges or user.has_perm(PROPOSE_ORDER)),
        override=state is OrderState.DENIED and not override_problem(order, user),
    )


def outcome(order: Order) -> tuple[str, int]:
    """What came of an order that was just given, and how loud to say it."""
    level = messages.WARNING if order.state in REFUSED else messages.INFO
    return f"{order}: {order.get_state_display().lower()}.", level


def context_of(order: Order, user: User) -> dict[str, Any]:
    state = OrderState(order.state)
    return {
        "order": order,
        "tone": TONES[state],
        "is_refused": state in REFUSED,
        "is_open": state in OPEN,
        "sentence": order.state_reason if state in REFUSED or state not in SENTENCES else SENTENCES[state],
        "rights": rights_of(order, user),
        "prices": prices_text(order),
        "wanted": wanted_text(order),
        "verdict": verdict_of(order),
        "override": OrderOverride.objects.select_related("granted_by").filter(order=order).first(),
        "overridden_by": Order.objects.filter(override__denied=order).first(),
        "chapters": chapters_of(order),
        "executions": executions_of(order),
        "share": share_filled(order),
        "drift_limit": drift_limit(order) if state is OrderState.PROPOSED else None,
        "version": version_of(order),
    }


def version_of(order: Order) -> str:
    """Changes whenever the page would show something else."""
    commissions = sum(getattr(fill, "commission", None) is not None for fill in executions_of(order))
    return f"{order.updated_at.timestamp()}:{order.events.count()}:{order.verdicts.count()}:{commissions}"


def prices_text(order: Order) -> list[str]:
    named = (("limit", order.limit_price), ("stop", order.stop_price), ("trails by", order.trailing_amount))
    texts = [f"{name} {plain(value)}" for name, value in named if value is not None]
    if order.trailing_fraction is not None:
        texts.append(f"trails by {plain(order.trailing_fraction * 100)} %")
    return texts or ["at the market"]


def wanted_text(order: Order) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in order.wanted_changes.items())


def verdict_of(order: Order) -> OrderVerdict | None:
    """The latest; its reasons get the words of their codes."""
    verdict: OrderVerdict | None = order.verdicts.first()
    if verdict is not None:
        for reason in [*verdict.reasons, *verdict.saw.get("let_pass", [])]:
            reason["label"] = (
                DenialCode(reason["code"]).label if reason["code"] in DenialCode.values else reason["code"]
            )
    return verdict


def chapters_of(order: Order) -> list[Chapter]:
    return [
        Chapter(event.at, event.get_after_display(), TONES[OrderState(event.after)], event.message, event.actor)
        for event in order.events.all()
    ]


def executions_of(order: Order) -> list[Execution]:
    found = Execution.objects.filter(is_current=True, account=order.account).select_related("commission")
    if order.perm_id is not None:
        return list(found.filter(perm_id=order.perm_id).order_by("executed_at"))
    return list(found.filter(order_ref=str(order.pk)).order_by("executed_at"))


def share_filled(order: Order) -> float:
    return float(order.filled_quantity / order.quantity) if order.quantity else 0.0


def drift_limit(order: Order) -> Decimal | None:
    """In percent; None where nothing is limited."""
    limits = effective_limits(account=order.account.code, strategy=order.strategy, con_id=order.instrument.con_id)
    value = limits[LimitName.MAX_PRICE_DRIFT].value
    return None if value is None else value * 100


def plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
