"""Hands out scheduled runs in the millisecond that they are due, undisturbed by whatever else the worker does."""

from __future__ import annotations

import logging
import select
import threading

import psycopg
from django.db import Error, close_old_connections, connection

from apps.jobs import services
from apps.jobs.supervision.channels import Bell
from tradeops.lib import clock
from tradeops.lib.listen import conninfo

logger = logging.getLogger(__name__)

CHANNEL = "jobs_schedule"
# At the latest: the clock may have been set, a notification lost.
LOOK_SECONDS = 1.0
AWAY_SECONDS = 0.5


class Dispatcher:
    """A thread that sleeps exactly until the next slot; NOTIFY `jobs_schedule` says that it may have changed."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._bell = Bell()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if not self._thread.is_alive():
            return
        self._bell.ring()
        self._thread.join(2 * LOOK_SECONDS)
        if not self._thread.is_alive():
            self._bell.dispose()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen_and_dispatch()
            except (psycopg.Error, Error, OSError) as error:
                self._begin_anew_soon(str(error).strip())
            except Exception as error:
                # A thread that ends would end unseen, and nothing would be due any more.
                self._begin_anew_soon(repr(error), exc_info=error)
            finally:
                connection.close()

    def _begin_anew_soon(self, why: str, exc_info: Exception | None = None) -> None:
        if not self._is_failing:
            logger.error("jobs that are due cannot be handed out: %s", why, exc_info=exc_info)
        self._is_failing = True
        self._stopping.wait(AWAY_SECONDS)

    def _listen_and_dispatch(self) -> None:
        with psycopg.connect(conninfo(), autocommit=True) as listening:
            listening.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                pause = self._dispatch()
                self._is_failing = False
                if not any(listening.notifies(timeout=0)):
                    select.select([listening.fileno(), self._bell.fileno()], [], [], pause)

    def _dispatch(self) -> float:
        """Hand out what is due; for how many seconds to sleep then."""
        close_old_connections()
        services.dispatch_due(now=clock.now())
        now = clock.now()
        following = services.next_wake_up(now=now)
        seconds = (following - now).total_seconds() if following else LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.0, seconds))
