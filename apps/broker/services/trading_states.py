"""Pulling the lever and letting it go. Who may do which is decided by `risk`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.broker import gate
from apps.broker.choices import Scope, StopEnding, StopSource, TradingPermission
from apps.broker.models import TradingState
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

STEP = "Trading state"


@transaction.atomic
def set_trading_state(
    *,
    scope: Scope,
    permission: TradingPermission,
    source: StopSource,
    reason: str,
    actor: str,
    target: str = "",
    ending: StopEnding = StopEnding.PERSON,
    ends_at: datetime | None = None,
) -> TradingState:
    """What `source` says of the scope from now on. When this has been committed no claimed order has missed it."""
    gate.lock_alone()
    values = {
        "permission": permission,
        "reason": reason[:500],
        "ending": ending,
        "ends_at": ends_at,
        "set_by": actor,
        "set_at": clock.now(),
    }
    row, _ = TradingState.objects.update_or_create(scope=scope, target=target, source=source, defaults=values)
    _record(row, f"{row}: {reason}")
    return row


@transaction.atomic
def release_trading_state(
    *, scope: Scope, source: StopSource, reason: str, actor: str, target: str = ""
) -> TradingState | None:
    """Take back what `source` said of the scope; None when it said nothing. What other sources say stays."""
    gate.lock_alone()
    row = TradingState.objects.filter(scope=scope, target=target, source=source).first()
    if row is None or row.permission == TradingPermission.ACTIVE:
        return None
    row.permission, row.reason, row.ends_at = TradingPermission.ACTIVE, reason[:500], None
    row.set_by, row.set_at = actor, clock.now()
    row.save()
    _record(row, f"{row}: released ({source}): {reason}")
    return row


def _record(row: TradingState, message: str) -> None:
    data = {"scope": row.scope, "target": row.target, "source": row.source, "permission": row.permission}
    journal.record(step=STEP, message=message, level=Level.WARN, scope="risk", data=data, actor=row.set_by)
