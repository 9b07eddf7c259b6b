"""Submitting orders: the intent, its verdict and its approval or denial are written together, under one lock.

The broker is asked before the lock is taken; the tables are read under it, with every open order of the account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, TradingMode
from apps.broker.models import Account, Order
from apps.broker.services import Terms
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.risk import gathering, selectors
from apps.risk.choices import LimitName
from apps.risk.domain import prices
from apps.risk.domain.facts import Facts, Reason, Verdict
from apps.risk.domain.verdict import judge
from apps.risk.exceptions import ApprovalError
from apps.risk.gathering import Answers, Margin
from apps.risk.models import OrderOverride, OrderVerdict
from apps.risk.selectors import EffectiveLimit
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PROPOSE, HALT = "broker.propose_order", "broker.halt_trading"
ACCOUNT_LOCK = 731_623
ACTOR = "risk"


@dataclass(frozen=True, slots=True)
class Leave:
    """A person's word that the order `denied` may be given once more, whatever these codes say."""

    denied: Order
    codes: frozenset[str]
    reason: str
    granted_by: User
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on `terms` with all that it was made from; nothing of it is written yet. `passed` are the reasons
    that a person let pass, `margin` only where it was asked for."""

    verdict: Verdict
    terms: Terms
    facts: Facts
    limits: dict[Any, EffectiveLimit]
    margin: Known[Margin] | Unknown | None = None
    passed: tuple[Reason, ...] = ()


def submit_order(
    *,
    terms: Terms,
    idempotency_key: str,
    requested_by: str,
    user: User | None = None,
    parent: Order | None = None,
    oca_group: str = "",
    expires_at: datetime | None = None,
    on_behalf_of: str = "",
    leave: Leave | None = None,
) -> Order:
    """Propose and judge; the order comes back denied (`state_reason` says why), approved, or proposed for a person.

    The same key gives the same order, judged once. `user` is the person who gives the order, None where a program
    does, `on_behalf_of` whose token the program used. Submit a bracket inside one transaction, the parent first: the
    gateway must not see half of it.
    Raises ApprovalError without the permission, IdempotencyConflict, OrderError.
    """
    if user is not None:
        require(user, PROPOSE)
        requested_by = user.get_username()
    known = Order.objects.select_related("account", "instrument").filter(idempotency_key=idempotency_key).first()
    if known is not None and not _waits_for_verdict(known):
        return broker.propose_order(terms=terms, idempotency_key=idempotency_key, requested_by=requested_by)
    intent = gathering.intent_of(terms, parent=parent, oca_group=oca_group)
    answers = gathering.ask_broker(terms.account, terms.instrument, closing=intent.is_closing)
    terms = collared(terms, answers)
    with transaction.atomic():
        lock_account(terms.account)
        order = broker.propose_order(
            terms=terms,
            idempotency_key=idempotency_key,
            requested_by=requested_by,
            reference_price=answers.quote.value.price if isinstance(answers.quote, Known) else None,
            reference_at=answers.quote.value.at if isinstance(answers.quote, Known) else None,
            expires_at=expires_at or clock.now() + timedelta(minutes=settings.RISK_APPROVAL_MINUTES),
            parent=parent,
            oca_group=oca_group,
            on_behalf_of=on_behalf_of,
        )
        if not _waits_for_verdict(order):
            return order
        may_pass = frozenset(_override(order, leave).codes) if leave is not None else frozenset[str]()
        judged = judge_terms(
            terms,
            answers,
            parent=parent,
            oca_group=oca_group,
            besides=order.pk,
            givers=(requested_by, on_behalf_of),
            may_pass=may_pass,
        )
        write_verdict(order, judged, asked_by=requested_by)
        return _decide(order, judged.verdict, user)


def _override(order: Order, leave: Leave) -> OrderOverride:
    row = OrderOverride.objects.create(
        order=order,
        denied=leave.denied,
        codes=sorted(leave.codes),
        reason=leave.reason,
        granted_by=leave.granted_by,
        expires_at=leave.expires_at,
    )
    journal.record(
        step="Override",
        message=f"{order} may pass beyond {', '.join(row.codes)}: {row.reason}",
        level=Level.WARN,
        scope="risk",
        symbol=order.instrument.symbol,
        data={"order": str(order.pk), "denied": str(leave.denied.pk), "codes": row.codes},
        actor=leave.granted_by.get_username(),
    )
    return row


def preview_order(
    *,
    terms: Terms,
    givers: Collection[str] = (),
    parent: Order | None = None,
    oca_group: str = "",
    besides: UUID | None = None,
) -> Judged:
    """What would be decided now, and the margin it would need at the broker. Writes nothing and reserves nothing."""
    intent = gathering.intent_of(terms, parent=parent, oca_group=oca_group)
    with ThreadPoolExecutor(1) as pool:
        margin = pool.submit(gathering.ask_margin, terms)
        answers = gathering.ask_broker(terms.account, terms.instrument, closing=intent.is_closing)
        terms = collared(terms, answers)
        judged = judge_terms(terms, answers, parent=parent, oca_group=oca_group, besides=besides, givers=givers)
        return replace(judged, margin=margin.result())


def collared(terms: Terms, answers: Answers) -> Terms:
    """A market order becomes a limit order as far away as the collar allows. Without a quote that may be judged by it
    stays what it is: an entry is denied then, and nothing keeps a position from being closed.
    """
    if terms.order_type is not OrderType.MARKET or isinstance(answers.quote, Unknown):
        return terms
    intent, now = gathering.intent_of(terms), clock.now()
    limits = selectors.values_of(
        selectors.effective_limits(
            account=terms.account.code, strategy=terms.strategy, con_id=terms.instrument.con_id, now=now
        )
    )
    if any(prices.quote_problems(intent, answers.quote, now, limits)):
        return terms
    limit = prices.collared_limit(intent, answers.quote.value, limits)
    return terms if limit is None else replace(terms, order_type=OrderType.LIMIT, limit_price=limit, is_collared=True)


def judge_terms(
    terms: Terms,
    answers: Answers,
    *,
    parent: Order | None = None,
    oca_group: str = "",
    besides: UUID | None = None,
    givers: Collection[str] = (),
    more: Sequence[Reason] = (),
    may_pass: Collection[str] = (),
) -> Judged:
    """Hold the account's lock when the verdict is to be acted on. `givers` are who gives it and for whom, `more`
    reasons that the caller has found, `may_pass` the codes that a person let pass for this order.
    """
    now = clock.now()
    limits = selectors.effective_limits(
        account=terms.account.code, strategy=terms.strategy, con_id=terms.instrument.con_id, now=now
    )
    lately = timedelta(seconds=float(limits[LimitName.DUPLICATE_SECONDS].value or 0))
    facts = gathering.gather(terms, answers, now=now, givers=givers, besides=besides, lately=lately)
    verdict = judge(gathering.intent_of(terms, parent=parent, oca_group=oca_group), facts, selectors.values_of(limits))
    against = (*verdict.reasons, *more)
    passed = tuple(reason for reason in against if reason.code in may_pass)
    standing = tuple(reason for reason in against if reason.code not in may_pass)
    return Judged(replace(verdict, reasons=standing), terms, facts, limits, passed=passed)


def write_verdict(order: Order, judged: Judged, *, asked_by: str) -> OrderVerdict:
    return OrderVerdict.objects.create(
        order=order,
        at=judged.facts.now,
        is_approved=judged.verdict.is_approved,
        reasons=reasons_as_data(judged.verdict.reasons),
        saw=gathering.seen(judged.facts, judged.limits) | {"let_pass": reasons_as_data(judged.passed)},
        asked_by=asked_by[:150],
    )


def reasons_as_data(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    return [
        {
            "code": reason.code.value,
            "sentence": reason.sentence,
            "data": dict(reason.data),
            "limit": reason.limit.value if reason.limit else None,
        }
        for reason in reasons
    ]


def lock_account(account: Account) -> None:
    """Until the end of the transaction nobody else judges an order of the account."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ACCOUNT_LOCK, account.code])


