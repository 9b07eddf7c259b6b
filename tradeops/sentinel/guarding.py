"""What the sentinel does for risk: breakers and alerts, the account's watch, comparisons with the broker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, close_old_connections, connection

from apps.broker.models import Execution
from apps.console.performance_alert import tell_performance
from apps.console.texts import one_line
from apps.risk import reconciliation_selectors
from apps.risk.choices import RunTrigger
from apps.risk.services import alerts, monitors
from apps.risk.services.reconciliation import reconcile, unsettled
from tradeops.lib import clock

logger = logging.getLogger(__name__)

TURN_SECONDS = 1.0
WATCH_SECONDS = 60.0
PERFORMANCE_SECONDS = 3600.0
# Answers that are late keep being asked for, but not each second.
START_AGAIN_SECONDS = 30.0
SECOND_LOOK_SECONDS = 5.0


def tell_alerts(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    _each_turn(stopping, may_act, alerts.tell_alerts, "alerts")


def watch_account(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """Limits each minute and with every execution; how the account performs each hour."""
    _each_turn(stopping, may_act, AccountWatch().turn, "the account's watch")


def compare_with_broker(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """After each start and reconnection, and again soon where a second look may decide. The job does the rest."""
    _each_turn(stopping, may_act, Comparisons().turn, "reconciliation")


class AccountWatch:
    def __init__(self) -> None:
        self._watched_at = float("-inf")
        self._measured_at = float("-inf")
        self._execution: int | None = None

    def turn(self) -> None:
        newest = Execution.objects.order_by("-id").values_list("id", flat=True).first()
        if newest != self._execution or time.monotonic() - self._watched_at >= WATCH_SECONDS:
            monitors.watch()
            self._execution, self._watched_at = newest, time.monotonic()
        if time.monotonic() - self._measured_at >= PERFORMANCE_SECONDS:
            tell_performance(now=clock.now())
            self._measured_at = time.monotonic()


class Comparisons:
    def __init__(self, *, again_seconds: float = START_AGAIN_SECONDS) -> None:
        self._again_seconds = again_seconds
        self._compared_at = float("-inf")

    def turn(self) -> None:
        trigger = self._due(time.monotonic() - self._compared_at)
        if trigger is not None:
            self._compared_at = time.monotonic()
            reconcile(trigger=trigger, requested_by="sentinel")

    def _due(self, seconds: float) -> RunTrigger | None:
        if seconds >= self._again_seconds and reconciliation_selectors.needs_start(now=clock.now()):
            return RunTrigger.START
        if seconds >= SECOND_LOOK_SECONDS and unsettled():
            return RunTrigger.FOLLOW_UP
        return None


def _each_turn(stopping: threading.Event, may_act: Callable[[], bool], work: Callable[[], object], name: str) -> None:
    while not stopping.wait(TURN_SECONDS):
        if not may_act():
            continue
        try:
            close_old_connections()
            work()
        except DatabaseError as error:
            logger.warning("%s waits: %s", name, one_line(error))
            connection.close()
        except Exception:
            logger.exception("%s failed", name)
            connection.close()
    connection.close()
