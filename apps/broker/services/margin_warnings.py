"""IB warns that it will liquidate positions for lack of margin (2148): entries would only make it worse."""

from __future__ import annotations

from django.db import transaction

from apps.broker.choices import EmergencyKind, Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun, TradingState
from apps.broker.services.trading_states import set_trading_state
from apps.journal import services as journal
from apps.journal.choices import Severity

KEY, ACTOR, CAME_BY = "margin-warning", "gateway", "broker"
REMEDY = (
    "Reduce positions or add funds, compare with TWS, then resume: `manage.py resume --source broker --reason ...`."
)


@transaction.atomic
def halt_on_margin_warning(*, message: str) -> None:
    """Halt entries, also those that work, until a person resumes; a critical incident. Again: the incident counts on.

    Takes the gate's lock: call it before anything else is locked.
    """
    stops = TradingState.objects.filter(scope=Scope.EVERYTHING, source=StopSource.BROKER)
    if not stops.exclude(permission=TradingPermission.ACTIVE).exists():
        EmergencyRun.objects.create(
            kind=EmergencyKind.HALT,
            scope=Scope.EVERYTHING,
            permission=TradingPermission.HALTED,
            reason=message[:500],
            actor=ACTOR,
            came_by=CAME_BY,
        )
        set_trading_state(
            scope=Scope.EVERYTHING,
            permission=TradingPermission.HALTED,
            source=StopSource.BROKER,
            reason=message,
            actor=ACTOR,
        )
    journal.open_incident(
        key=KEY,
        title="The broker warns of a margin liquidation: trading is halted",
        severity=Severity.CRITICAL,
        detail=f"{message}\n{REMEDY}",
        scope="broker",
        actor=ACTOR,
    )
