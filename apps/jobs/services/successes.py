"""Runs that succeeded: their ends, their places in the queue and what the journal says of them, in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from apps.jobs.services import attempt_journal
from apps.jobs.services.endings import Ending, Success
from apps.jobs.services.outcomes import incident_key
from apps.journal import selectors as incidents
from apps.journal import services as journal
from tradeops.lib import prepared


def write_all(endings: Sequence[Ending]) -> list[Success]:
    """Write the successes among `endings`; those of which the lease was still ours."""
    return _write(endings, resolving=True)


def write_plain(endings: Sequence[Ending]) -> list[Ending]:
    """Write only the successes that resolve no incident; what is left to be written."""
    written = {success.run.pk for success in _write(endings, resolving=False)}
    return [ending for ending in endings if ending.run.pk not in written]


def _write(endings: Sequence[Ending], *, resolving: bool) -> list[Success]:
    successes = [ending for ending in endings if isinstance(ending, Success)]
    if not successes:
        return []
    drafts = {success.run.pk: attempt_journal.drafts_of(success) for success in successes}
    values = {
        "endings": json.dumps([_as_row(success) for success in successes]),
        "events": journal.as_json([said for of_run in drafts.values() for said in of_run]),
        "resolving": resolving,
    }
    written = {run for (run,) in prepared.fetch_all(SUCCEED, values)}
    for run in written:
        for said in drafts[run]:
            journal.log(said)
    return [success for success in successes if success.run.pk in written]


def _as_row(success: Success) -> dict[str, Any]:
    said = success.report
    return {
        "run": success.run.pk,
        "owner": success.run.lease_owner,
        "incident": incident_key(success.run.job),
        "began": success.began_at.isoformat(),
        "ended": success.ended_at.isoformat(),
        "result": success.result,
        "done": said.done,
        "total": said.total,
        "text": said.text,
        "log": said.log,
    }


EVENTS_OF_ENDED = """(
    SELECT jsonb_agg(event ORDER BY place)
      FROM jsonb_array_elements(%(events)s::jsonb) WITH ORDINALITY AS e (event, place)
     WHERE (event #>> '{data,run}')::bigint IN (SELECT id FROM ended)
)"""

SUCCEED = f"""
WITH ended AS (
    UPDATE jobs_jobrun run
       SET state = 'succeeded', lease_owner = '', lease_until = NULL, ended_at = said.ended, result = said.result,
           attempt_started_at = said.began,
           started_at = CASE WHEN run.attempt = 1 THEN said.began ELSE run.started_at END,
           progress_done = said.done, progress_total = said.total, progress_text = said.text, log = said.log
      FROM jsonb_to_recordset(%(endings)s::jsonb) AS said (
               run bigint, owner text, incident text, began timestamptz, ended timestamptz, result jsonb,
               done int, total int, text text, log text)
     WHERE run.id = said.run AND run.lease_owner = said.owner AND run.state = 'running'
       AND (%(resolving)s OR NOT EXISTS ({incidents.OPEN.format(keys="ARRAY[said.incident]")}))
    RETURNING run.id, run.queue_entry
), removed AS (
    DELETE FROM django_q_ormq entry USING ended WHERE entry.id = ended.queue_entry
), told AS ({journal.APPEND.format(events=EVENTS_OF_ENDED)})
SELECT id FROM ended
"""  # noqa: S608 - our own parts of statements, values are bound
