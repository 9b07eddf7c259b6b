"""The rows of an emergency: its receipt and what it stops. Written once however often it is pressed, never weakened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, Scope, StopEnding, StopSource, TradingPermission
from apps.broker.domain.orders import most_restrictive
from apps.broker.models import EmergencyRun, TradingState
from apps.broker.models.stops import ENDED


@dataclass(frozen=True, slots=True)
class Press:
    """Who wants what, and why."""

    kind: EmergencyKind
    scope: Scope
    target: str
    permission: TradingPermission
    reason: str
    actor: str
    came_by: str
    source: StopSource = StopSource.MANUAL
    ending: StopEnding = StopEnding.PERSON
    ends_at: datetime | None = None
    account: str = ""


PRESS_LOCK = 731_624
# A press waits no longer for another: it is tried again, and falls back on the file in the end.
LOCK_SECONDS = 2


def lock_presses(kind: EmergencyKind) -> None:
    """Until the end of the transaction nobody else presses this. To be taken before the gate's lock, never after."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [PRESS_LOCK, kind])


@transaction.atomic
def write_rows(press: Press, run_id: UUID) -> EmergencyRun:
    """The receipt first: the gateway, which may write the same from the file, does so in the same order.

    One after the other: of two who press at once the second finds the receipt of the first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", [f"{LOCK_SECONDS}s"])
    lock_presses(press.kind)
    run = _unfinished(press) or _create_run(press, run_id)
    gate.lock_alone()
    if press.kind is not EmergencyKind.CANCEL_ALL:
        _set_state(press)
    return run


def _unfinished(press: Press) -> EmergencyRun | None:
    runs = EmergencyRun.objects.filter(kind=press.kind).exclude(state__in=ENDED)
    if press.kind is EmergencyKind.CLOSE_ALL:
        return runs.filter(account=press.account).first()
    return runs.filter(scope=press.scope, target=press.target, permission=press.permission).first()


def covers(run: EmergencyRun, press: Press) -> bool:
    """Is what is under way at least what was asked for?"""
    if press.kind is not EmergencyKind.CLOSE_ALL or run.scope == Scope.EVERYTHING:
        return True
    if run.scope == Scope.ACCOUNT and press.scope is Scope.INSTRUMENT:
        return True
    return (run.scope, run.target) == (press.scope, press.target)


def _create_run(press: Press, run_id: UUID) -> EmergencyRun:
    names = ("kind", "scope", "target", "account", "permission", "actor", "came_by")
    values = {name: getattr(press, name) for name in names} | {"reason": press.reason.strip()[:500]}
    try:
        with transaction.atomic():
            run, is_new = EmergencyRun.objects.get_or_create(pk=run_id, defaults=values)
    except IntegrityError:
        under_way = _unfinished(press)
        if under_way is None:
            raise
        return under_way
    if not is_new:
        # The gateway has seen the file first.
        run.came_by = press.came_by
        run.save(update_fields=["came_by"])
    return run


def stricter(press: Press) -> list[str]:
    """What was asked for is less than what holds already."""
    rows = TradingState.objects.filter(scope=press.scope, target=press.target, source=press.source)
    return [f"{row} by {row.set_by} stays: {row.reason}" for row in rows.exclude(permission=press.permission)]


def _set_state(press: Press) -> None:
    row = TradingState.objects.filter(scope=press.scope, target=press.target, source=press.source).first()
    before = TradingPermission(row.permission) if row else TradingPermission.ACTIVE
    strictest = most_restrictive([before, press.permission])
    if strictest is before:
        return
    broker.set_trading_state(
        scope=press.scope,
        target=press.target,
        permission=strictest,
        source=press.source,
        reason=press.reason,
        actor=press.actor,
        ending=press.ending,
        ends_at=press.ends_at,
    )
