"""The thread that keeps a run's lease alive while the job works, over a connection of its own.

What the job says of itself is written as it changes, at most four times a second; the lease once a second.
"""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

import psycopg
from django.db import DatabaseError

from apps.jobs.context import JobContext, Report
from tradeops.lib.listen import conninfo

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0
LOOK_SECONDS = 0.25
LEASE_SECONDS = 15

RENEW = """
UPDATE jobs_jobrun
   SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
       progress_done = %(done)s, progress_total = %(total)s, progress_text = %(text)s,
       log = COALESCE(%(log)s, log)
 WHERE id = %(run)s AND lease_owner = %(owner)s AND state = 'running'
RETURNING cancel_requested_at IS NOT NULL
"""


class LeaseKeeper:
    """Renews the lease and writes progress and log until `ended`; says so in the context when the lease is lost.

    As a context manager it does so in a thread of its own while the block runs.
    """

    def __init__(self, context: JobContext, ended: threading.Event | None = None) -> None:
        self._context = context
        self._ended = ended or threading.Event()
        self._lost = False
        self._written = Report(None, None, "", context.run.log)
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self.keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(2 * RENEW_SECONDS)

    def keep(self) -> None:
        while not self._lost and not self._ended.wait(LOOK_SECONDS):
            try:
                self._keep_over_one_connection()
            except (psycopg.Error, DatabaseError, OSError) as error:
                logger.warning("renewing the lease of run %s failed: %s", self._context.run.pk, error)
                self._ended.wait(RENEW_SECONDS)

    def _keep_over_one_connection(self) -> None:
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            while not self._lost:
                said = self._context.report()
                is_due = time.monotonic() - self._renewed_at >= RENEW_SECONDS
                if (is_due or said != self._written) and not self._renew(connection, said):
                    self._lost = True
                    self._context.lease_lost.set()
                if self._ended.wait(LOOK_SECONDS):
                    return

    def _renew(self, connection: psycopg.Connection, said: Report) -> bool:
        run = self._context.run
        values = {"seconds": LEASE_SECONDS, "run": run.pk, "owner": run.lease_owner}
        values |= {"done": said.done, "total": said.total, "text": said.text}
        # A log that did not grow is not sent again: it may be long.
        values["log"] = said.log if said.log != self._written.log else None
        row = connection.execute(RENEW, values).fetchone()
        if row is not None and row[0]:
            self._context.stop_requested.set()
        self._written, self._renewed_at = said, time.monotonic()
        return row is not None
