"""The local file that stops trading without a database. The gateway watches it; whoever can write it needs no more."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from apps.broker.choices import Scope, TradingPermission
from apps.broker.domain.orders import most_restrictive
from tradeops.lib import clock
from tradeops.lib.texts import storable

MODE = 0o660
TURN_SECONDS = 2.0
DEGREES = frozenset({TradingPermission.REDUCING, TradingPermission.HALTED, TradingPermission.KILLED})


@dataclass(frozen=True, slots=True)
class Flag:
    scope: Scope
    target: str
    permission: TradingPermission
    reason: str
    actor: str
    id: UUID | None = None

    def covers(self, other: Flag) -> bool:
        wide_enough = self.scope is Scope.EVERYTHING or (self.scope, self.target) == (other.scope, other.target)
        return wide_enough and most_restrictive([self.permission, other.permission]) is self.permission


def path() -> Path | None:
    found: Path | None = settings.BROKER.halt_flag
    return found


def read() -> Flag | None:
    """None when nothing is stopped by it. What cannot be understood stops everything, as the gateway takes it."""
    place = path()
    if place is None:
        return None
    try:
        value = json.loads(place.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        return Flag(Scope.EVERYTHING, "", TradingPermission.HALTED, f"it cannot be read: {error}", "file")
    return _flag(value if isinstance(value, dict) else {})


def write(flag: Flag) -> str:
    """What is in force then, in words. A stop that the file holds already is never weakened: both become one.

    Raises OSError where the file cannot be written.
    """
    place = path()
    if place is None:
        raise OSError("no place for a halt file is configured")
    with _one_at_a_time(place):
        held = read()
        if held is not None and held.covers(flag):
            return f"{place} stops {held.scope.label.lower()} {held.target}".strip()
        if held is not None and not flag.covers(held):
            strictest = most_restrictive([held.permission, flag.permission])
            flag = Flag(Scope.EVERYTHING, "", strictest, f"{held.reason}; {flag.reason}"[:500], flag.actor, flag.id)
        _replace(place, json.dumps(_document(flag), indent=1))
    return f"{place} stops {flag.scope.label.lower()} {flag.target}".strip()


def remove(scope: Scope, target: str) -> bool:
    """Take the file away if it stops just this scope. False when there was none. Raises OSError."""
    place = path()
    if place is None or read() is None:
        return False
    with _one_at_a_time(place):
        held = read()
        if held is None or (held.scope, held.target) != (scope, target):
            return False
        place.unlink(missing_ok=True)
    return True


def probe() -> None:
    """Write another file beside it as a stop would be written, and take that away. Raises OSError."""
    place = path()
    if place is None:
        raise OSError("no place for a halt file is configured")
    beside = place.with_name(f"{place.name}.drill.{uuid4().hex}")
    with _one_at_a_time(place):
        try:
            _replace(beside, "{}")
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(place: Path) -> Iterator[None]:
    """Else of two who stop at once the second to write would undo the first. The folder is what is locked."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        _take_turn(folder)
        yield
    finally:
        os.close(folder)


def _take_turn(folder: int) -> None:
    """For a moment only: a stop never waits for a process that was frozen."""
    deadline = time.monotonic() + TURN_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            time.sleep(0.01)


def _replace(place: Path, text: str) -> None:
    """On the disk before this returns: what was acknowledged outlives a power cut."""
    draft = place.with_name(f"{place.name}.{uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _document(flag: Flag) -> dict[str, Any]:
    return {
        "id": str(flag.id or uuid4()),
        "scope": flag.scope.value,
        "target": flag.target,
        "permission": flag.permission.value,
        "reason": flag.reason,
        "actor": flag.actor,
        "at": clock.now().isoformat(),
    }


def _flag(value: dict[str, Any]) -> Flag:
    scope, target = str(value.get("scope", "")), storable(str(value.get("target") or ""))
    named = scope in Scope.values and scope != Scope.EVERYTHING and bool(target)
    permission = str(value.get("permission", ""))
    return Flag(
        scope=Scope(scope) if named else Scope.EVERYTHING,
        target=target if named else "",
        permission=TradingPermission(permission) if permission in DEGREES else TradingPermission.HALTED,
        reason=storable(str(value.get("reason") or "")),
        actor=storable(str(value.get("actor") or "file")),
    )
