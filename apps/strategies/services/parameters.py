"""Parameters are revisions: each is written once, one of a strategy is active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from apps.journal import services as journal
from apps.journal.choices import Level
from apps.strategies.choices import Strategy
from apps.strategies.domain.parameters import MomentumParameters, read_parameters
from apps.strategies.exceptions import InvalidParameters
from apps.strategies.models import ParametersRevision
from tradeops.lib import clock

STEP = "Parameters"
SCOPE = "strategies"
FIRST_REASON = "The defaults of this version."


@transaction.atomic
def active_revision(*, strategy: Strategy = Strategy.MOMENTUM) -> ParametersRevision:
    """The revision in force; the defaults become the first one where there is none yet."""
    active = ParametersRevision.objects.filter(strategy=strategy, is_active=True).first()
    if active is not None:
        return active
    _lock(strategy)
    active = ParametersRevision.objects.filter(strategy=strategy, is_active=True).first()
    return active or create_revision(values={}, reason=FIRST_REASON, actor="", strategy=strategy)


@transaction.atomic
def create_revision(
    *,
    values: Mapping[str, Any],
    reason: str,
    actor: str,
    strategy: Strategy = Strategy.MOMENTUM,
    activate: bool = True,
) -> ParametersRevision:
    """Write a new revision, in force at once unless told otherwise. Parameters left out have their defaults.

    Raises InvalidParameters for values that cannot be used and for a missing reason.
    """
    if not reason.strip():
        raise InvalidParameters("Say why: the reason is kept with the revision.")
    complete = read_parameters({**MomentumParameters().as_values(), **values}).as_values()
    _lock(strategy)
    last = ParametersRevision.objects.filter(strategy=strategy).order_by("-number").first()
    revision = ParametersRevision.objects.create(
        strategy=strategy,
        number=last.number + 1 if last else 1,
        values=complete,
        reason=reason.strip()[:500],
        created_at=clock.now(),
        created_by=actor[:150],
    )
    return activate_revision(revision=revision, actor=actor) if activate else revision


@transaction.atomic
def activate_revision(*, revision: ParametersRevision, actor: str) -> ParametersRevision:
    """Put it in force in place of the present one; nothing happens where it is already."""
    _lock(Strategy(revision.strategy))
    current = ParametersRevision.objects.filter(strategy=revision.strategy, is_active=True).first()
    if current is not None and current.pk == revision.pk:
        return current
    read_parameters(revision.values)
    ParametersRevision.objects.filter(strategy=revision.strategy, is_active=True).update(is_active=False)
    revision.is_active, revision.activated_at, revision.activated_by = True, clock.now(), actor[:150]
    revision.save(update_fields=["is_active", "activated_at", "activated_by"])
    _tell(revision, current, actor)
    return revision


def _tell(revision: ParametersRevision, previous: ParametersRevision | None, actor: str) -> None:
    before = previous.values if previous else {}
    changed = {name: value for name, value in revision.values.items() if before.get(name) != value}
    described = ", ".join(f"{name}={value}" for name, value in changed.items()) if previous else "defaults"
    journal.record(
        step=STEP,
        message=f"{revision} in force ({described or 'no change'}): {revision.reason}",
        level=Level.WARN if previous else Level.INFO,
        scope=SCOPE,
        data={"revision": revision.number, "previous": previous.number if previous else None, "changed": changed},
        actor=actor,
    )


def _lock(strategy: Strategy) -> None:
    """Until the end of the transaction nobody else writes or activates a revision of the strategy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"parameters:{strategy.value}"])
