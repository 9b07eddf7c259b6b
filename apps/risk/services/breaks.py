"""The life of breaks: seen, settling, open with a lock, cleared by agreement, or booked by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from apps.broker import services as broker
from apps.broker.choices import HoldingChangeKind, Scope, StopEnding, StopSource, TradingPermission
from apps.broker.models import Account, BrokerOrder, Instrument, Order
from apps.broker.services.trades import book_holding_change
from apps.journal import services as journal
from apps.journal.choices import Level, Severity
from apps.risk.choices import BreakKind, BreakState
from apps.risk.domain.reconciling import Difference, is_cleared, state_of, text
from apps.risk.exceptions import RiskError
from apps.risk.models import Break
from apps.risk.models.breaks import UNENDED
from apps.risk.reconciling import ledger
from tradeops.lib import clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

STEP, SCOPE, ACTOR = "Break", "risk", "reconciliation"
BOOK = "risk.book_correction"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What booking would do. It changes the ledger alone: nothing is sent to the broker."""

    instrument: str
    before: Decimal
    change: Decimal
    after: Decimal

    def __str__(self) -> str:
        return f"{self.instrument}: ledger {text(self.before)} {self.change:+f} = {text(self.after)}, as at the broker"


def unended() -> QuerySet[Break]:
    return Break.objects.filter(state__in=UNENDED)


def update(*, account: Account, found: Mapping[BreakKind, Sequence[Difference] | None], now: datetime) -> None:
    """Bring the breaks to what a comparison found. None: that kind was not compared, its breaks stay as they are."""
    rows = {(row.kind, row.subject): row for row in unended().select_for_update().filter(account=account)}
    for kind, differences in found.items():
        if differences is None:
            continue
        for difference in differences:
            _see(account, rows.pop((kind, difference.subject), None), difference, now)
        for row in [row for row in rows.values() if row.kind == kind]:
            _agree(row, now)


def propose(row: Break) -> Proposal:
    """The correction that makes the ledger equal to what the broker showed last. Raises RiskError."""
    if row.kind != BreakKind.POSITION or row.instrument is None:
        raise RiskError(f"Only positions are booked. {remedy(row)}")
    if row.state != BreakState.OPEN:
        raise RiskError(f"The break is {row.get_state_display().lower()}: there is nothing to book.")
    before = ledger.positions(row.account).get(row.instrument.con_id, Decimal(0))
    if text(before) != row.ledger_value:
        raise RiskError("The ledger has moved since the last comparison: reconcile again, then book.")
    after = Decimal(row.broker_value)
    return Proposal(str(row.instrument), before, after - before, after)


@transaction.atomic
def book_correction(*, break_id: int, reason: str, user: User, now: datetime | None = None) -> Break:
    """The ledger takes over the broker's position, with a reason. Raises RiskError."""
    if not (user.is_active and user.has_perm(BOOK)):
        raise RiskError(f"{user.get_username()} lacks the permission {BOOK}: an administrator grants it.")
    if not reason.strip():
        raise RiskError("Say what happened: the reason is kept with the correction.")
    now = now or clock.now()
    row = Break.objects.select_for_update(of=("self",)).select_related("account", "instrument").get(pk=break_id)
    proposal = propose(row)
    if row.instrument is None:
        raise RiskError("The break names no instrument.")
    row.correction = book_holding_change(
        account=row.account,
        instrument=row.instrument,
        kind=HoldingChangeKind.CORRECTION,
        quantity=proposal.change,
        at=now,
        reason=f"break {row.pk}: {reason.strip()}",
        actor=user.get_username(),
    )
    _end(row, BreakState.BOOKED, f"{proposal}: {reason.strip()}", user.get_username(), now)
    return row


def remedy(row: Break) -> str:
    match row.kind:
        case BreakKind.POSITION:
            return "Find the trade in TWS. It clears itself when both sides agree twice; else book a correction."
        case BreakKind.ORDER:
            return "Look at the order in TWS and cancel it there if nobody wants it; the ledger follows by itself."
        case BreakKind.EXECUTION:
            return "The executions of the order are incomplete: restart the gateway, it reads them anew."
        case _:
            return "The account's values are late: see the session; they are read anew within three minutes."


