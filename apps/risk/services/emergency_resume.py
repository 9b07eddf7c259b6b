"""Resuming: a cause, a clean reconciliation, and a second person or, where there is none, a cool-off.

Pressing again confirms: the first press writes a resume that waits, the second person's press carries it out. On paper
accounts one person is enough unless RISK_ONE_PERSON_RESUMES_PAPER says otherwise.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, EmergencyState, Scope, StopSource, TradingPermission
from apps.broker.domain.orders import most_restrictive
from apps.broker.models import EmergencyRun, TradingState
from apps.broker.models.stops import DRILLS
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.risk import emergency_selectors
from apps.risk.exceptions import EmergencyError
from apps.risk.services import emergency_flag
from tradeops.lib import clock
from tradeops.lib.known import Known
from tradeops.lib.people import others_with
from tradeops.lib.texts import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RESUME = "broker.resume_trading"
# A press that nobody confirmed within a day is forgotten.
WAITS = timedelta(hours=24)
STEP = "Resume"


@dataclass(frozen=True, slots=True)
class Resumed:
    """`waits_for` empty: released. `still_blocks`: every stop that remains, in words."""

    run: EmergencyRun
    waits_for: str
    still_blocks: tuple[str, ...]


def resume(
    *,
    scope: Scope,
    target: str = "",
    reason: str,
    user: User | None,
    came_by: str = "api",
    source: StopSource = StopSource.MANUAL,
    to: TradingPermission = TradingPermission.ACTIVE,
    force: bool = False,
    now: datetime | None = None,
) -> Resumed:
    """Take back what `source` stopped in the scope, or loosen it `to` something milder.

    `force`: although no reconciliation says that ledger and broker agree; on live that takes a second person, no
    cool-off replaces one. Raises EmergencyError.
    """
    now, reason = now or clock.now(), storable(reason)
    person = _person(user, reason)
    with transaction.atomic():
        gate.lock_alone()
        stopped_at = _require_stop(scope, target, source, to)
        _require_quiet()
        clean = _require_clean(force=force)
        waiting = _waiting(scope, target, source, to, stopped_at, now)
        run = waiting or _create(scope, target, reason, person, came_by, source, to, clean, now)
        waits_for = _waits_for(run, person, now, needs_person=not clean)
        if not waits_for:
            _carry_out(run, person, source, to, now)
        elif waiting is None:
            _record(run, f"{person.get_username()} asks to resume {_where(run)}: {reason}", person)
    if not waits_for:
        _show_what_remains(run, source, to)
    return Resumed(run, waits_for, still_blocked())


def one_person_is_enough() -> bool:
    return settings.BROKER.paper_trading and settings.RISK_ONE_PERSON_RESUMES_PAPER


def still_blocked() -> tuple[str, ...]:
    return tuple(str(stop) for stop in emergency_selectors.stops_in_force())


def _person(user: User | None, reason: str) -> User:
    if user is None:
        raise EmergencyError("Only a person resumes trading: say who (--user).")
    if not (user.is_active and user.has_perm(RESUME)):
        raise EmergencyError(f"{user.get_username()} lacks the permission {RESUME}: an administrator grants it.")
    if not reason.strip():
        raise EmergencyError("Name the cause of the stop and why it is over: it is kept with the receipt.")
    return user


def _require_stop(scope: Scope, target: str, source: StopSource, to: TradingPermission) -> datetime:
    """Since when it is stopped."""
    row = TradingState.objects.filter(scope=scope, target=target, source=source).first()
    if row is not None and row.permission != TradingPermission.ACTIVE:
        if most_restrictive([TradingPermission(row.permission), to]) is to:
            raise EmergencyError(f"{row} already: that would not resume anything. To stop more, halt.")
        return row.set_at
    flag = emergency_flag.read()
    if flag is not None and (flag.scope, flag.target) == (scope, target) and source is StopSource.MANUAL:
        return datetime.min.replace(tzinfo=clock.now().tzinfo)
    others = "; ".join(still_blocked()) or "nothing is stopped"
    raise EmergencyError(f"{source.label} has not stopped {_name(scope, target)}: {others}.")


def _require_quiet() -> None:
    run = emergency_selectors.unfinished_runs().exclude(DRILLS).first()
    if run is not None:
        raise EmergencyError(f"{run} is still under way: wait for its receipt, or look in TWS.")


def _require_clean(*, force: bool) -> bool:
    clean = emergency_selectors.reconciliation_is_clean()
    if isinstance(clean, Known) and clean.value:
        return True
    problems = emergency_selectors.reconciliation_problems()
    why = "; ".join(problems) if isinstance(clean, Known) else clean.reason
    if not force:
        raise EmergencyError(f"Ledger and broker are not known to agree: {why}. Mend that, or resume with force.")
    return False


def _waiting(
    scope: Scope, target: str, source: StopSource, to: TradingPermission, stopped_at: datetime, now: datetime
) -> EmergencyRun | None:
    """A press that waits for its second person. One from before the stop was renewed does not count."""
    runs = EmergencyRun.objects.filter(kind=EmergencyKind.RESUME, scope=scope, target=target, permission=to)
    runs = runs.filter(state=EmergencyState.REQUESTED, found__source=source.value)
    oldest = max(now - WAITS, stopped_at)
    runs.filter(requested_at__lt=oldest).update(
        state=EmergencyState.FAILED, problem="not confirmed in time, or stopped again meanwhile", ended_at=now
    )
    return runs.first()


def _create(
    scope: Scope,
    target: str,
    reason: str,
    person: User,
    came_by: str,
    source: StopSource,
    to: TradingPermission,
    clean: bool,
    now: datetime,
) -> EmergencyRun:
    return EmergencyRun.objects.create(
        kind=EmergencyKind.RESUME,
        scope=scope,
        target=target,
        permission=to,
        reason=reason.strip()[:500],
        actor=person.get_username(),
        came_by=came_by,
        requested_at=now,
        found={"source": source.value, "reconciliation_is_clean": clean, "stops": list(still_blocked())},
    )


def _waits_for(run: EmergencyRun, person: User, now: datetime, *, needs_person: bool) -> str:
    """Empty when this press carries it out."""
    if one_person_is_enough() or run.actor != person.get_username():
        return ""
    others = list(others_with(RESUME, person).values_list("username", flat=True)[:5])
    if others:
        return f"a second person must confirm it: {', '.join(others)}"
    if needs_person:
        return "a second person must confirm it, as ledger and broker are not known to agree; nobody else may resume"
    ready_at = run.requested_at + timedelta(minutes=settings.RISK_COOL_OFF_MINUTES)
    return "" if now >= ready_at else f"cooling off: press again after {ready_at:%H:%M:%S} UTC"


def _carry_out(run: EmergencyRun, person: User, source: StopSource, to: TradingPermission, now: datetime) -> None:
    scope, target = Scope(run.scope), run.target
    cause = f"{run.reason} (confirmed by {person.get_username()})" if run.actor != person.get_username() else run.reason
    if to is TradingPermission.ACTIVE:
        broker.release_trading_state(scope=scope, target=target, source=source, reason=cause, actor=run.actor)
    else:
        broker.set_trading_state(
            scope=scope, target=target, permission=to, source=source, reason=cause, actor=run.actor
        )
    run.state, run.ended_at = EmergencyState.DONE, now
    run.found = {**run.found, "confirmed_by": person.get_username()}
    run.results = [{"what": "resume", "symbol": "", "done": True, "detail": f"{_where(run)}: {to.label.lower()}"}]
    run.save()
    _record(run, f"{_where(run)} is {to.label.lower()} again: {cause}", person)


def _show_what_remains(run: EmergencyRun, source: StopSource, to: TradingPermission) -> None:
    """The file goes last: whatever fails before leaves trading stopped, and the press can be repeated."""
    if source is StopSource.MANUAL:
        with transaction.atomic(), suppress(OSError):
            gate.lock_alone()
            _take_file_away(run, to)
    run.picture = {"as_of": clock.now().isoformat(), "still_blocks": list(still_blocked())}
    run.save(update_fields=["picture"])


def _take_file_away(run: EmergencyRun, to: TradingPermission) -> None:
    scope, target = Scope(run.scope), run.target
    row = TradingState.objects.filter(scope=scope, target=target, source=StopSource.MANUAL).first()
    if row is not None and most_restrictive([TradingPermission(row.permission), to]) is not to:
        # Somebody has stopped it again meanwhile: the file is his.
        return
    if emergency_flag.remove(scope, target) and to is not TradingPermission.ACTIVE:
        emergency_flag.write(emergency_flag.Flag(scope, target, to, run.reason, run.actor))


def _where(run: EmergencyRun) -> str:
    return _name(Scope(run.scope), run.target)


def _name(scope: Scope, target: str) -> str:
    return f"{scope.label.lower()} {target}".strip()


def _record(run: EmergencyRun, message: str, person: User) -> None:
    data = {"run": str(run.pk), "scope": run.scope, "target": run.target, "found": run.found}
    journal.record(step=STEP, message=message, level=Level.WARN, scope="risk", data=data, actor=person.get_username())
