"""Weeks of operation in minutes: the market moves from wake-up to wake-up, the jobs run through their real services."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apps.broker.models import Execution
from apps.broker.simulator.testing import SimulatorProcess
from apps.jobs import execution
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun
from apps.jobs.services import dispatch_due, next_wake_up
from apps.strategies import selectors as strategies
from tests.waiting import wait_for

Action = Callable[["Life"], None]
MOST_ATTEMPTS = 5
# Of the market: it stands at most so far behind the clock.
STEP_SECONDS = 3600


class Clock:
    """Put in the place of the platform's clock: stands where it is set, and goes on from there by itself."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def set(self, at: datetime) -> None:
        self._at, self._since = at, time.monotonic()

    def now(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._since)


@dataclass
class Life:
    """`agenda`: what people do and what goes wrong, by moment. While `worker_is_down`, nothing is handed out."""

    simulator: SimulatorProcess
    clock: Clock
    now: datetime
    end: datetime
    agenda: list[tuple[datetime, Action]] = field(default_factory=list)
    worker_is_down: bool = False

    def run(self) -> None:
        self.agenda.sort(key=lambda entry: entry[0])
        while self.now < self.end:
            self.move_to(self._next_moment())
            while self.agenda and self.agenda[0][0] <= self.now:
                self.agenda.pop(0)[1](self)
            if not self.worker_is_down:
                self.work()

    def _next_moment(self) -> datetime:
        wake_up = None if self.worker_is_down else next_wake_up(now=self.now)
        planned = self.agenda[0][0] if self.agenda else self.end
        return min(self.end, max(self.now, min(wake_up or self.end, planned)))

    def move_to(self, moment: datetime) -> None:
        steps = int((moment - self.market_now()).total_seconds() / STEP_SECONDS)
        if steps > 0:
            self.simulator.control(f"tick {steps}")
        self.now = moment
        self.clock.set(moment)

    def market_now(self) -> datetime:
        return datetime.fromisoformat(self.simulator.control("now")["now"]).astimezone(UTC)

    def work(self) -> None:
        """What a worker does at a wake-up: hand out what is due and work it off, attempts and their pauses included."""
        for run in dispatch_due(now=self.now):
            self.perform(run.pk)

    def perform(self, run_id: int) -> None:
        for _ in range(MOST_ATTEMPTS):
            run = JobRun.objects.get(pk=run_id)
            if run.state not in (RunState.QUEUED, RunState.WAITING_RETRY):
                return
            if run.next_attempt_at and run.next_attempt_at > self.now:
                self.move_to(run.next_attempt_at)
                self.do_what_is_planned()
            assert run.queue_entry is not None
            execution.perform([(run.queue_entry, run.pk, run.attempt + 1, run.job)])

    def do_what_is_planned(self) -> None:
        while self.agenda and self.agenda[0][0] <= self.now:
            self.agenda.pop(0)[1](self)


def follow_advice(life: Life) -> None:
    """A person trades by hand what was advised, as far as that is in dollars, and the mirror shows it."""
    advice = strategies.latest_advice()
    if advice is None:
        return
    trades = [trade for trade in advice.trades.all() if trade.currency == "USD"]
    known = Execution.objects.count()
    for trade in trades:
        life.simulator.control(f"trade {trade.symbol} {trade.action} {int(trade.shares)}")
    wait_for(lambda: Execution.objects.count() >= known + len(trades), what="the executions in the mirror")
