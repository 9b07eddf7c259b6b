"""What is allowed now, and why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from apps.broker.choices import Scope
from apps.risk.choices import LimitName, RevisionState
from apps.risk.domain.limits import CATALOGUE, tightest
from apps.risk.models import LimitRevision


@dataclass(frozen=True, slots=True)
class EffectiveLimit:
    """`revision` is the row it comes from; None: the default."""

    name: LimitName
    value: Decimal | None
    revision: LimitRevision | None


def limit_in_force(name: LimitName, scope: Scope, target: str = "") -> LimitRevision | None:
    rows = LimitRevision.objects.filter(name=name, scope=scope, target=target, state=RevisionState.ACTIVE)
    return rows.first()


def effective_limits(
    *, account: str = "", strategy: str = "", con_id: int | None = None
) -> dict[LimitName, EffectiveLimit]:
    """Of every limit the tightest value of the scopes that apply."""
    applies = Q(scope=Scope.EVERYTHING)
    for scope, target in ((Scope.ACCOUNT, account), (Scope.STRATEGY, strategy), (Scope.INSTRUMENT, con_id)):
        if target:
            applies |= Q(scope=scope, target=str(target))
    rows = list(LimitRevision.objects.filter(applies, state=RevisionState.ACTIVE))
    return {name: _effective(name, [row for row in rows if row.name == name]) for name in CATALOGUE}


def _effective(name: LimitName, rows: list[LimitRevision]) -> EffectiveLimit:
    value = tightest(name, [row.value for row in rows])
    return EffectiveLimit(name, value, next((row for row in rows if row.value == value), None))
