"""The latest rows of every job, quick also over millions of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from apps.jobs.models import JobRun

# The planner reads each job's latest rows from one index; DISTINCT ON would read every run there ever was.
LATEST = """
SELECT latest.* FROM unnest(%s::text[]) AS wanted (name), LATERAL (
    SELECT id, job, state, slot, stands_for, attempt, max_attempts, next_attempt_at, progress_done, progress_total,
           progress_text, left(error, 400) AS error, started_by, created_at, started_at, attempt_started_at, ended_at,
           cancel_requested_at, CASE WHEN pg_column_size(result) < 4000 THEN result END AS result
      FROM jobs_jobrun WHERE job = wanted.name AND state <> ALL(%s::text[])
     ORDER BY created_at DESC NULLS LAST, id DESC NULLS LAST LIMIT %s
) latest
"""

SUCCESSES = """
SELECT wanted.name, newest.ended_at FROM unnest(%s::text[]) AS wanted (name), LATERAL (
    SELECT ended_at FROM jobs_jobrun WHERE job = wanted.name AND state = 'succeeded' ORDER BY ended_at DESC LIMIT 1
) newest
"""


def runs_of(names: Sequence[str], each: int, *, without: Sequence[str] = ()) -> dict[str, list[JobRun]]:
    """Up to `each` rows of every job, newest first, without log and traceback; not those in the states `without`."""
    found: dict[str, list[JobRun]] = {name: [] for name in names}
    for run in JobRun.objects.raw(LATEST, [list(names), list(without), each]):
        found[run.job].append(run)
    return found


def successes_of(names: Sequence[str]) -> dict[str, datetime]:
    """When each job last succeeded; jobs that never did are left out."""
    with connection.cursor() as cursor:
        cursor.execute(SUCCESSES, [list(names)])
        return dict(cursor.fetchall())
