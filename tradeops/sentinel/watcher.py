"""One look at everything each two seconds: heartbeat, findings, incidents. Whatever fails, the next turn tries anew."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg
from django.db import DatabaseError, close_old_connections, connection

from apps.console.health.facts import Facts
from apps.console.health.findings import Finding
from apps.console.health.rules import HEARTBEAT_FRESH, judge, replaced_processes
from apps.console.selectors.health import gather_facts
from apps.console.texts import one_line
from apps.journal import selectors as journal_selectors
from apps.journal import services as journal
from apps.journal.choices import ProcessKind
from apps.journal.outbound.destinations import Destination
from apps.journal.services import heartbeats
from tradeops.lib import clock
from tradeops.sentinel.episodes import Episodes
from tradeops.sentinel.lock import SentinelLock
from tradeops.sentinel.outage import SCOPE, Outage

logger = logging.getLogger(__name__)

TURN_SECONDS = 2.0
TURNS_BEHIND = 2
FROZEN_AFTER = HEARTBEAT_FRESH + timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last turn that succeeded (monotonic seconds), and why the latest one did not, empty when it did.

    `is_active` is believed until another turn succeeds: whoever held the watch when the database went away tells of it.
    """

    at: float
    is_active: bool
    error: str = ""
    has_looked: bool = True


class Watcher:
    """Runs on a thread of its own, because a database that hangs keeps it waiting."""

    def __init__(self, *, quiet_seconds: float, destinations: list[Destination]) -> None:
        self.name = f"sentinel-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.started_at = clock.now()
        self.pulse = Pulse(time.monotonic(), is_active=True, has_looked=False)
        self.destinations = destinations
        self.outages: list[Outage] = []
        self._turns_behind = 0
        self._lock = SentinelLock()
        self._episodes = Episodes(quiet_until=time.monotonic() + quiet_seconds)

    def run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            started = time.monotonic()
            self._try_turn()
            stopping.wait(max(0.1, TURN_SECONDS - (time.monotonic() - started)))
        self._end()

    def _try_turn(self) -> None:
        try:
            close_old_connections()
            is_active = self._turn(clock.now())
        except Exception as error:
            # Also for errors that nobody foresaw: a watchman who falls asleep over one is none.
            if not self.pulse.error:
                expected = isinstance(error, DatabaseError | psycopg.Error)
                logger.error("the sentinel sees nothing: %s", one_line(error), exc_info=None if expected else error)
            connection.close()
            self.pulse = replace(self.pulse, error=one_line(error))
            self._turns_behind = TURNS_BEHIND
        else:
            if self.pulse.error:
                logger.warning("the sentinel sees the platform again")
            self.pulse = Pulse(time.monotonic(), is_active)

    def _turn(self, now: datetime) -> bool:
        is_active = self._may_hold() and self._lock.hold()
        heartbeats.beat(
            name=self.name,
            kind=ProcessKind.SENTINEL,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self.started_at,
            now=now,
            is_active=is_active,
        )
        facts = gather_facts(now=now)
        self.destinations = journal_selectors.destinations()
        moment = time.monotonic()
        self._episodes.observe(judge(facts), moment)
        self._write_down_outages(is_active, now)
        if is_active:
            self._tell(moment, now)
            heartbeats.forget_processes(names=replaced_processes(facts), now=now)
        elif holder_is_frozen(facts):
            logger.warning("the active sentinel is frozen: taking its place")
            self._lock.end_holder()
        return is_active

    def _may_hold(self) -> bool:
        """After an outage a standby lets the one that was active go first: it knows what people were told."""
        if self.pulse.is_active or self._turns_behind == 0:
            return True
        self._turns_behind -= 1
        return False

    def _write_down_outages(self, is_active: bool, now: datetime) -> None:
        while self.outages:
            if is_active:
                self.outages[0].catch_up(now)
            self.outages.pop(0)

    def _tell(self, moment: float, now: datetime) -> None:
        open_keys = set(journal_selectors.open_incidents().filter(scope=SCOPE).values_list("key", flat=True))
        for finding in self._episodes.to_tell(moment):
            if self._is_ours(finding, finding.key in open_keys):
                open_incident(finding, now)
            self._episodes.told(finding, moment)
        for key in self._episodes.over(open_keys):
            journal.resolve_incident(key=key, detail="The sentinel finds it well again.", actor="sentinel", now=now)

    def _is_ours(self, finding: Finding, is_open: bool) -> bool:
        """A job's failure is told by the job itself. What a person has closed stays closed while it is old news."""
        if finding.topic == "job":
            return False
        if is_open or finding.happened_at is None:
            return True
        told = journal_selectors.incident_since(key=finding.key, at=finding.happened_at)
        return self._episodes.is_new(finding) and not told

    def _end(self) -> None:
        try:
            heartbeats.say_stopped(name=self.name)
        except Exception as error:
            logger.warning("the sentinel's heartbeat stays behind: %s", one_line(error))
        finally:
            self._lock.release()
            connection.close()


def open_incident(finding: Finding, now: datetime) -> None:
    journal.open_incident(
        key=finding.key,
        title=finding.sentence,
        severity=finding.severity,
        detail=f"{finding.remedy}\nRunbook: The sentinel says {finding.topic}.",
        scope=SCOPE,
        actor="sentinel",
        now=now,
    )


def holder_is_frozen(facts: Facts) -> bool:
    """The lock is taken, but no active sentinel has been heard of for longer than a database's hiccup lasts."""
    active = [row.heartbeat_at for row in facts.processes if row.kind == ProcessKind.SENTINEL and row.is_active]
    return bool(active) and facts.now - max(active) > FROZEN_AFTER
