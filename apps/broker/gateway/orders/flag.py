"""The file that stops trading when everything else is broken: whoever can write it needs nothing more.

JSON with scope, target, permission (reducing, halted or killed), reason, actor and the id of its receipt; all may be
missing. A file that cannot be understood stops everything. It stays in force until a person removes it.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.broker.choices import EmergencyKind, Scope, TradingPermission
from apps.broker.gateway.orders.actions import Action
from tradeops.lib import clock
from tradeops.lib.texts import storable

NAMESPACE = uuid.UUID("5a0c3d7e-6f0b-4b7e-9a39-3f7b0c1c2d11")
CAME_BY = "file"
LONGEST = 10_000
DEGREES = frozenset({TradingPermission.REDUCING, TradingPermission.HALTED, TradingPermission.KILLED})


@dataclass(frozen=True, slots=True)
class Seen:
    """Tells one writing of the file from the next."""

    changed_at: int
    inode: int
    size: int


def look(path: Path) -> Seen | None:
    """None when there is no file. Any other trouble raises OSError: the caller takes it for a stop."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Seen(found.st_mtime_ns, found.st_ino, found.st_size)


def read(path: Path, seen: Seen) -> Action:
    try:
        with path.open(errors="replace") as file:
            text = file.read(LONGEST)
    except OSError as error:
        return _action({"reason": f"the file cannot be read: {error}"}, seen, "")
    return _action(_parse(text), seen, text)


def _parse(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"reason": f"the file cannot be understood: {text.strip()[:200]}"}
    return value if isinstance(value, dict) else {"reason": f"the file says {text.strip()[:200]}"}


def _action(value: dict[str, Any], seen: Seen, text: str) -> Action:
    scope, target = _scope(value)
    permission = str(value.get("permission", ""))
    return Action(
        id=_id(value) or uuid.uuid5(NAMESPACE, f"{seen.changed_at} {text}"),
        kind=EmergencyKind.HALT,
        scope=scope,
        target=target,
        permission=TradingPermission(permission) if permission in DEGREES else TradingPermission.HALTED,
        reason=storable(str(value.get("reason") or "a halt file was written"))[:500] or "a halt file was written",
        actor=storable(str(value.get("actor") or "file"))[:150] or "file",
        came_by=CAME_BY,
        requested_at=_moment(seen),
    )


def _moment(seen: Seen) -> datetime:
    """A file may carry any time; one that no calendar knows stops as well."""
    try:
        return datetime.fromtimestamp(seen.changed_at / 1e9, UTC)
    except (OverflowError, OSError, ValueError):
        return clock.now()


def _id(value: dict[str, Any]) -> uuid.UUID | None:
    """Of the receipt that whoever wrote the file has written or means to write as well."""
    try:
        return uuid.UUID(str(value["id"]))
    except (KeyError, ValueError):
        return None


def _scope(value: dict[str, Any]) -> tuple[Scope, str]:
    """A scope that is unknown, or lacks its target, means everything."""
    scope, target = str(value.get("scope", "")), storable(str(value.get("target") or ""))[:64]
    if scope in Scope.values and scope != Scope.EVERYTHING and target:
        return Scope(scope), target
    return Scope.EVERYTHING, ""
