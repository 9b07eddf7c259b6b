"""Keeps the session's facts, and the row in which everybody else reads its state."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError

from apps.broker.choices import FOLLOWING, OrderPurpose, SessionState
from apps.broker.domain.codes import Meaning, Severity, rule_for
from apps.broker.domain.orders import sendable
from apps.broker.domain.restart_window import RestartCalendar
from apps.broker.domain.session import BrokerMessage, Facts, LinkName, LinkUp, SessionEvent, Verdict, apply, decide
from apps.broker.domain.weekly_login import WeeklyLogin
from apps.broker.gateway.session_rows import Notice, Transition, begin_session, write_session
from apps.journal.choices import Level
from tradeops.lib import clock, crossing

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0
REASON_LENGTH = 300
# One that breaks off sooner was none: a loop of logins and losses is an absence.
SETTLED_AFTER = timedelta(seconds=30)
# While the database is away; the oldest go first.
MOST_WAITING = 500
SAME_NOTICE_SECONDS = 60.0
LEVELS = {Severity.INFO: Level.INFO, Severity.WARN: Level.WARN, Severity.ERROR: Level.ERROR}
# These the state tells already.
TOLD_BY_STATE = frozenset(
    {
        Meaning.BROKER_LOST,
        Meaning.BROKER_BACK,
        Meaning.BROKER_BACK_DATA_LOST,
        Meaning.FARM_BROKEN,
        Meaning.FARM_OK,
        Meaning.COMPETING_SESSION,
        Meaning.LOGIN,
    }
)


class SessionKeeper:
    """`tell` it what happens. `values` supplies the row's other columns at each heartbeat."""

    def __init__(
        self,
        restarts: RestartCalendar,
        values: Callable[[], dict[str, Any]],
        epoch: Callable[[], int],
        weekly_login: WeeklyLogin | None = None,
    ) -> None:
        self.facts = Facts()
        self.verdict = Verdict(SessionState.STARTING)
        self.since = clock.now()
        self._restarts = restarts
        self._values = values
        self._epoch = epoch
        self._transitions: deque[Transition] = deque(maxlen=MOST_WAITING)
        self._notices: deque[Notice] = deque(maxlen=MOST_WAITING)
        self._noticed: dict[tuple[int, str], datetime] = {}
        self._following_since = self.since
        self._settled_at: datetime | None = None
        self._weekly_login = weekly_login
        self._logged_in_at: datetime | None = None
        self._has_begun = False
        self._wake = asyncio.Event()
        # At once, or a gateway that was killed would still seem to be ready.
        self._wake.set()

    @property
    def sendable(self) -> frozenset[OrderPurpose]:
        """What for orders may leave now."""
        return sendable(self.verdict.state)

    def tell(self, event: SessionEvent) -> None:
        self.facts = apply(self.facts, event)
        if event == LinkUp(LinkName.TRADING):
            self._logged_in_at = clock.now()
        self.review()

    def review(self) -> None:
        """Decide anew: the restart window begins and ends without an event."""
        now = clock.now()
        verdict = decide(self.facts, now=now, calendar=self._restarts)
        if verdict == self.verdict:
            return
        expected = bool(self.facts.stopped) or self._restarts.contains(now)
        before = self.verdict.state
        logger.info("session %s %s", verdict.state, verdict.reason)
        self._transitions.append(Transition(before, verdict.state, verdict.reason, now, self._epoch(), expected))
        if verdict.state is not before:
            self.since = now
        if before not in FOLLOWING:
            self._following_since = now
        self.verdict = verdict
        self._wake.set()

    def on_message(self, request_id: int, code: int, text: str) -> None:
        """A notice or error of the broker: the state hears it, and people where it matters."""
        now = clock.now()
        rule = rule_for(code)
        self.tell(BrokerMessage(code, text, now))
        concerns_request = request_id > 0 and rule.meaning is not Meaning.MARGIN
        if rule.severity is Severity.INFO or rule.meaning in TOLD_BY_STATE or concerns_request:
            return
        last = self._noticed.get((code, text))
        if last is not None and (now - last).total_seconds() < SAME_NOTICE_SECONDS:
            return
        self._noticed = {
            key: at for key, at in self._noticed.items() if (now - at).total_seconds() < SAME_NOTICE_SECONDS
        }
        self._noticed[code, text] = now
        step = "Margin" if rule.meaning is Meaning.MARGIN else "Broker"
        self._notices.append(Notice(code, text[:1000], rule.meaning.value, LEVELS[rule.severity], step))
        self._wake.set()

    def _holds(self, now: datetime) -> bool:
        return self.verdict.state in FOLLOWING and now - self._following_since >= SETTLED_AFTER

    def _moments(self, now: datetime) -> dict[str, datetime]:
        """What has not been since the start stays in the row as it was."""
        if self._holds(now) or self.verdict.state is SessionState.PLANNED_RESTART:
            self._settled_at = now
        moments = {"settled_at": self._settled_at, "logged_in_at": self._logged_in_at}
        return {name: at for name, at in moments.items() if at is not None}

    def _kept_appointment(self, now: datetime) -> datetime | None:
        if self._weekly_login is None or self._logged_in_at is None or not self._holds(now):
            return None
        # It holds since then, if not for longer: of an appointment that comes meanwhile it says nothing yet.
        return self._weekly_login.kept_by(logged_in_at=self._logged_in_at, held_at=now - SETTLED_AFTER)

    async def run(self) -> None:
        away = False
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                self.review()
            try:
                await self.write()
                away = False
            except DatabaseError as error:
                if not away:
                    logger.error("the session's heartbeat cannot be written: %s", str(error).strip())
                away = True
                await asyncio.sleep(HEARTBEAT_SECONDS / 4)

    async def write(self) -> None:
        """Raises DatabaseError; nothing is forgotten then."""
        self._wake.clear()
        transitions, notices = list(self._transitions), list(self._notices)
        if not self._has_begun:
            await crossing.in_database(begin_session, clock.now())
            self._has_begun = True
        now = clock.now()
        values = {
            **self._values(),
            **self._moments(now),
            "state": self.verdict.state,
            "reason": self.verdict.reason[:REASON_LENGTH],
            "state_since": self.since,
            "heartbeat_at": now,
        }
        await crossing.in_database(write_session, values, transitions, notices, self._kept_appointment(now))
        # Both may have grown meanwhile.
        self._transitions = deque(list(self._transitions)[len(transitions) :], MOST_WAITING)
        self._notices = deque(list(self._notices)[len(notices) :], MOST_WAITING)
