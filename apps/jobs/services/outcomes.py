"""What people are told when a run has ended for good."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from apps.jobs import registry
from apps.jobs.choices import UNSUCCESSFUL, RunState
from apps.jobs.models import JobRun
from apps.journal import selectors as incidents
from apps.journal import services as journal
from apps.journal.choices import Severity
from apps.journal.models import Incident

SCOPE = "jobs"


def after_final(run: JobRun) -> None:
    """To be called once, in the transaction that ends `run`, with `run` as it is now in the database.

    A failure opens the job's incident and sends one notice; a success resolves the incident, and is told of only
    then. Runs that end otherwise change nothing.
    """
    if run.state in UNSUCCESSFUL:
        _after_failure(run)
    elif run.state == RunState.SUCCEEDED:
        detail = f"{run.job} succeeded again: {run_address(run)}"
        journal.resolve_incident(key=incident_key(run.job), detail=detail, now=run.ended_at)


def after_successes(runs: Sequence[JobRun]) -> None:
    """`after_final` for runs that succeeded: one look tells which of their jobs have an incident to resolve."""
    wrong = incidents.open_among({incident_key(run.job) for run in runs})
    for run in sorted(runs, key=lambda run: run.job):  # everybody in one order: no deadlock
        if incident_key(run.job) in wrong:
            after_final(run)


def incident_key(job: str) -> str:
    return f"job:{job}"


def _after_failure(run: JobRun) -> None:
    """Every failed run is told of, unless somebody has taken the incident on or snoozed it."""
    incident = journal.open_incident(
        key=incident_key(run.job),
        title=f"Job {run.job} failed",
        severity=Severity.WARNING,
        detail=failure_text(run),
        scope=SCOPE,
        announce=False,
        now=run.ended_at,
    )
    if _wanted(incident, run):
        journal.notify(
            f"Scheduler Job Failed: {run.job}",
            failure_text(run),
            severity=incident.severity,
            key=f"run:{run.pk}:failed",
            incident=incident,
            now=run.ended_at,
        )


def _wanted(incident: Incident, run: JobRun) -> bool:
    snoozed = run.ended_at is not None and incident.is_snoozed(now=run.ended_at)
    return incident.acknowledged_at is None and not snoozed


def failure_text(run: JobRun) -> str:
    title = registry.find(run.job).title if registry.is_known(run.job) else "not a job of this version"
    counted = f"{run.attempt} of {run.max_attempts} attempts" if run.attempt else "no attempt"
    slot = f"\nMeant for: {run.slot:%Y-%m-%d %H:%M} UTC" if run.slot else ""
    return (
        f"{title} ({run.job}) failed after {counted}.\n"
        f"Error: {run.error or 'none was stated'}{slot}\n"
        f"Started by: {run.started_by}\n"
        f"Where to look: {run_address(run)}"
    )


def run_address(run: JobRun) -> str:
    return settings.PUBLIC_URL + reverse("admin:jobs_jobrun_change", args=[run.pk])
