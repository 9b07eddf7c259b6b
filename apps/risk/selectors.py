"""What is allowed now, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from apps.broker.choices import Scope
from apps.risk.choices import LimitName, RevisionState
from apps.risk.domain.limits import CATALOGUE, Limits, tightest
from apps.risk.models import LimitRevision
from tradeops.lib import clock


@dataclass(frozen=True, slots=True)
class EffectiveLimit:
    """`revision` is the row it comes from; None: the default. `value` None: nothing is limited."""

    name: LimitName
    value: Decimal | None
    revision: LimitRevision | None

    @property
    def source(self) -> str:
        if self.revision is None:
            return "default" if self.value is not None else "not set"
        row = self.revision
        return f"{row.get_scope_display()} {row.target}".strip()


def limit_in_force(
    name: LimitName, scope: Scope, target: str = "", *, now: datetime | None = None
) -> LimitRevision | None:
    rows = LimitRevision.objects.filter(name=name, scope=scope, target=target, state=RevisionState.ACTIVE)
    row = rows.select_related("replaces").first()
    return row and standing(row, now or clock.now())


def effective_limits(
    *, account: str = "", strategy: str = "", con_id: int | None = None, now: datetime | None = None
) -> dict[LimitName, EffectiveLimit]:
    """Of every limit the tightest value of the scopes that apply; the default is that of everything."""
    applies = Q(scope=Scope.EVERYTHING)
    for scope, target in ((Scope.ACCOUNT, account), (Scope.STRATEGY, strategy), (Scope.INSTRUMENT, con_id)):
        if target:
            applies |= Q(scope=scope, target=str(target))
    now = now or clock.now()
    active = LimitRevision.objects.filter(applies, state=RevisionState.ACTIVE).select_related("replaces")
    rows = [row for found in active if (row := standing(found, now)) is not None]
    return {name: _effective(name, [row for row in rows if row.name == name]) for name in CATALOGUE}


def values_of(limits: Mapping[LimitName, EffectiveLimit]) -> Limits:
    return {name: limit.value for name, limit in limits.items()}


def standing(row: LimitRevision, now: datetime) -> LimitRevision | None:
    """The row, or what it replaced once it has expired: an exception ends on time, whoever tidies up after it."""
    found: LimitRevision | None = row
    while found is not None and found.expires_at is not None and found.expires_at <= now:
        found = found.replaces
    return found


def _effective(name: LimitName, rows: Iterable[LimitRevision]) -> EffectiveLimit:
    found = list(rows)
    general = any(row.scope == Scope.EVERYTHING for row in found)
    default = None if general else CATALOGUE[name].default
    value = tightest(name, [default, *(row.value for row in found)])
    source = None if value == default else next((row for row in found if row.value == value), None)
    return EffectiveLimit(name, value, source)


def pending_limits(name: LimitName | None = None) -> QuerySet[LimitRevision]:
    """Loosenings that wait for a second person or cool off."""
    rows = LimitRevision.objects.filter(state=RevisionState.PENDING)
    return rows.filter(name=name) if name else rows


def narrower_counts() -> list[int]:
    """How many narrower scopes have a value of their own, limit by limit in the order of the catalogue."""
    rows = LimitRevision.objects.filter(state=RevisionState.ACTIVE).exclude(scope=Scope.EVERYTHING)
    found = Counter(rows.values_list("name", flat=True))
    return [found[name.value] for name in CATALOGUE]
