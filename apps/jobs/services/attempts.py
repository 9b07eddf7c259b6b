"""Attempts of runs: claimed by one process, ended by the same or by whoever finds it dead.

An attempt is counted and committed before its work begins, and its end is committed before anybody is told of it. A
worker process claims several short runs together and writes their ends together. Killed at any point, it costs an
attempt only to the run that it was working on, and to those that it had ended but not yet written: these are tried
again. The claimed runs that it had not begun get their attempt back, as `marks` prove.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import DateTimeField, Func

from apps.jobs import queue
from apps.jobs.choices import RunState
from apps.jobs.context import Report
from apps.jobs.domain.retries import delay_before
from apps.jobs.models import JobRun
from apps.jobs.queue import Entry
from apps.jobs.registry import Job
from apps.jobs.services import attempt_journal, outcomes
from apps.jobs.services.claims import Claimant, claim_runs, put_aside
from apps.jobs.services.endings import Ending, Failure, Stopped, Success
from apps.jobs.services.runs import enqueue
from apps.jobs.services.successes import write_all, write_plain

CLAIM_TRIES = 3


class ClockTimestamp(Func):
    """The database's clock, which all workers share, as it moves on inside a transaction."""

    function = "CLOCK_TIMESTAMP"
    output_field = DateTimeField()


def exchange(*, endings: Sequence[Ending], entries: Sequence[Entry], claimant: Claimant) -> list[JobRun]:
    """Write what has ended and claim what comes next, in one transaction; the claimed runs, oldest first.

    Not for use inside a transaction.

    Safe to repeat with the same arguments when it is not known whether it was committed. An entry is not claimed when
    its attempt was taken or ended elsewhere: then it is removed; or when another run of its job is running: then it is
    due again a moment later.
    """
    for _ in range(CLAIM_TRIES):
        try:
            runs = _exchange(endings, entries, claimant)
            break
        except IntegrityError:
            continue  # another worker has just claimed a run of one of these jobs: now that can be seen
    else:
        runs = _exchange(endings, (), claimant)
    if len(runs) < len(entries):
        claimed = {run.pk for run in runs}
        put_aside([entry for entry in entries if entry.run not in claimed])
    return runs


def _exchange(endings: Sequence[Ending], entries: Sequence[Entry], claimant: Claimant) -> list[JobRun]:
    """Where one statement is enough, it commits by itself."""
    left = endings if entries else write_plain(endings)
    if not left:
        return claim_runs(entries, claimant)
    with transaction.atomic():
        end_all(left)
        return claim_runs(entries, claimant)


@transaction.atomic(savepoint=False)
def end_all(endings: Sequence[Ending]) -> set[int]:
    """The ids of the runs whose end was written. The others' leases were lost: their end is another attempt's."""
    written = _end_unsuccessful(endings)
    succeeded = write_all(endings)
    outcomes.after_successes([_as_it_is_now(success) for success in succeeded])
    return written | {success.run.pk for success in succeeded}


def _end_unsuccessful(endings: Sequence[Ending]) -> set[int]:
    written = set()
    for ending in endings:
        if isinstance(ending, Failure) and _end_failed(ending) or isinstance(ending, Stopped) and _end_stopped(ending):
            written.add(ending.run.pk)
    return written


def _as_it_is_now(success: Success) -> JobRun:
    run = success.run
    run.state, run.result, run.ended_at = RunState.SUCCEEDED, success.result, success.ended_at
    return run


def _end_failed(failure: Failure) -> bool:
    """Queue the next attempt after its delay, or end the run."""
    run, job = failure.run, failure.job
    final = RunState.FAILED if failure.expected else RunState.ERRORED
    if _is_asked_to_stop(run):
        job, final = None, RunState.CANCELLED  # whoever asked it to stop does not want it again
    retries = job is not None and run.attempt < run.max_attempts
    values: dict[str, Any] = {"error": failure.error, "traceback": failure.traceback}
    values |= {"next_attempt_at": failure.again_at if retries else None}
    state = RunState.WAITING_RETRY if retries else final
    if not _end(run, state, now=failure.ended_at, report=failure.report, **values):
        return False
    attempt_journal.record_failure(failure, again_at=failure.again_at if retries else None)
    if job is not None and retries:
        enqueue(run, at=failure.again_at)
    else:
        _end_for_good(run)
    return True