def _see(account: Account, row: Break | None, difference: Difference, now: datetime) -> None:
    if row is None:
        row = Break(account=account, kind=difference.kind, subject=difference.subject, first_seen_at=now, seen=0)
        row.instrument = _instrument(difference)
        before = None
    else:
        before = (row.state, row.ledger_value, row.broker_value)
    row.title = difference.title[:200]
    row.ledger_value, row.broker_value = difference.ledger_value, difference.broker_value
    row.last_seen_at, row.seen, row.agreed = now, row.seen + 1, 0
    if row.state != BreakState.OPEN or before is None:
        row.state = state_of(difference, first_seen_at=row.first_seen_at, now=now)
    row.save()
    if row.state == BreakState.OPEN and before != (row.state, row.ledger_value, row.broker_value):
        _open(row, now)


def _instrument(difference: Difference) -> Instrument | None:
    if difference.con_id is not None:
        return Instrument.objects.filter(con_id=difference.con_id).first()
    if difference.kind is BreakKind.ORDER:
        known = {"perm_id": int(difference.subject)}
        order = Order.objects.filter(**known).first() or BrokerOrder.objects.filter(**known).first()
        return order.instrument if order else None
    return None


def _open(row: Break, now: datetime) -> None:
    if row.instrument is not None:
        broker.set_trading_state(
            scope=Scope.INSTRUMENT,
            target=str(row.instrument.con_id),
            permission=TradingPermission.HALTED,
            source=StopSource.RECONCILIATION,
            reason=f"ledger and broker disagree: {row.title}",
            actor=ACTOR,
            ending=StopEnding.RECOVERY,
        )
    _record(row, "opened", ACTOR, Level.ERROR)
    journal.open_incident(
        key=incident_key(row),
        title=f"Ledger and broker disagree: {row.title}",
        severity=Severity.WARNING if row.kind == BreakKind.ACCOUNT else Severity.CRITICAL,
        detail=remedy(row),
        scope=SCOPE,
        actor=ACTOR,
        now=now,
    )


def _agree(row: Break, now: datetime) -> None:
    row.agreed += 1
    if is_cleared(BreakState(row.state), row.agreed):
        was_open = row.state == BreakState.OPEN
        ending = "both sides agree twice" if was_open else "it was on its way"
        _end(row, BreakState.CLEARED, ending, ACTOR, now, was_open=was_open)
    else:
        row.save(update_fields=["agreed"])


def _end(row: Break, state: BreakState, ending: str, actor: str, now: datetime, *, was_open: bool = True) -> None:
    row.state, row.ended_at, row.ended_by, row.ending = state, now, actor, ending[:500]
    row.save()
    if not was_open:
        return
    _record(row, state.label.lower(), actor, Level.WARN)
    journal.resolve_incident(key=incident_key(row), detail=ending, actor=actor, now=now)
    others = unended().filter(instrument=row.instrument, state=BreakState.OPEN)
    if row.instrument is not None and not others.exists():
        broker.release_trading_state(
            scope=Scope.INSTRUMENT,
            target=str(row.instrument.con_id),
            source=StopSource.RECONCILIATION,
            reason=f"{row.title}: {ending}",
            actor=actor,
        )


def incident_key(row: Break) -> str:
    return f"break:{row.account.code}:{row.kind}:{row.subject}"[:128]


def _record(row: Break, change: str, actor: str, level: Level) -> None:
    journal.record(
        step=STEP,
        message=f"break {change}: {row.title}" + (f": {row.ending}" if row.ending else ""),
        level=level,
        scope=SCOPE,
        symbol=row.instrument.symbol if row.instrument else "",
        data={"break": row.pk, "kind": row.kind, "ledger": row.ledger_value, "broker": row.broker_value},
        actor=actor,
    )
