"""What is stopped, kept in memory: looked at right before each message leaves, and valid without the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.broker import entry_probe
from apps.broker.choices import Scope, TradingPermission
from apps.broker.domain.orders import admits
from apps.broker.gateway.orders.subject import Subject


@dataclass(frozen=True, slots=True)
class Stop:
    scope: Scope
    target: str
    permission: TradingPermission
    reason: str

    def covers(self, subject: Subject) -> bool:
        return covers(self.scope, self.target, subject)

    def forbids(self, subject: Subject) -> bool:
        return self.covers(subject) and not admits(self.permission, subject.purpose)


def covers(scope: Scope, target: str, subject: Subject) -> bool:
    match scope:
        case Scope.EVERYTHING:
            return True
        case Scope.ACCOUNT:
            return subject.account == target
        case Scope.STRATEGY:
            return subject.strategy == target
        case Scope.INSTRUMENT:
            return str(subject.con_id) == target


class Stops:
    """`in_doubt` between the announcement of a change and its reading: nothing is sent meanwhile."""

    def __init__(self) -> None:
        self.in_doubt = True
        self.version = 0
        self.flag: Stop | None = None
        # Emergency actions under way: what they cancel must not be sent behind their back.
        self.running: dict[object, Stop] = {}
        self._stored: tuple[Stop, ...] = ()

    def objection(self, subject: Subject) -> str:
        """Why this order must not be sent, by what only memory knows; empty when it may."""
        known = [*self.running.values(), *([self.flag] if self.flag else [])]
        return "; ".join(stop.reason for stop in known if stop.forbids(subject))

    def is_stored_against(self, subject: Subject) -> bool:
        """By what the table said when it was read last. It may have changed: only the table decides for good."""
        return any(stop.forbids(subject) for stop in self._stored)

    def doubt(self) -> None:
        """Something was announced that has not been read."""
        self.in_doubt = True
        self.version += 1

    def take(self, stored: Sequence[Stop], version: int) -> None:
        """`version` as it was before the reading began."""
        self._stored = tuple(stored)
        self.in_doubt = self.version != version


def read() -> list[Stop]:
    """Synchronous."""
    return [
        Stop(Scope(row.scope), row.target, TradingPermission(row.permission), f"{row} by {row.set_by}: {row.reason}")
        for row in entry_probe.standing()
    ]
