"""The halt drill: a stop of a scope that holds nothing goes the whole way, so that people know that it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import DatabaseError

from apps.broker import selectors as broker
from apps.broker.choices import EmergencyState
from apps.broker.models import EmergencyRun
from apps.broker.models.stops import ENDED, UNFINISHED
from apps.jobs.selectors import HEARTBEAT_FRESH
from apps.journal import selectors as journal_reads
from apps.journal import services as journal
from apps.journal.choices import ProcessKind
from apps.risk.domain.drill import Drill, Step, why_not_today
from apps.risk.drill_selectors import PASSED, last_drill, last_passed, obstacle
from apps.risk.exceptions import DrillError, EmergencyError
from apps.risk.services import emergency, emergency_flag
from apps.risk.services.drill_gate import gate_problem
from tradeops.lib import clock
from tradeops.lib.sessions import sessions_of

NEW_YORK, CALENDAR = ZoneInfo("America/New_York"), "XNYS"
RECEIPT_SECONDS = 30.0
LOOK_SECONDS = 0.05
# The gateway's clock may be another machine's; entries are denied where it is further away.
CLOCKS_APART = timedelta(seconds=2)
NOT_TODAY, NOT_STARTED = "not today", "not started"


def hold_drill(*, slot: datetime | None, actor: str, log: Callable[[str], None]) -> dict[str, Any]:
    """The result for the job's run. `slot` None: asked for by a person, on whatever day. Raises DrillError.

    One that is left out after a failure is a failure: else its success would end the incident that the failure opened.
    """
    mode, last = broker.configured_mode(), last_drill()
    failed = last is not None and not last.passed
    if slot is not None:
        day = slot.astimezone(NEW_YORK).date()
        passed_at = last_passed(mode)
        passed_on = passed_at.astimezone(NEW_YORK).date() if passed_at else None
        why = why_not_today(mode, day, sessions_of(CALENDAR, day.year), passed_on=passed_on, last_failed=failed)
        if why:
            return {"outcome": NOT_TODAY, "mode": mode.value, "message": f"{NOT_TODAY}: {why}"}
    if why := obstacle():
        if failed:
            raise DrillError(f"{NOT_STARTED}, and the last one failed: {why}")
        return {"outcome": NOT_STARTED, "mode": mode.value, "message": f"{NOT_STARTED}: {why}"}
    drill = run_drill(actor=actor)
    for step in drill.steps:
        log(str(step))
    if drill.problem or drill.seconds is None:
        raise DrillError(drill.problem)
    return {
        "outcome": PASSED,
        "mode": mode.value,
        "message": f"{PASSED} in {drill.seconds:.2f} s",
        "seconds": round(drill.seconds, 3),
        "receipt": drill.receipt,
        "steps": [{"name": s.name, "seconds": round(s.seconds, 3), "detail": s.detail} for s in drill.steps],
    }


def run_drill(*, actor: str, seconds: float = RECEIPT_SECONDS) -> Drill:
    """Every step, also after one that failed; but nothing is pressed that nobody could verify. `seconds`: how long the
    receipt may take. Ask `obstacle` before.
    """
    steps = [_step("halt file", _write_beside), _step("sentinel", _find_sentinel), _step("session", _find_session)]
    steps.append(_step("gate", _close_gate))
    if steps[2].problem:
        return Drill(tuple(steps), None, "")
    began = time.monotonic()
    pressed: list[UUID] = []
    steps.append(_step("press", lambda: _press(actor, pressed)))
    if not pressed:
        return Drill(tuple(steps), None, "")
    steps.append(_step("receipt", lambda: _verify(pressed[0], seconds)))
    took = None if steps[-1].problem else time.monotonic() - began
    return Drill(tuple(steps), took, str(pressed[0]))


def _step(name: str, work: Callable[[], str]) -> Step:
    began = time.monotonic()
    try:
        detail, problem = work(), ""
    except (DrillError, EmergencyError, OSError, DatabaseError) as error:
        detail, problem = "", str(error)
    return Step(name, time.monotonic() - began, detail, problem)


def _write_beside() -> str:
    try:
        emergency_flag.probe()
    except OSError as error:
        raise DrillError(f"it could not be written, so nothing would stop without a database: {error}") from error
    return f"a file could be written and removed beside {emergency_flag.path()}"


def _find_sentinel() -> str:
    now = clock.now()
    rows = [row for row in journal_reads.process_heartbeats() if row.kind == ProcessKind.SENTINEL and row.is_active]
    living = [row for row in rows if now - row.heartbeat_at <= HEARTBEAT_FRESH]
    if not living:
        raise DrillError("none is running: nobody would call a person. Start it with `manage.py sentinel`")
    return f"{living[0].name} was heard of at {living[0].heartbeat_at:%H:%M:%S} UTC"


def _find_session() -> str:
    view = broker.session()
    if not view.is_following:
        said = f"the session is {view.state.label.lower()}: {view.reason}".rstrip(".: ")
        raise DrillError(f"a stop could not be verified at the broker now, nothing was pressed: {said}")
    return f"{view.state.label.lower()} at {view.host}:{view.port}"


def _close_gate() -> str:
    account = broker.default_account()
    if account is None:
        raise DrillError("it is not clear which account is traded: set IBKR_ACCOUNT")
    if problem := gate_problem(account):
        raise DrillError(problem)
    return "verdict and gate deny an entry of a halted strategy"


def _press(actor: str, pressed: list[UUID]) -> str:
    journal.record(step="Halt drill", message="a stop that holds nothing is pressed", scope="risk", actor=actor)
    asked = emergency.press_drill(reason="halt drill: nothing real is stopped", actor=actor)
    pressed.append(asked.run_id)
    return f"receipt {asked.run_id}"


def _verify(run_id: UUID, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while (run := EmergencyRun.objects.get(pk=run_id)).state not in ENDED:
        if time.monotonic() > deadline:
            raise DrillError(_give_up(run, f"none within {seconds:g} s: the gateway did not carry the stop out"))
        time.sleep(LOOK_SECONDS)
    if run.state != EmergencyState.DONE:
        raise DrillError(f"{run.get_state_display().lower()}: {run.problem}")
    shown_at = datetime.fromisoformat((run.picture or {})["as_of"]) if run.picture else None
    if shown_at is None or shown_at < run.requested_at - CLOCKS_APART:
        raise DrillError("it does not hold what the broker showed after the press")
    if run.results:
        raise DrillError(f"it names {len(run.results)} orders, of a scope that may hold none")
    audited = {"run": str(run_id)}
    pressed_at = run.requested_at - CLOCKS_APART
    if not journal_reads.was_recorded(step="Emergency", begin="Halt drill", data=audited, since=pressed_at):
        raise DrillError("the journal does not tell of it")
    return f"the broker listed its orders at {shown_at:%H:%M:%S} UTC, none of the scope among them"


def _give_up(run: EmergencyRun, problem: str) -> str:
    """A gateway that comes back later must not find it, nor a person take it for a stop under way."""
    EmergencyRun.objects.filter(pk=run.pk, state__in=UNFINISHED).update(
        state=EmergencyState.FAILED, problem=problem, ended_at=clock.now()
    )
    return problem
