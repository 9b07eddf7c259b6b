"""An emergency action and the receipt of what was done: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.broker.choices import DRILL, EmergencyKind, Scope, TradingPermission
from apps.broker.domain.orders import ENTERING
from apps.broker.gateway.orders.stops import Stop
from apps.broker.gateway.orders.subject import Subject


@dataclass(frozen=True, slots=True)
class Action:
    id: UUID
    kind: EmergencyKind
    scope: Scope
    target: str
    permission: TradingPermission
    reason: str
    actor: str
    came_by: str
    requested_at: datetime

    @property
    def cancels_all(self) -> bool:
        """Else entries only: a halt keeps what protects positions."""
        return self.kind is not EmergencyKind.HALT or self.permission is TradingPermission.KILLED

    @property
    def is_global(self) -> bool:
        """Other clients' orders and those given by hand can only be cancelled all at once, with everything else."""
        return self.cancels_all and self.scope is Scope.EVERYTHING

    @property
    def ends_without_others(self) -> bool:
        """Whether it is done although orders work that IB lets this client neither cancel alone nor with everything.

        A close-all is not: what others may still fill could cross what is being closed.
        """
        return not self.is_global and self.kind is not EmergencyKind.CLOSE_ALL

    @property
    def is_drill(self) -> bool:
        """Nothing real is stopped by it: what waits to be sent or asked goes on."""
        return (self.came_by, self.scope, self.target) == (DRILL, Scope.STRATEGY, DRILL)

    @property
    def stop(self) -> Stop:
        permission = TradingPermission.KILLED if self.cancels_all else TradingPermission.HALTED
        name = f"{self.kind.label} by {self.actor} ({self.came_by}): {self.reason}"
        return Stop(self.scope, self.target, permission, name)

    def concerns(self, subject: Subject) -> bool:
        cancelled = self.cancels_all or subject.purpose in ENTERING
        return cancelled and self.stop.covers(subject)


@dataclass(slots=True)
class Receipt:
    """`verified`: the broker shows nothing of ours that should have been cancelled. `problem` names those of others.

    `over_data_link_at`: when a cancel of everything left that way, because the trading link did not confirm it.
    `is_escalated`: a person was told, and that is written down. Nothing is held back in memory any more: what stays
    stopped is in the table.
    """

    verified: bool = False
    problem: str = ""
    first_cancel_at: datetime | None = None
    last_cancel_at: datetime | None = None
    over_data_link_at: datetime | None = None
    results: dict[object, dict[str, Any]] = field(default_factory=dict)
    picture: dict[str, Any] | None = None
    is_over: bool = False
    is_escalated: bool = False

    @property
    def is_closed(self) -> bool:
        """From the escalation on nothing new is cancelled, once the broker's orders were seen at all."""
        return self.is_escalated and self.picture is not None

    def named(self) -> set[object]:
        """The ids in the ledger and the permanent ids of its orders: those of others get an id in the ledger late."""
        entries = self.results.values()
        return ({entry["order"] for entry in entries} | {entry["perm_id"] for entry in entries}) - {None}
