"""When the database is away: people are told from memory, once per episode, and the record is made up afterwards."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime

from django.db import transaction

from apps.console.health.findings import DATABASE, database_unavailable
from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.journal.exceptions import NoticeFailed
from apps.journal.outbound.destinations import Destination
from tradeops.lib import clock

logger = logging.getLogger(__name__)

SCOPE = "health"
TRY_AGAIN_SECONDS = 30.0


class Outage:
    """One episode, from the moment when the database was last heard of."""

    def __init__(self, *, began_at: datetime, reason: str) -> None:
        self.began_at = began_at
        self.reason = reason
        self.was_told = False
        self._tried_at = float("-inf")
        self._sending: threading.Thread | None = None

    def tell(self, destinations: list[Destination]) -> None:
        """Send in the background; again after a while if nobody could be reached."""
        if self.was_told or (self._sending is not None and self._sending.is_alive()):
            return
        if time.monotonic() - self._tried_at < TRY_AGAIN_SECONDS:
            return
        self._tried_at = time.monotonic()
        logger.error("the database does not answer: %s", self.reason)
        self._sending = threading.Thread(target=self._send, args=[destinations], name="outage", daemon=True)
        self._sending.start()

    def _send(self, destinations: list[Destination]) -> None:
        finding = database_unavailable()
        body = f"No answer since {self.began_at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}\n{finding.remedy}"
        for destination in destinations:
            try:
                destination.send(subject(), body, severity=Severity.CRITICAL, now=clock.now())
                self.was_told = True
            except NoticeFailed as error:
                logger.error("%s could not be told of the outage: %s", destination.place, error)

    @transaction.atomic
    def catch_up(self, now: datetime) -> None:
        """Write the episode down. People hear of its end; of its beginning only if nobody could be told before."""
        lasted = f"The database was away from {self.began_at:%Y-%m-%d %H:%M:%S} to {now:%H:%M:%S} UTC: {self.reason}"
        journal.open_incident(
            key=DATABASE,
            title=database_unavailable().sentence,
            severity=Severity.CRITICAL,
            detail=lasted,
            scope=SCOPE,
            actor="sentinel",
            announce=not self.was_told,
            now=self.began_at,
        )
        journal.resolve_incident(key=DATABASE, detail=lasted, actor="sentinel", now=now)


def subject() -> str:
    return f"Critical: {database_unavailable().sentence}"
