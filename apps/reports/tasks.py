from __future__ import annotations

from typing import Any

from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.reports import services
from apps.reports.domain import periods
from apps.reports.selectors.accounts import find_account


@job(
    name="weekly_report",
    title="Weekly report",
    aliases=("report",),
    cron="0 21 * * 0",
    time_zone="UTC",
    timeout=180,
    depends_on="weekly_rebalance",
    # Ready before Monday's first open, in London at 07:00 UTC in summer.
    grace_minutes=540,
    permission="reports.make_report",
)
def weekly_report(context: JobContext) -> dict[str, Any]:
    """The ISO week that ends on this Sunday; on other days, or when the run is late, the newest one that has ended."""
    due = context.run.purpose or context.now
    account, period = find_account(), periods.last_week(due.date())
    context.progress(0, 1, f"{account} {period}")
    report = services.make_report(
        account=account, period=period, now=context.now, created_by="job weekly_report", job_run=context.run.pk
    )
    context.progress(1, 1, "stored")
    return {
        "report": report.pk,
        "period": report.period,
        "account": account.code,
        "revision": report.revision,
        "bytes": report.size,
        "sha256": report.sha256,
    }