def require(user: User, permission: str) -> None:
    if not user.has_perm(permission):
        raise ApprovalError(f"{user.get_username()} lacks the permission {permission}: an administrator grants it.")


def _waits_for_verdict(order: Order) -> bool:
    return order.state == OrderState.PROPOSED and not OrderVerdict.objects.filter(order=order).exists()


def _decide(order: Order, verdict: Verdict, user: User | None) -> Order:
    if not verdict.is_approved:
        codes = sorted(code.value for code in verdict.codes)
        return broker.deny_order(order_id=order.pk, reason=verdict.sentence, actor=ACTOR, data={"codes": codes})
    if needs_person(order, user):
        return order
    return broker.approve_order(order_id=order.pk, actor=ACTOR, reason=f"{verdict.sentence} Approved by rule.")


def needs_person(order: Order, user: User | None) -> bool:
    """A rule may approve what a strategy does on paper, live only what a person has named; and what flattens.

    What belongs to an order waits with it.
    """
    if order.parent is not None and order.parent.state == OrderState.PROPOSED:
        return True
    if order.purpose == OrderPurpose.FLATTEN:
        return user is not None and not user.has_perm(HALT)
    if order.parent is not None and order.purpose in {OrderPurpose.PROTECTIVE, OrderPurpose.EXIT}:
        return False
    if user is not None or not order.strategy:
        return True
    if order.account.mode == TradingMode.PAPER:
        return not settings.RISK_AUTO_APPROVE_PAPER
    return order.strategy not in settings.RISK_AUTO_APPROVE_LIVE
