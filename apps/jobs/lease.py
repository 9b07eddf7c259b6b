"""The thread that keeps a run's lease alive while the job works, over a connection of its own."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

import psycopg
from django.db import DatabaseError

from apps.jobs.context import JobContext
from tradeops.lib.listen import conninfo

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0
LEASE_SECONDS = 15

RENEW = """
UPDATE jobs_jobrun
   SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
       progress_done = %(done)s, progress_total = %(total)s, progress_text = %(text)s, log = %(log)s
 WHERE id = %(run)s AND lease_owner = %(owner)s AND state = 'running'
"""


class LeaseKeeper:
    """While the block runs, renews the lease and writes progress and log; says so in the context when it is lost."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(2 * RENEW_SECONDS)

    def _keep(self) -> None:
        while not self._ended.is_set():
            try:
                self._keep_over_one_connection()
            except (psycopg.Error, DatabaseError, OSError) as error:
                logger.warning("renewing the lease of run %s failed: %s", self._context.run.pk, error)
                self._ended.wait(RENEW_SECONDS)

    def _keep_over_one_connection(self) -> None:
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            while not self._ended.wait(RENEW_SECONDS):
                if not self._renew(connection):
                    self._context.lease_lost.set()
                    self._ended.set()

    def _renew(self, connection: psycopg.Connection) -> bool:
        run, said = self._context.run, self._context.report()
        values = {"seconds": LEASE_SECONDS, "run": run.pk, "owner": run.lease_owner}
        values |= {"done": said.done, "total": said.total, "text": said.text, "log": said.log}
        return connection.execute(RENEW, values).rowcount == 1
