"""What the clock does for emergencies, each second in the sentinel: ends stops, drives orphans, calls for people."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, EmergencyState, Scope, StopEnding, StopSource, TradingPermission
from apps.broker.models import BrokerOrder, EmergencyRun, TradingState
from apps.broker.models.stops import DRILLS, UNFINISHED
from apps.journal import services as journal
from apps.risk.services import emergency_receipts as receipts
from apps.risk.services.emergency_closing import carry_on
from tradeops.lib import clock
from tradeops.lib.sessions import sessions_of

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = "XNYS"
# Whoever was asked has begun by then.
ORPHANED = timedelta(seconds=2)
OVERDUE = timedelta(seconds=20)
# A close-all may close for a minute and wait for its last orders.
CLOSE_ALL_OVERDUE = timedelta(seconds=110)
REMEMBERED = timedelta(days=2)
STUCK = "nobody has brought it to an end in time"


def next_trading_day(now: datetime) -> datetime:
    """Midnight in New York before the next session there: when what was stopped for the day ends."""
    today = now.astimezone(NEW_YORK).date()
    ahead = (today + timedelta(days=offset) for offset in range(1, 15))
    day = next(day for day in ahead if day in sessions_of(CALENDAR, day.year))
    return datetime.combine(day, time(), NEW_YORK)


def attend_emergencies(*, now: datetime | None = None) -> None:
    """One round of what takes no time. Orphans are driven beside it."""
    now = now or clock.now()
    lift_due_stops(now=now)
    call_for_people(now=now)


def drive_orphans(*, now: datetime | None = None) -> None:
    """Carry close-alls on that nobody drives: each may take more than a minute."""
    now = now or clock.now()
    orphans = EmergencyRun.objects.filter(kind=EmergencyKind.CLOSE_ALL, requested_at__lt=now - ORPHANED)
    for run in orphans.filter(state__in=UNFINISHED).order_by("requested_at"):
        carry_on(run_id=run.pk)


def lift_due_stops(*, now: datetime) -> int:
    """End the stops whose trading day is over. Returns how many; a person's stop is never among them."""
    rows = TradingState.objects.filter(ending=StopEnding.NEXT_TRADING_DAY, ends_at__lte=now)
    due = rows.exclude(permission=TradingPermission.ACTIVE).exclude(source=StopSource.MANUAL)
    return sum(_lift(due, pk) for pk in due.values_list("pk", flat=True))


@transaction.atomic
def _lift(due: QuerySet[TradingState], pk: int) -> bool:
    """False when it has been renewed or released meanwhile."""
    gate.lock_alone()
    row = due.filter(pk=pk).first()
    if row is None:
        return False
    broker.release_trading_state(
        scope=Scope(row.scope),
        target=row.target,
        source=StopSource(row.source),
        reason=f"the next trading day has begun; it was: {row.reason}",
        actor="clock",
    )
    return True


def call_for_people(*, now: datetime) -> None:
    """An incident for each run that is not verified, once; resolved when the broker shows the end after all.

    Of a drill its job tells: nothing real is left to cancel, and nobody should be sent to TWS for it.
    """
    runs = EmergencyRun.objects.exclude(kind=EmergencyKind.RESUME).filter(requested_at__gt=now - REMEMBERED)
    runs = runs.exclude(DRILLS)
    closing = Q(kind=EmergencyKind.CLOSE_ALL)
    overdue = (closing & Q(requested_at__lt=now - CLOSE_ALL_OVERDUE)) | (~closing & Q(requested_at__lt=now - OVERDUE))
    stuck = Q(state__in=UNFINISHED) & overdue
    given_up = Q(state__in=[EmergencyState.ESCALATED, EmergencyState.FAILED, EmergencyState.OTHERS])
    for run in runs.filter(stuck | given_up).exclude(found__has_key="told"):
        _call(run)
    told = runs.filter(found__told=True).exclude(found__has_key="resolved")
    for run in told.filter(state__in=[EmergencyState.DONE, EmergencyState.OTHERS]):
        if not _others_work(run):
            _resolve(run)


def _call(run: EmergencyRun) -> None:
    """A close-all that nobody drives ends here: its row stops a driver that was frozen and wakes up late."""
    if run.kind == EmergencyKind.CLOSE_ALL and run.state in UNFINISHED:
        # The end first: a driver that is still at work gives no order after it.
        receipts.end(run, EmergencyState.ESCALATED, problem=STUCK)
        receipts.give_up_orders(run, STUCK)
        return
    with transaction.atomic():
        row = EmergencyRun.objects.select_for_update().get(pk=run.pk)
        row.problem = row.problem or "not carried out yet: is the gateway running?"
        receipts.tell(row)


def _others_work(run: EmergencyRun) -> bool:
    left = [entry["perm_id"] for entry in run.results if not entry["done"] and entry.get("perm_id")]
    return run.state == EmergencyState.OTHERS and BrokerOrder.objects.filter(perm_id__in=left, is_open=True).exists()


@transaction.atomic
def _resolve(run: EmergencyRun) -> None:
    row = EmergencyRun.objects.select_for_update().get(pk=run.pk)
    row.found = {**row.found, "resolved": True}
    row.save(update_fields=["found"])
    journal.resolve_incident(key=receipts.incident_key(row), detail="verified at the broker", actor="clock")
