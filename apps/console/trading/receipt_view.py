"""The receipt of an emergency action: how far it is, what was done per order and symbol, what the broker shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from apps.broker.choices import DRILL, EmergencyKind, EmergencyState, TradingPermission
from apps.broker.models import EmergencyRun, Order
from apps.broker.models.stops import CANCELLING, ENDED, OVER_DATA_LINK

TONES = {
    EmergencyState.DONE: "good",
    EmergencyState.OTHERS: "warn",
    EmergencyState.ESCALATED: "bad",
    EmergencyState.FAILED: "bad",
}
DOING = {"cancel": "Cancel", "close": "Close", "resume": "Resume"}


def context_of(run: EmergencyRun) -> dict[str, Any]:
    results = [{**entry, "doing": DOING.get(entry.get("what", ""), entry.get("what", ""))} for entry in run.results]
    done = sum(bool(entry.get("done")) for entry in results)
    return {
        "run": run,
        "title": title_of(run),
        "tone": TONES.get(EmergencyState(run.state), "calm"),
        "is_running": is_running(run),
        "steps": steps_of(run),
        "results": results,
        "done": done,
        "left": len(results) - done,
        "permission": TradingPermission(run.permission).label if run.permission else "",
        "as_of": read_time((run.picture or {}).get("as_of")),
        "facts": facts_of(run),
    }


def version_of(run: EmergencyRun, orders: Sequence[Order]) -> str:
    """Changes whenever the page would show something else."""
    shown = (run.state, run.problem, run.results, run.picture, run.first_cancel_at, run.last_cancel_at, run.ended_at)
    fills = [(order.state, str(order.filled_quantity)) for order in orders]
    return sha256(repr((shown, fills)).encode()).hexdigest()[:16]


def title_of(run: EmergencyRun) -> str:
    where = "everything" if not run.target else f"{run.get_scope_display().lower()} {run.target}"
    drill = "Halt drill, " if (run.came_by, run.target) == (DRILL, DRILL) else ""
    return f"{drill}{run.get_kind_display()}: {where}"


def is_running(run: EmergencyRun) -> bool:
    """A resume that waits for its second person does not run; an escalated action is still pursued by the gateway."""
    return run.state not in ENDED and run.kind != EmergencyKind.RESUME


def steps_of(run: EmergencyRun) -> list[dict[str, str]]:
    """Each step with its standing: done, now, or to come."""
    if run.kind == EmergencyKind.RESUME:
        return []
    names = ["Asked", "Cancelling orders", *(["Closing positions"] if run.kind == EmergencyKind.CLOSE_ALL else [])]
    names.append("Verified at the broker")
    state = EmergencyState(run.state)
    if state in (EmergencyState.DONE, EmergencyState.OTHERS):
        at = len(names)
    elif state is EmergencyState.CLOSING:
        at = 2
    elif state in CANCELLING:
        at = 1
    else:
        at = len(names) - 1
    failed = state in (EmergencyState.ESCALATED, EmergencyState.FAILED)
    return [
        {
            "name": name,
            "standing": "done" if index < at else ("failed" if failed else "now") if index == at else "ahead",
        }
        for index, name in enumerate(names)
    ]


def facts_of(run: EmergencyRun) -> list[tuple[str, str]]:
    over_data_link = read_time(run.found.get(OVER_DATA_LINK))
    return [
        ("First cancel sent", after(run, run.first_cancel_at)),
        *([("Cancel of everything over the data link", after(run, over_data_link))] if over_data_link else []),
        ("Last cancel sent", after(run, run.last_cancel_at)),
        ("Ended", after(run, run.ended_at)),
    ]


def after(run: EmergencyRun, moment: datetime | None) -> str:
    if moment is None:
        return "not yet" if is_running(run) else "-"
    return f"{moment:%H:%M:%S} UTC, {(moment - run.requested_at).total_seconds():.2f} s after it was asked for"


def read_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def row_of(run: EmergencyRun) -> dict[str, Any]:
    """For the desk: one line that goes on as the action does."""
    results = run.results
    return {
        "id": str(run.pk),
        "title": title_of(run),
        "kind": run.kind,
        "state": run.state,
        "state_label": run.get_state_display(),
        "tone": TONES.get(EmergencyState(run.state), "calm"),
        "is_running": is_running(run),
        "reason": run.reason,
        "actor": run.actor,
        "requested_at": run.requested_at,
        "ended_at": run.ended_at,
        "problem": run.problem,
        "done": sum(bool(entry.get("done")) for entry in results),
        "total": len(results),
        "positions_left": positions_left(run),
    }


def positions_left(run: EmergencyRun) -> int | None:
    """What the broker still showed when it was asked last; None where it was not."""
    positions = (run.picture or {}).get("positions")
    return len(positions) if isinstance(positions, list) else None
