"""How the last halt drills went, and what keeps one from starting now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from apps.broker import selectors as broker
from apps.broker.choices import DRILL, Scope, TradingMode
from apps.broker.models.stops import DRILLS
from apps.jobs.choices import UNSUCCESSFUL, RunState
from apps.jobs.models import JobRun
from apps.risk import emergency_selectors
from apps.risk.domain.drill import PASSED_WITHIN

JOB = "halt_drill"
PASSED = "passed"
REMEDY = "Run one with `manage.py halt_drill`."


@dataclass(frozen=True, slots=True)
class HeldDrill:
    """`seconds`: from the press to the receipt; None where it failed, `why` says of what. `receipt`: the run's id."""

    passed: bool
    at: datetime
    seconds: float | None
    why: str
    run: int
    receipt: str


def last_drill() -> HeldDrill | None:
    """Runs that were left out (not the day, an emergency under way) are none."""
    run = JobRun.objects.filter(_passed() | Q(state__in=UNSUCCESSFUL), job=JOB).order_by("-ended_at").first()
    if run is None or run.ended_at is None:
        return None
    result = run.result or {}
    passed = run.state == RunState.SUCCEEDED
    return HeldDrill(passed, run.ended_at, result.get("seconds"), run.error, run.pk, result.get("receipt", ""))


def drill_problem(*, now: datetime) -> str:
    """Why nobody can rely on the stop having been tried lately, in the mode that is traded; empty: all is well."""
    mode, last = broker.configured_mode(), last_drill()
    if last is not None and not last.passed:
        return f"the last one failed at {last.at:%Y-%m-%d %H:%M} UTC: {last.why}"
    passed_at = last_passed(mode)
    if passed_at is None:
        return f"none has been held in {mode.value} trading yet"
    if now - passed_at > PASSED_WITHIN[mode]:
        return f"the last one that passed was {(now - passed_at).days} days ago"
    return ""


def last_passed(mode: TradingMode) -> datetime | None:
    run = JobRun.objects.filter(_passed(), job=JOB, result__mode=mode).order_by("-ended_at").first()
    return run.ended_at if run else None


def obstacle() -> str:
    """What a drill could disturb; empty when it may start."""
    run = emergency_selectors.unfinished_runs().exclude(DRILLS).first()
    if run is not None:
        return f"an emergency is under way ({run}, by {run.actor}): drill again when it has ended"
    orders = emergency_selectors.orders_to_cancel(Scope.STRATEGY, DRILL, entries_only=False)
    if orders:
        return f"a strategy called {DRILL} has open orders ({len(orders)}), which it would cancel: end them first"
    return ""


def _passed() -> Q:
    return Q(state=RunState.SUCCEEDED, result__outcome=PASSED)
