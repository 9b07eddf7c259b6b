"""Delivering in the background of a process that has other things to do."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from apps.journal.services.delivery import deliver_due

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
STOP_SECONDS = 1.0


class Courier:
    """A thread that delivers what is due until it is stopped, over a database connection of its own."""

    def __init__(self, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a slow send: what was not acknowledged is sent again by whoever comes next."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause_seconds):
            try:
                close_old_connections()
                deliver_due()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("notices wait: %s", str(error).strip())
                connection.close()
            except Exception:
                logger.exception("delivering notices failed")
                connection.close()
        connection.close()
