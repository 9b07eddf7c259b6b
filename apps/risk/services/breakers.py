"""Circuit breakers: one row each for all processes, and what follows when one opens or closes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from apps.broker import entry_probe
from apps.broker import services as broker
from apps.broker.choices import Scope, StopEnding, StopSource, TradingPermission
from apps.journal import services as journal
from apps.journal.choices import Level, Severity
from apps.risk.choices import BreakerState
from apps.risk.domain import breaking as domain
from apps.risk.domain.breaking import Circuit
from apps.risk.exceptions import RiskError
from apps.risk.models import Breaker, BreakerEvent
from tradeops.lib import breaking, clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

STEP, SCOPE, ACTOR = "Breaker", "risk", "breaker"
RESET = "risk.reset_breaker"
ALWAYS_THERE = (breaking.ORDER_PLACEMENT, breaking.MARKET_DATA)
OPEN_TOO_LONG = timedelta(minutes=10)
TEXT_LENGTH = 500


@transaction.atomic
def admit(*, name: str, now: datetime | None = None) -> bool:
    """May a call be made? Whoever is admitted while it is not closed is its only probe."""
    now = now or clock.now()
    row = _locked(name, now)
    circuit = _circuit(row)
    admitted = domain.admit(circuit, now)
    _store(row, circuit, "the time is up: one probe may pass", ACTOR, now)
    return admitted


@transaction.atomic
def note_outcome(*, name: str, problem: str, now: datetime | None = None) -> Breaker:
    """Count how a call ended; "" for a success."""
    now = now or clock.now()
    row = _locked(name, now)
    circuit = _circuit(row)
    domain.note(circuit, problem, now)
    if problem:
        row.last_failure_at, row.last_failure = now, problem[:TEXT_LENGTH]
    else:
        row.last_success_at = now
    reason = problem or "a call succeeded"
    _store(row, circuit, reason, ACTOR, now)
    return row


@transaction.atomic
def reset_breaker(*, name: str, reason: str, user: User | None, now: datetime | None = None) -> Breaker:
    """Close it by hand: trading goes on. Raises RiskError for an unknown name, without a reason or the permission."""
    actor = _person(user)
    if not reason.strip():
        raise RiskError("Say why the breaker is reset: the reason is kept.")
    now = now or clock.now()
    if not Breaker.objects.filter(name=name).exists() and name not in ALWAYS_THERE:
        known = ", ".join(sorted({*ALWAYS_THERE, *Breaker.objects.values_list("name", flat=True)}))
        raise RiskError(f"There is no breaker {name!r}: choose one of {known}.")
    row = _locked(name, now)
    circuit, was = _circuit(row), BreakerState(row.state)
    domain.reset(circuit, now)
    _store(row, circuit, f"reset by {actor}: {reason}", actor, now)
    if was is BreakerState.CLOSED:
        _record(row, was, f"reset by {actor} while closed: {reason}", actor, now)
    return row


@transaction.atomic
def reset_all(*, reason: str, user: User | None, now: datetime | None = None) -> list[Breaker]:
    names = sorted({*ALWAYS_THERE, *Breaker.objects.values_list("name", flat=True)})
    return [reset_breaker(name=name, reason=reason, user=user, now=now) for name in names]


@transaction.atomic
def advance_breakers(*, now: datetime | None = None) -> list[Breaker]:
    """Let what is due become half-open where nobody calls by himself, offer probes anew, tell of what stays open."""
    now = now or clock.now()
    rows = list(Breaker.objects.select_for_update().exclude(state=BreakerState.CLOSED).order_by("name"))
    for row in rows:
        if row.name == breaking.ORDER_PLACEMENT:
            _advance_orders(row, now)
        _tell_if_long(row, now)
    return rows


def ensure_breakers(*, now: datetime | None = None) -> None:
    """The registry's fixed members exist before anything has failed."""
    _create(ALWAYS_THERE, now or clock.now())


def incident_key(name: str) -> str:
    return f"breaker:{name}"


def _person(user: User | None) -> str:
    if user is None:
        raise RiskError("Only a person resets a breaker: say who (--user).")
    if not (user.is_active and user.has_perm(RESET)):
        raise RiskError(f"{user.get_username()} lacks the permission {RESET}: an administrator grants it.")
    name: str = user.get_username()
    return name