def _end_stopped(stopped: Stopped) -> bool:
    if not _end(stopped.run, RunState.CANCELLED, now=stopped.ended_at, report=stopped.report):
        return False
    by = JobRun.objects.values_list("cancel_requested_by", flat=True).get(pk=stopped.run.pk)
    attempt_journal.record_stop(stopped, by)
    _end_for_good(stopped.run)
    return True


def _is_asked_to_stop(run: JobRun) -> bool:
    """Locks the row: whoever asks a moment later sees how the attempt ended."""
    row = JobRun.objects.select_for_update().filter(pk=run.pk).values_list("cancel_requested_at").first()
    return row is not None and row[0] is not None


def _end(run: JobRun, state: RunState, *, now: datetime, report: Report | None, **values: Any) -> bool:
    """Fenced: only as long as nobody has taken the attempt over."""
    if report is not None:
        values |= {"progress_done": report.done, "progress_total": report.total}
        values |= {"progress_text": report.text, "log": report.log}
    if state != RunState.WAITING_RETRY:
        values["ended_at"] = now
    mine = JobRun.objects.filter(pk=run.pk, lease_owner=run.lease_owner, state=RunState.RUNNING)
    return bool(mine.update(state=state, lease_owner="", lease_until=None, **values))


def _end_for_good(run: JobRun) -> None:
    ended = JobRun.objects.get(pk=run.pk)
    queue.remove([ended.queue_entry] if ended.queue_entry else [])
    outcomes.after_final(ended)


@transaction.atomic
def part(*, endings: Sequence[Ending], run: JobRun, began_at: datetime, rest: Sequence[JobRun], now: datetime) -> None:
    """Of runs claimed together `run` takes longer: write what ended before it, its start, and give back `rest`."""
    end_all(endings)
    attempt_journal.record_start(run, began_at=began_at)
    give_back(runs=rest, now=now)


GIVE_BACK = """
WITH given AS (
    UPDATE jobs_jobrun SET state = CASE WHEN attempt = 1 THEN 'queued' ELSE 'waiting-retry' END,
           attempt = attempt - 1, started_at = CASE WHEN attempt > 1 THEN started_at END,
           lease_owner = '', lease_until = NULL, next_attempt_at = %(now)s
      FROM unnest(%(runs)s::bigint[], %(owners)s::text[]) AS mine (run, owner)
     WHERE id = mine.run AND lease_owner = mine.owner AND state = 'running'
    RETURNING queue_entry
)
UPDATE django_q_ormq SET lock = clock_timestamp() FROM given WHERE id = given.queue_entry
"""


@transaction.atomic(savepoint=False)
def give_back(*, runs: Sequence[JobRun], now: datetime) -> None:
    """Claimed, yet never begun: the attempt is not counted, and anybody may take it at once."""
    if runs:
        values: dict[str, Any] = {
            "now": now,
            "runs": [run.pk for run in runs],
            "owners": [run.lease_owner for run in runs],
        }
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, values)
        queue.announce()


def next_attempt_at(*, run: JobRun, job: Job, now: datetime) -> datetime:
    return now + delay_before(run.attempt + 1, job.retry_delays)


def lose(*, run: JobRun, job: Job | None, error: str, now: datetime) -> bool:
    """End an attempt whose process is gone: what is left of its attempts follows at once.

    False when the lease was lost meanwhile: then nothing is written, the end is another attempt's.
    """
    start_told = attempt_journal.start_is_told(run)
    began_at = run.attempt_started_at or now
    return run.pk in end_all([Failure(run, job, error, began_at, now, now, start_told=start_told)])
