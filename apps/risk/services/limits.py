"""Changing limits: tightening holds at once, loosening waits for a second person or cools off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from apps.broker.choices import Scope
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.risk import selectors
from apps.risk.choices import LimitName, RevisionState
from apps.risk.domain.limits import CATALOGUE, LimitKind
from apps.risk.exceptions import LimitError
from apps.risk.models import LimitRevision
from tradeops.lib import clock
from tradeops.lib.people import others_with

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHANGE, APPROVE = "risk.change_limits", "risk.approve_limits"
STEP = "Limit"
LIMIT_LOCK = 731_622
OVERDUE_STATES = Q(state=RevisionState.PENDING, effective_at__isnull=False) | Q(
    state=RevisionState.ACTIVE, expires_at__isnull=False
)


@transaction.atomic
def change_limit(
    *,
    name: LimitName,
    value: Decimal,
    reason: str,
    user: User | None,
    actor: str = "",
    scope: Scope = Scope.EVERYTHING,
    target: str = "",
    expires_at: datetime | None = None,
) -> LimitRevision:
    """In force at once when it tightens; else pending. A temporary loosening needs `expires_at`.

    `user` None is a program: it may tighten what is not personal. Raises LimitError.
    """
    kind = CATALOGUE[name]
    who = user.get_username() if user else actor
    check_change(kind, value, reason, user, scope, target, expires_at)
    _lock(name)
    now_holds = selectors.limit_in_force(name, scope, target)
    before = now_holds.value if now_holds else _inherited(kind, scope)
    loosens = would_loosen(name=name, value=value, scope=scope, target=target, expires_at=expires_at)
    if loosens and user is None:
        raise LimitError(f"{name}: only a person may loosen a limit.")
    LimitRevision.objects.filter(name=name, scope=scope, target=target, state=RevisionState.PENDING).update(
        state=RevisionState.REPLACED
    )
    revision = LimitRevision(
        name=name, scope=scope, target=target, value=value, reason=reason.strip()[:500], loosens=loosens,
        proposed_by=who, proposed_at=clock.now(), expires_at=expires_at, state=RevisionState.PENDING,
        replaces=now_holds,
    )  # fmt: skip
    if loosens:
        revision.effective_at = None if second_person_exists(user) else clock.now() + cool_off()
        revision.save()
        _record(revision, f"{revision} proposed (was {_shown(before)}): {reason}", who)
        return revision
    revision.save()
    return _put_in_force(revision, user, who)


def would_loosen(
    *, name: LimitName, value: Decimal, scope: Scope, target: str = "", expires_at: datetime | None = None
) -> bool:
    """Is it looser than what holds now, or than what would hold again while it lasts?"""
    kind, now_holds = CATALOGUE[name], selectors.limit_in_force(name, scope, target)
    before = now_holds.value if now_holds else _inherited(kind, scope)
    return any(
        known is not None and value != known and not kind.is_tighter(value, known)
        for known in [before, *_held_afterwards(kind, scope, now_holds, expires_at)]
    )


@transaction.atomic
def approve_limit(*, revision_id: int, user: User) -> LimitRevision:
    """Put a pending loosening in force. Raises LimitError for one's own proposal, or without the permission."""
    revision = _locked(revision_id)
    if not user.has_perm(APPROVE):
        raise LimitError(f"{user.get_username()} lacks the permission {APPROVE}: an administrator grants it.")
    if revision.state != RevisionState.PENDING:
        raise LimitError(f"{revision} does not wait any more: it is {revision.get_state_display().lower()}.")
    if revision.proposed_by == user.get_username():
        raise LimitError("Somebody else must approve a loosening that you proposed.")
    return _put_in_force(revision, user, user.get_username())


@transaction.atomic
def refuse_limit(*, revision_id: int, user: User, reason: str) -> LimitRevision:
    """Take a pending loosening back; the proposer may, too. Raises LimitError."""
    revision = _locked(revision_id)
    if not user.has_perm(APPROVE) and revision.proposed_by != user.get_username():
        raise LimitError(f"{user.get_username()} lacks the permission {APPROVE}: an administrator grants it.")
    if revision.state != RevisionState.PENDING:
        raise LimitError(f"{revision} does not wait any more: it is {revision.get_state_display().lower()}.")
    revision.state, revision.decided_by, revision.decided_at = RevisionState.REFUSED, user, clock.now()
    revision.save()
    _record(revision, f"{revision} refused: {reason}", user.get_username())
    return revision


