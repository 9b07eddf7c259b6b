"""The session's row, its journal, and what else the gateway stores about itself. Synchronous, each one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from apps.broker.choices import SessionState
from apps.broker.domain.codes import Meaning
from apps.broker.gateway.tables import notify_mirror
from apps.broker.models import GatewaySession
from apps.broker.services.margin_warnings import halt_on_margin_warning
from apps.journal import services as journal
from apps.journal.choices import Level

AWAY_FOR_LONG = timedelta(minutes=5)
LEVELS = {
    SessionState.STARTING: Level.INFO,
    SessionState.RECONCILING: Level.INFO,
    SessionState.READY: Level.INFO,
    SessionState.PLANNED_RESTART: Level.INFO,
    SessionState.DATA_DEGRADED: Level.WARN,
    SessionState.COMPETING_SESSION: Level.WARN,
    SessionState.BROKER_LOST: Level.ERROR,
    SessionState.DISCONNECTED: Level.ERROR,
    SessionState.REFUSED: Level.ERROR,
}


@dataclass(frozen=True, slots=True)
class Transition:
    before: SessionState
    after: SessionState
    reason: str
    at: datetime
    epoch: int
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A message of the broker that people should see."""

    code: int
    text: str
    meaning: str
    level: Level
    step: str

    @property
    def message(self) -> str:
        return f"{self.text} (IBKR {self.code})"


@transaction.atomic
def write_session(
    values: Mapping[str, Any],
    transitions: Sequence[Transition],
    notices: Sequence[Notice],
    kept_appointment: datetime | None = None,
) -> None:
    """The heartbeat, and one journal event for each change of state and each notice; another reason is no change.

    `kept_appointment`: the weekly login that this session proves; the first proof counts.
    A halt goes first: its lock of the gate comes before that of the session's row, as in a claim.
    """
    for notice in notices:
        if notice.meaning == Meaning.MARGIN:
            halt_on_margin_warning(message=notice.message)
    GatewaySession.objects.update_or_create(id=GatewaySession.ONLY, defaults=values)
    if kept_appointment is not None:
        _keep(kept_appointment, values["heartbeat_at"])
    for change in transitions:
        if change.before is not change.after:
            _journal(change)
    for notice in notices:
        data = {"code": notice.code, "meaning": notice.meaning}
        journal.record(step=notice.step, message=notice.message, level=notice.level, scope="broker", data=data)
    if transitions:
        notify_mirror("session")


def _keep(appointment: datetime, now: datetime) -> None:
    unproved = Q(weekly_login_kept_at=None) | Q(weekly_login_kept_at__lt=appointment)
    if GatewaySession.objects.filter(unproved, id=GatewaySession.ONLY).update(weekly_login_kept_at=now):
        message = f"The weekly login of {appointment:%Y-%m-%d %H:%M} UTC is kept: a session has held since."
        journal.record(step="Weekly login", message=message, scope="broker", data={"due_at": appointment.isoformat()})


def _journal(change: Transition) -> None:
    journal.record(
        step="Session",
        message=f"{change.before.label} -> {change.after.label}" + (f": {change.reason}" if change.reason else ""),
        level=Level.INFO if change.expected else LEVELS[change.after],
        scope="broker",
        data={
            "from": change.before.value,
            "to": change.after.value,
            "reason": change.reason,
            "at": change.at.isoformat(),
            "epoch": change.epoch,
        },
    )


def begin_session(now: datetime) -> None:
    """A gateway that was away for long begins anew; one that comes and goes has had no session since its last."""
    GatewaySession.objects.get_or_create(id=GatewaySession.ONLY)
    was_away = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - AWAY_FOR_LONG) | Q(settled_at=None)
    GatewaySession.objects.filter(was_away, id=GatewaySession.ONLY).update(settled_at=now)


@transaction.atomic
def next_epoch() -> int:
    GatewaySession.objects.get_or_create(id=GatewaySession.ONLY)
    GatewaySession.objects.filter(id=GatewaySession.ONLY).update(epoch=F("epoch") + 1)
    return GatewaySession.objects.values_list("epoch", flat=True).get(id=GatewaySession.ONLY)
