"""Where a notice can go, and sending it there now. Needs no database: also for when that is what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from apps.journal.choices import RANKS, Severity
from apps.journal.domain.quiet_hours import QuietHours
from apps.journal.outbound.apprise_sender import send_by_apprise
from apps.journal.outbound.webhook import post_notice

WEBHOOK = "SCHEDULER_WEBHOOK_URL"


@dataclass(frozen=True, slots=True)
class Destination:
    """`address` is a secret: it is in no log, error or repr."""

    place: str
    address: str = field(repr=False)
    minimum_severity: str = Severity.INFO
    quiet_hours: QuietHours | None = None

    def wants(self, severity: str) -> bool:
        return RANKS[severity] >= RANKS[self.minimum_severity]

    def held_until(self, severity: str, *, now: datetime) -> datetime | None:
        """The end of the quiet hours that hold this back; never anything critical."""
        if self.quiet_hours is None or severity == Severity.CRITICAL:
            return None
        return self.quiet_hours.ends_after(now)

    def send(self, subject: str, body: str, *, severity: str, now: datetime) -> int | None:
        """Returns the HTTP status where the destination says one. Takes 10 s at most. Raises NoticeFailed."""
        if self.place == WEBHOOK:
            return post_notice(self.address, subject, body, now=now)
        send_by_apprise(self.address, subject, body, severity=severity)
        return None
