from __future__ import annotations

from typing import Any

from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.risk.choices import RunTrigger
from apps.risk.services import advance_limits, reconciliation


@job(
    name="reconciliation",
    title="Reconciliation with the broker",
    aliases=("reconcile",),
    cron="*/10 * * * *",
    time_zone="UTC",
    timeout=120,
    attempts=1,
    # The next one is ten minutes away, and the sentinel compares after every reconnection.
    catch_up="skip",
    grace_minutes=30,
    permission="risk.run_reconciliation",
)
def reconcile(context: JobContext) -> dict[str, Any]:
    """Positions, open orders, executions and account values of the ledger against the broker's."""
    run = reconciliation.reconcile(trigger=RunTrigger.SCHEDULE, requested_by="job reconciliation")
    if run.problem:
        context.log(run.problem)
    return {"run": run.pk, "verdict": run.verdict, "differences": len(run.report.get("differences", []))}


@job(name="limits", title="Put cooled-off limits in force, end exceptions", cron="7 * * * *", timeout=60)
def limits(context: JobContext) -> dict[str, Any]:
    """An exception that has expired holds no longer, whether this has run or not."""
    return {"changed": advance_limits(now=context.now)}
