"""The broker holds two orders of one intent: what is traded there is no longer what was decided."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.broker.choices import Scope, StopSource, TradingPermission
from apps.broker.models import TradingState
from apps.broker.services.trading_states import set_trading_state
from apps.journal import selectors
from apps.journal import services as journal
from apps.journal.choices import Severity

ACTOR = "gateway"


def is_halted_on(*, perm_id: int, since: datetime) -> bool:
    """Has `halt_on_second_order` been done for it? The gateway may die between its note and the halt."""
    return selectors.incident_since(key=_key(perm_id), at=since)


@transaction.atomic
def halt_on_second_order(*, con_id: int, symbol: str, perm_id: int, message: str) -> None:
    """Halt entries in the instrument until a person resumes; a critical incident for each such order.

    Takes the gate's lock: call it before anything else is locked.
    """
    target = str(con_id)
    stops = TradingState.objects.filter(scope=Scope.INSTRUMENT, target=target, source=StopSource.BROKER)
    if not stops.exclude(permission=TradingPermission.ACTIVE).exists():
        set_trading_state(
            scope=Scope.INSTRUMENT,
            target=target,
            permission=TradingPermission.HALTED,
            source=StopSource.BROKER,
            reason=message,
            actor=ACTOR,
        )
    journal.open_incident(
        key=_key(perm_id),
        title=f"Two orders of one intent at the broker: entries in {symbol} are halted",
        severity=Severity.CRITICAL,
        detail=f"{message}\nCancel or close what is too much, then resume: `manage.py resume --scope instrument "
        f"--target {target} --source broker --reason ...`.",
        scope="broker",
        actor=ACTOR,
    )


def _key(perm_id: int) -> str:
    return f"second-order:{perm_id}"
