"""What the sentinel does for risk: breakers and alerts, the account's watch, comparisons with the broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from apps.broker import selectors as broker_state
from apps.broker.models import Execution
from apps.console.performance_alert import tell_performance
from apps.risk import reconciliation_selectors
from apps.risk.choices import RunTrigger
from apps.risk.models import EquityWatch
from apps.risk.services import alerts, monitors
from apps.risk.services.reconciliation import reconcile, unsettled
from apps.risk.services.verdict_watch import VerdictWatch
from tradeops.lib import clock
from tradeops.sentinel.turns import each_turn

WATCH_SECONDS = 60.0
# Entries wait for the first round that knows the equity.
WATCH_AGAIN_SECONDS = 5.0
PERFORMANCE_SECONDS = 3600.0
# Answers that are late keep being asked for, but not each second.
START_AGAIN_SECONDS = 30.0
SECOND_LOOK_SECONDS = 5.0
COMPARE_SECONDS = 60.0


def tell_alerts(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    unwatched = "Breakers that are open are not probed, and nobody is told of breakers and halts."
    each_turn(stopping, may_act, _tell, "alerts", unwatched=unwatched)


def watch_account(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """Limits each minute and with every execution; how the account performs each hour."""
    unwatched = "Losses are not compared with their limits: entries are denied until they are."
    each_turn(stopping, may_act, AccountWatch().turn, "account", unwatched=unwatched)


def compare_with_broker(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """After each start and reconnection, at the close, each minute in between, and again soon where a second look may
    decide. The job does the rest.
    """
    unwatched = "Ledger and broker are compared every ten minutes only, by the job: see `manage.py reconcile`."
    each_turn(stopping, may_act, Comparisons().turn, "reconciliation", unwatched=unwatched)


def _tell() -> bool:
    alerts.tell_alerts()
    return True


class AccountWatch:
    def __init__(self) -> None:
        self._watch_at = self._measure_at = float("-inf")
        self._execution: int | None = None

    def turn(self) -> bool:
        watches, measures = self._watch_is_due(), time.monotonic() >= self._measure_at
        if watches:
            self._watch()
        if measures:
            # Before it: what fails is not computed again each second, nor taken for a failing watch.
            self._measure_at = time.monotonic() + PERFORMANCE_SECONDS
            tell_performance(now=clock.now())
        return watches or measures

    def _watch_is_due(self) -> bool:
        newest = Execution.objects.order_by("-id").values_list("id", flat=True).first()
        is_new, self._execution = newest != self._execution, newest
        if is_new:
            # Also where this round fails.
            self._watch_at = float("-inf")
        return time.monotonic() >= self._watch_at

    def _watch(self) -> None:
        now = clock.now()
        monitors.watch(now=now)
        knew = EquityWatch.objects.filter(known_at=now).exists()
        self._watch_at = time.monotonic() + (WATCH_SECONDS if knew else WATCH_AGAIN_SECONDS)


class Comparisons:
    def __init__(self, *, again_seconds: float = START_AGAIN_SECONDS) -> None:
        self._again_seconds = again_seconds
        self._compared_at = float("-inf")
        self._verdicts = VerdictWatch()

    def turn(self) -> bool:
        now = clock.now()
        self._verdicts.look(now=now)
        trigger = self._due(time.monotonic() - self._compared_at, now)
        if trigger is None:
            return False
        self._compared_at = time.monotonic()
        reconcile(trigger=trigger, requested_by="sentinel")
        return True

    def _due(self, seconds: float, now: datetime) -> RunTrigger | None:
        if not broker_state.session(now=now).is_following:
            return None
        if seconds >= self._again_seconds and reconciliation_selectors.needs_start(now=now):
            return RunTrigger.START
        if seconds >= self._again_seconds and reconciliation_selectors.needs_close(now=now):
            return RunTrigger.CLOSE
        if seconds >= SECOND_LOOK_SECONDS and unsettled():
            return RunTrigger.FOLLOW_UP
        return RunTrigger.WATCH if seconds >= COMPARE_SECONDS else None