@transaction.atomic
def advance_limits(*, now: datetime) -> int:
    """Put in force what has cooled off, end what has expired. Returns how many changed."""
    rows = LimitRevision.objects.order_by("name", "pk")
    for name in sorted(set(rows.filter(OVERDUE_STATES).values_list("name", flat=True))):
        _lock(name)
    cooled = list(rows.filter(state=RevisionState.PENDING, effective_at__lte=now))
    expired = list(rows.filter(state=RevisionState.ACTIVE, expires_at__lte=now))
    for revision in cooled:
        _put_in_force(revision, None, "cool-off")
    for revision in expired:
        _expire(revision, now)
    return len(cooled) + len(expired)


def second_person_exists(user: User | None) -> bool:
    """Is there somebody else who could approve?"""
    return others_with(APPROVE, user).exists()


def cool_off() -> timedelta:
    return timedelta(hours=settings.RISK_COOL_OFF_HOURS)


def check_change(
    kind: LimitKind,
    value: Decimal,
    reason: str,
    user: User | None,
    scope: Scope,
    target: str,
    expires_at: datetime | None,
) -> None:
    """Raises LimitError when nobody, or not this person, may make such a change at all."""
    if not reason.strip():
        raise LimitError("Say why: the reason is kept with the limit.")
    if not value.is_finite() or value < kind.lowest or (kind.highest is not None and value > kind.highest):
        upper = f" to {kind.highest:f}" if kind.highest is not None else " up"
        raise LimitError(f"{kind.name} must be a number from {kind.lowest:f}{upper} ({kind.unit}).")
    if (scope == Scope.EVERYTHING) != (not target):
        raise LimitError("Name the account, strategy or instrument, or choose everything without one.")
    if kind.is_personal and user is None:
        raise LimitError(f"{kind.name} is changed by persons only.")
    if user is not None and not user.has_perm(CHANGE):
        raise LimitError(f"{user.get_username()} lacks the permission {CHANGE}: an administrator grants it.")
    if expires_at is not None and expires_at <= clock.now():
        raise LimitError("The end of an exception must lie ahead.")


def _lock(name: str) -> None:
    """One change of a limit at a time, also of one that has no row yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LIMIT_LOCK, name])


def _locked(revision_id: int) -> LimitRevision:
    name = LimitRevision.objects.values_list("name", flat=True).get(pk=revision_id)
    _lock(name)
    return LimitRevision.objects.select_for_update().get(pk=revision_id)


def _held_afterwards(
    kind: LimitKind, scope: Scope, now_holds: LimitRevision | None, until: datetime | None
) -> Iterator[Decimal | None]:
    """What would hold again while the new value lasts: an exception must not be made to stay by stating it again."""
    row = now_holds
    while row is not None and row.expires_at is not None and (until is None or until > row.expires_at):
        row = row.replaces
        yield row.value if row else _inherited(kind, scope)


def _inherited(kind: LimitKind, scope: Scope) -> Decimal | None:
    """A narrower scope starts free: the tightest of all scopes wins anyway."""
    return kind.default if scope == Scope.EVERYTHING else None


def _put_in_force(revision: LimitRevision, user: User | None, actor: str) -> LimitRevision:
    now = clock.now()
    same = LimitRevision.objects.filter(name=revision.name, scope=revision.scope, target=revision.target)
    same.filter(state=RevisionState.ACTIVE).update(state=RevisionState.REPLACED)
    revision.state, revision.decided_by, revision.decided_at = RevisionState.ACTIVE, user, now
    revision.effective_at = now
    revision.save()
    _record(revision, f"{revision} in force: {revision.reason}", actor)
    return revision


def _expire(revision: LimitRevision, now: datetime) -> None:
    """What held before holds again, without anybody's doing; never something that has itself ended."""
    revision.state, revision.decided_at = RevisionState.EXPIRED, now
    revision.save(update_fields=["state", "decided_at"])
    before = revision.replaces
    while before is not None and before.expires_at is not None and before.expires_at <= now:
        before = before.replaces
    if before is not None:
        before.state = RevisionState.ACTIVE
        before.save(update_fields=["state"])
    _record(revision, f"{revision} has expired; {before or 'the default'} holds again", "clock")


def _record(revision: LimitRevision, message: str, actor: str) -> None:
    data = {"limit": revision.name, "revision": revision.pk, "value": str(revision.value), "state": revision.state}
    level = Level.WARN if revision.loosens else Level.INFO
    journal.record(step=STEP, message=message, level=level, scope="risk", data=data, actor=actor)


def _shown(value: Decimal | None) -> str:
    return "unlimited" if value is None else f"{value.normalize():f}"
