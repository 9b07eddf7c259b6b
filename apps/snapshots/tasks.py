from __future__ import annotations

from typing import Any

from apps.broker import selectors as broker
from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.snapshots import portfolio, services
from apps.snapshots.domain.valuation import Valuation


@job(
    name="daily_snapshot",
    title="Portfolio snapshot",
    aliases=("snapshot",),
    cron="35 16 * * *",
    time_zone="UTC",
    timeout=180,
    # A later run would capture another day: until shortly before midnight the date is still right.
    catch_up="skip",
    grace_minutes=420,
    waits_for=broker.planned_restart,
)
def daily_snapshot(context: JobContext) -> dict[str, Any]:
    """After the London close: the account's worth and positions, one snapshot a UTC date."""
    context.progress(0, 2, "asking the broker")
    valuation = portfolio.read_portfolio(account="", now=context.now)
    for remark in services.remarks(valuation):
        context.log(remark)
    context.progress(1, 2, "storing")
    snapshot = services.store_snapshot(valuation=valuation, job_run=context.run.pk)
    context.progress(2, 2, "stored")
    return {"snapshot": snapshot.pk, "date": snapshot.date.isoformat(), **describe(valuation)}


def describe(valuation: Valuation) -> dict[str, Any]:
    """Money as text: the result is stored as JSON, which has no decimals."""
    balance = valuation.balance
    return {
        "account": valuation.account,
        "total_equity": f"{balance.equity:.2f}",
        "cash": f"{balance.cash:.2f}",
        "currency": balance.currency,
        "positions": len(valuation.positions),
        "price_sources": valuation.sources,
    }
