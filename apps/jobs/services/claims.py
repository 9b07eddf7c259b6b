"""Claiming runs: in one statement, each at most once, and never two of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection

from apps.jobs.lease import LEASE_SECONDS
from apps.jobs.models import JobRun
from apps.jobs.queue import FORM, Entry
from tradeops.lib import prepared

# How soon a run is tried again that found another run of its job running.
LOOK_AGAIN = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker process for as long as it holds the runs that it claims together."""

    worker: str
    pid: int
    owner: str


FIELDS = [field.attname for field in JobRun._meta.concrete_fields]

CLAIM = f"""
UPDATE jobs_jobrun run
   SET state = 'running', attempt = wanted.attempt, lease_owner = %(owner)s,
       lease_until = clock_timestamp() + make_interval(secs => %(lease)s), worker = %(worker)s, worker_pid = %(pid)s,
       started_at = COALESCE(started_at, clock_timestamp()), attempt_started_at = clock_timestamp(),
       next_attempt_at = NULL, progress_done = NULL, progress_total = NULL, progress_text = '',
       error = '', traceback = ''
  FROM unnest(%(runs)s::bigint[], %(attempts)s::int[], %(jobs)s::text[]) AS wanted (run, attempt, job)
 WHERE run.id = wanted.run AND run.job = wanted.job AND run.max_attempts >= wanted.attempt
   AND (run.state IN ('queued', 'waiting-retry') AND run.attempt = wanted.attempt - 1
        AND NOT EXISTS (SELECT FROM jobs_jobrun other WHERE other.job = run.job AND other.state = 'running')
        OR run.state = 'running' AND run.lease_owner = %(owner)s)
RETURNING {", ".join(f"run.{field}" for field in FIELDS)}
"""  # noqa: S608 - the names of our own columns


def claim_runs(entries: Sequence[Entry], claimant: Claimant) -> list[JobRun]:
    if not entries:
        return []
    values = {
        "owner": claimant.owner,
        "worker": claimant.worker,
        "pid": claimant.pid,
        "lease": LEASE_SECONDS,
        "runs": [entry.run for entry in entries],
        "attempts": [entry.attempt for entry in entries],
        "jobs": [entry.job for entry in entries],
    }
    # No JSON to decode: a run that can be claimed has no result.
    runs = [JobRun.from_db(DEFAULT_DB_ALIAS, FIELDS, row) for row in prepared.fetch_all(CLAIM, values)]
    return sorted(runs, key=lambda run: run.pk)


def put_aside(entries: Sequence[Entry]) -> None:
    values: dict[str, Any] = {
        "entries": [entry.id for entry in entries],
        "runs": [entry.run for entry in entries],
        "payloads": [FORM % (entry.run, entry.attempt, entry.job) for entry in entries],
        "pause": LOOK_AGAIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(LATER, values)
        cursor.execute(REMOVE_STALE, values)


LATER = """
UPDATE django_q_ormq entry SET lock = clock_timestamp() + %(pause)s
  FROM unnest(%(entries)s::bigint[], %(runs)s::bigint[], %(payloads)s::text[]) AS mine (entry, run, payload),
       jobs_jobrun run
 WHERE entry.id = mine.entry AND run.id = mine.run AND run.queue_entry = entry.id
   -- A later attempt has its own time.
   AND entry.payload = mine.payload
   AND run.state IN ('queued', 'waiting-retry')
"""

REMOVE_STALE = """
DELETE FROM django_q_ormq entry USING unnest(%(entries)s::bigint[], %(runs)s::bigint[]) AS mine (entry, run)
 WHERE entry.id = mine.entry
   AND NOT EXISTS (SELECT FROM jobs_jobrun run WHERE run.id = mine.run AND run.queue_entry = entry.id
                    AND run.state IN ('queued', 'waiting-retry', 'running'))
"""
