"""What a person must look at. Synchronous; call it inside a transaction or alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.broker import ledger
from apps.broker.models import Order
from apps.journal import services as journal
from apps.journal.choices import Level

STEP, SCOPE = "Escalation", "broker"
MARK = "escalation"


def on_escalation(subject: str, message: str, *, order: Order | None = None, data: Mapping[str, Any]) -> None:
    """Record at the highest level that something needs a person. `subject` names the kind of trouble, for ever."""
    details = {MARK: subject, **data}
    if order is not None:
        ledger.note(order, message=message, actor="gateway", data=details, level=Level.ERROR)
    else:
        journal.record(step=STEP, message=message, level=Level.ERROR, scope=SCOPE, data=details, actor="gateway")


def escalate_once(order: Order, subject: str, message: str) -> None:
    """The same trouble of the same sending is told once, by whichever process."""
    told = order.events.filter(data__contains={MARK: subject, "times_sent": order.times_sent})
    if not told.exists():
        on_escalation(subject, message, order=order, data={"times_sent": order.times_sent})
