"""The process. Its main thread never waits for the database or the network: it watches the watcher by the clock."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import FrameType

from django.conf import settings
from django.db import connections

from apps.journal.outbound.destinations import WEBHOOK, Destination
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.sentinel import background, guarding, systemd
from tradeops.sentinel.outage import Outage
from tradeops.sentinel.watcher import Watcher

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
# A restart of PostgreSQL takes about a second; connecting gives up after three.
DATABASE_PATIENCE_SECONDS = 8.0
QUIET_SECONDS = 20.0
STOP_SECONDS = 2.0
# Each on a thread of its own: a broker that does not answer keeps only its own asker waiting.
RISK = {
    "alerts": guarding.tell_alerts,
    "account": guarding.watch_account,
    "reconciliation": guarding.compare_with_broker,
}


class SentinelError(TradeOpsError):
    """The sentinel cannot go on; whoever started it starts it again."""


class Sentinel:
    def __init__(self, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        use_watchful_connections()
        url: str = settings.SCHEDULER_WEBHOOK_URL
        known = [Destination(WEBHOOK, url)] if url else []
        self._watcher = Watcher(quiet_seconds=quiet_seconds, destinations=known)
        self._stopping = threading.Event()
        self._outage: Outage | None = None

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT, then stop within 3 s. Raises SentinelError when its own watcher died."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        watcher = self._start("watcher", lambda: self._watcher.run(self._stopping))
        self._start("deliverer", lambda: background.deliver(self._stopping, self._may_act))
        for name, work in RISK.items():
            self._start(name, partial(work, self._stopping, self._may_act))
        self._start("emergencies", lambda: background.attend_emergencies(self._stopping, self._may_act))
        self._start("close-alls", lambda: background.drive_orphans(self._stopping, self._may_act))
        if settings.SENTINEL_PING_URL:
            self._start("ping", lambda: background.ping(settings.SENTINEL_PING_URL, self._stopping, self._may_act))
        systemd.notify("READY=1")
        while not self._stopping.wait(LOOK_SECONDS):
            if not watcher.is_alive():
                raise SentinelError("The sentinel's watcher ended: the log says why.")
            self._look_after_database()
            systemd.notify("WATCHDOG=1")
        systemd.notify("STOPPING=1")
        watcher.join(STOP_SECONDS)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def _silence(self) -> float:
        return time.monotonic() - self._watcher.pulse.at

    def _may_act(self) -> bool:
        pulse = self._watcher.pulse
        return pulse.has_looked and pulse.is_active and self._silence() < DATABASE_PATIENCE_SECONDS

    def _look_after_database(self) -> None:
        silence, pulse = self._silence(), self._watcher.pulse
        if silence > DATABASE_PATIENCE_SECONDS:
            if self._outage is None:
                began_at = clock.now() - timedelta(seconds=silence)
                self._outage = Outage(began_at=began_at, reason=pulse.error or f"no answer for {silence:.0f} s")
            # Whoever stood by has nothing to say: the active one lost the database in the same moment.
            if pulse.is_active:
                self._outage.tell(self._watcher.destinations)
        elif self._outage is not None:
            self._watcher.outages.append(self._outage)
            self._outage = None


def use_watchful_connections() -> None:
    """A server that vanished without a word is noticed within seconds, a statement that hangs ends."""
    options = connections.settings["default"]["OPTIONS"]
    options.pop("pool", None)  # for web processes, with their many threads
    options.update(keepalives_idle=5, keepalives_interval=2, keepalives_count=3)
    options["options"] = f"{options.get('options', '')} -c statement_timeout=6000".strip()
