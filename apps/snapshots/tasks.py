from __future__ import annotations

from typing import Any

from apps.broker import selectors as broker
from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.snapshots import portfolio, services
from apps.snapshots.domain.valuation import Valuation
from apps.snapshots.exceptions import CaptureIncomplete, TooLate
from apps.snapshots.services import Capture
from apps.snapshots.trading_day import NEW_YORK, trading_day


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
    planned_outage=broker.planned_outage,
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


@job(
    name="position_snapshots",
    title="Snapshots of option positions",
    aliases=("snapshot_positions",),
    calendar=NEW_YORK,
    minutes_after_close=5,
    timeout=240,
    # Until shortly before midnight in New York the closing quotes still stand; a later run would tell of another day.
    catch_up="skip",
    grace_minutes=470,
    waits_for=broker.planned_restart,
    planned_outage=broker.planned_outage,
    why_then=(
        "That is 16:05 in New York, 13:05 on half-days: the day's orders have settled, prices are final, and the "
        "broker is asked less than at the close itself. A run that is missed is caught up once, on the same day only: "
        "values of the next day would be wrong, so later it is recorded as missed. For a fixed time empty the minutes "
        "and write a cron such as 15 16 * * 1-5 with America/New_York and the same calendar."
    ),
)
def position_snapshots(context: JobContext) -> dict[str, Any]:
    """After the New York close: how every open option trade stands, one snapshot a trade and trading day."""
    check_day(context)
    run = context.run
    found = services.capture_positions(
        now=context.now,
        meant_for=run.purpose,
        is_last_attempt=run.attempt >= run.max_attempts,
        job_run=run.pk,
        progress=context.progress,
    )
    for line in [*(str(failure) for failure in found.failed), *found.not_yet, *found.untracked, *found.notes]:
        context.log(line)
    if alert := services.tell_coverage(now=context.now):
        context.log(alert)
    hopeful = [failure for failure in found.failed if failure.may_succeed]
    if hopeful:
        raise CaptureIncomplete(f"{hopeful[0]}. {len(hopeful)} in all; the next attempt takes only what is missing.")
    return describe_capture(found)


def check_day(context: JobContext) -> None:
    """A run for a slot of another day would store today's SPY and VIX with it, whatever the option's exchange."""
    slot = context.run.purpose
    if slot is not None and (meant := trading_day(slot)) != (today := trading_day(context.now)):
        raise TooLate(f"This run was meant for {meant}; the quotes are of {today} by now. Nothing was captured.")


def describe_capture(found: Capture) -> dict[str, Any]:
    return {
        "captured": len(found.taken),
        "already": found.already,
        "incomplete": sum(bool(row.missing) for row in found.taken),
        "failed": [str(failure) for failure in found.failed],
        "not_yet": found.not_yet,
        "untracked": found.untracked,
        "notice": NO_POSITIONS if found.is_empty_book else "",
    }


NO_POSITIONS = "No open option trades: nothing to capture."