def _advance_orders(row: Breaker, now: datetime) -> None:
    circuit = _circuit(row)
    if circuit.state is BreakerState.OPEN:
        domain.admit(circuit, now)
        _store(row, circuit, "the time is up: one entry may pass", ACTOR, now)
    elif entry_probe.probe_was_lost(source=StopSource.BREAKER, taken_before=now - domain.PROBE_PATIENCE):
        entry_probe.offer_probe(source=StopSource.BREAKER, now=now)


def _tell_if_long(row: Breaker, now: datetime) -> None:
    since = row.not_closed_since
    if row.state == BreakerState.CLOSED or since is None or now - since <= OPEN_TOO_LONG:
        return
    journal.open_incident(
        key=incident_key(row.name),
        title=f"Circuit breaker {row.name} is not closed since {since:%Y-%m-%d %H:%M} UTC",
        severity=Severity.CRITICAL,
        detail=f"{row.times_opened} times opened in all. Last failure: {row.last_failure}\n"
        f"When its cause is mended: manage.py breakers --reset {row.name} --user NAME --reason '...'",
        scope=SCOPE,
        actor=ACTOR,
        now=now,
    )


def _store(row: Breaker, circuit: Circuit, reason: str, actor: str, now: datetime) -> None:
    was = BreakerState(row.state)
    row.state, row.failures = circuit.state, circuit.failures
    row.opened_at, row.probe_until = circuit.opened_at, circuit.probe_until
    if circuit.state is not was:
        row.state_since = now
        row.times_opened += circuit.state is BreakerState.OPEN
        closed = circuit.state is BreakerState.CLOSED
        row.not_closed_since = None if closed else row.not_closed_since or now
    row.save()
    if circuit.state is not was:
        _record(row, was, reason, actor, now)
        _act(row, reason, actor, now)


def _record(row: Breaker, was: BreakerState, reason: str, actor: str, now: datetime) -> None:
    reason = reason[:TEXT_LENGTH]
    BreakerEvent.objects.create(breaker=row, at=now, before=was, after=row.state, reason=reason, actor=actor)
    level = Level.ERROR if row.state == BreakerState.OPEN else Level.WARN
    data = {"breaker": row.name, "before": was, "after": row.state, "failures": row.failures}
    message = f"circuit breaker {row}: {reason}"[: journal.MESSAGE_LENGTH]
    journal.record(step=STEP, message=message, level=level, scope=SCOPE, data=data, actor=actor)


def _act(row: Breaker, reason: str, actor: str, now: datetime) -> None:
    if row.state == BreakerState.CLOSED:
        journal.resolve_incident(key=incident_key(row.name), detail=reason, actor=actor, now=now)
    if row.name != breaking.ORDER_PLACEMENT:
        return
    match BreakerState(row.state):
        case BreakerState.OPEN:
            broker.set_trading_state(
                scope=Scope.EVERYTHING,
                permission=TradingPermission.HALTED,
                source=StopSource.BREAKER,
                reason=f"{row.failures} order placements in a row failed: {reason}"[:TEXT_LENGTH],
                actor=ACTOR,
                ending=StopEnding.RECOVERY,
            )
            entry_probe.withdraw_probe(source=StopSource.BREAKER)
        case BreakerState.HALF_OPEN:
            entry_probe.offer_probe(source=StopSource.BREAKER, now=now)
        case BreakerState.CLOSED:
            entry_probe.withdraw_probe(source=StopSource.BREAKER)
            broker.release_trading_state(
                scope=Scope.EVERYTHING, source=StopSource.BREAKER, reason=reason[:TEXT_LENGTH], actor=actor
            )


def _locked(name: str, now: datetime) -> Breaker:
    _create([name], now)
    return Breaker.objects.select_for_update().get(name=name)


def _create(names: Iterable[str], now: datetime) -> None:
    Breaker.objects.bulk_create([Breaker(name=name, state_since=now) for name in names], ignore_conflicts=True)


def _circuit(row: Breaker) -> Circuit:
    return Circuit(
        name=row.name,
        state=BreakerState(row.state),
        failures=row.failures,
        opened_at=row.opened_at,
        probe_until=row.probe_until,
        failure_threshold=settings.BREAKER_FAILURES,
        recovery_seconds=settings.BREAKER_SECONDS,
    )
