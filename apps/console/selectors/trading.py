"""May be traded? What every page says of it: the state, who stopped what, why and since when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.broker.choices import Scope, StopEnding, StopSource, TradingPermission
from apps.broker.domain.orders import SEVERITY, most_restrictive
from apps.broker.models import Instrument, TradingState
from apps.risk.services import emergency_flag
from apps.risk.services.emergency_flag import Flag

TONES = {
    TradingPermission.ACTIVE: "good",
    TradingPermission.REDUCING: "warning",
    TradingPermission.HALTED: "bad",
    TradingPermission.KILLED: "bad",
}
WORDS = {
    TradingPermission.ACTIVE: "Trading is active",
    TradingPermission.REDUCING: "Trading reduces only",
    TradingPermission.HALTED: "Trading is halted",
    TradingPermission.KILLED: "Trading is killed: cancels only",
}


@dataclass(frozen=True, slots=True)
class StopView:
    """One source's stop of one scope. `ends` says in words how it ends."""

    scope: str
    target: str
    where: str
    source: str
    source_name: str
    permission: str
    permission_label: str
    reason: str
    by: str
    since: datetime | None
    ends: str


@dataclass(frozen=True, slots=True)
class TradingView:
    """`permission` is that of everything; `stops` names every stop, those of single accounts or instruments too."""

    permission: str
    label: str
    tone: str
    stops: tuple[StopView, ...]

    @property
    def worst(self) -> StopView | None:
        return self.stops[0] if self.stops else None

    @property
    def is_stopped(self) -> bool:
        return self.permission != TradingPermission.ACTIVE


def trading_view() -> TradingView:
    rows = list(TradingState.objects.exclude(permission=TradingPermission.ACTIVE))
    names = names_of(rows)
    stops = [stop_of(row, names) for row in rows]
    flag = flag_stop(rows)
    stops += [flag] if flag else []
    stops.sort(key=lambda stop: (stop.scope != Scope.EVERYTHING, -SEVERITY[TradingPermission(stop.permission)]))
    general = [stop for stop in stops if stop.scope == Scope.EVERYTHING]
    permission = most_restrictive(TradingPermission(stop.permission) for stop in general)
    parts = len(stops) - len(general)
    label, tone = WORDS[permission], TONES[permission]
    if permission == TradingPermission.ACTIVE and parts:
        label, tone = f"Trading is active, stopped for {parts} part{'s' if parts > 1 else ''}", "warning"
    return TradingView(permission.value, label, tone, tuple(stops))


def trading_section(now: datetime) -> dict[str, Any]:
    return {**asdict(trading_view()), "as_of": now}


def names_of(rows: list[TradingState]) -> dict[str, str]:
    wanted = [int(row.target) for row in rows if row.scope == Scope.INSTRUMENT and row.target.isdigit()]
    return {str(item.con_id): str(item) for item in Instrument.objects.filter(con_id__in=wanted)}


def stop_of(row: TradingState, names: dict[str, str]) -> StopView:
    scope, permission = Scope(row.scope), TradingPermission(row.permission)
    return StopView(
        scope=scope.value,
        target=row.target,
        where="everything"
        if scope == Scope.EVERYTHING
        else f"{scope.label.lower()} {names.get(row.target, row.target)}",
        source=StopSource(row.source).label,
        source_name=row.source,
        permission=permission.value,
        permission_label=permission.label,
        reason=row.reason,
        by=row.set_by,
        since=row.set_at,
        ends=ending_of(row),
    )


def ending_of(row: TradingState) -> str:
    if row.ends_at is not None:
        return f"ends {row.ends_at:%a %d %b %H:%M} UTC"
    return {
        StopEnding.PERSON: "until a person resumes",
        StopEnding.NEXT_TRADING_DAY: "until the next trading day",
        StopEnding.RECOVERY: "until its cause has recovered",
    }[StopEnding(row.ending)]


def flag_stop(rows: list[TradingState]) -> StopView | None:
    """The gateway obeys the file, whatever the table says. A stop that the table tells of as well is told once."""
    flag = emergency_flag.read()
    if flag is None or any(_tells_of(row, flag) for row in rows):
        return None
    return StopView(
        scope=flag.scope.value,
        target=flag.target,
        where="everything" if flag.scope is Scope.EVERYTHING else f"{flag.scope.label.lower()} {flag.target}",
        source="The halt file",
        source_name=StopSource.MANUAL.value,
        permission=flag.permission.value,
        permission_label=flag.permission.label,
        reason=f"the halt file says: {flag.reason}",
        by=flag.actor,
        since=written_at(emergency_flag.path()),
        ends="until a person resumes or removes the file",
    )


def _tells_of(row: TradingState, flag: Flag) -> bool:
    same = (row.scope, row.target, row.source) == (flag.scope, flag.target, StopSource.MANUAL)
    return same and SEVERITY[TradingPermission(row.permission)] >= SEVERITY[flag.permission]


def written_at(path: Path | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path else None
    except OSError:
        return None
