from __future__ import annotations

from typing import Any

from apps.broker import selectors as broker
from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.risk.choices import RunTrigger
from apps.risk.services import advance_limits, drill, emergency, reconciliation


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


@job(
    name="halt_drill",
    title="Halt drill",
    cron="30 8 * * *",
    time_zone="America/New_York",
    calendar="XNYS",
    timeout=90,
    # A stop that works at the second attempt only does not work.
    attempts=1,
    catch_up="skip",
    grace_minutes=50,
    permission=emergency.HALT,
    waits_for=broker.planned_restart,
    planned_outage=broker.planned_outage,
    wait_limit=50 * 60,
    why_then=(
        "An hour before New York opens: whoever must mend the stop has time to, and little is traded. On paper each "
        "trading day; live on the first of a month and on each after it until one has passed, as after a failure. One "
        "that could not begin before the opening is recorded as missed."
    ),
)
def halt_drill(context: JobContext) -> dict[str, Any]:
    """Presses a stop that holds nothing and follows it to the broker's list of orders; touches no order and no halt."""
    return drill.hold_drill(slot=context.run.slot, actor=context.run.started_by, log=context.log)
