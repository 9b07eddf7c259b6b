from __future__ import annotations

from typing import Any

from apps.broker import selectors as broker
from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.strategies import services
from apps.strategies.rebalancing import store_recommendation


@job(
    name="weekly_rebalance",
    title="Momentum signal and rebalance advice",
    aliases=("rebalance",),
    cron="0 20 * * 0",
    time_zone="UTC",
    timeout=240,
    waits_for=broker.planned_restart,
    planned_outage=broker.planned_outage,
)
def weekly_rebalance(context: JobContext) -> dict[str, Any]:
    """Ranks the sector funds and says what to trade before Monday. Sends no orders."""
    recommendation = services.recommend_trades(now=context.now, progress=context.progress)
    for warning in recommendation.warnings:
        context.log(warning)
    done = store_recommendation(recommendation=recommendation, job_run=context.run.pk)
    stored = done.advice
    return {
        "message": stored.summary,
        "advice": stored.pk,
        "signal": stored.signal_id,
        "signal_date": stored.signal.signal_date.isoformat(),
        "selected": [fund.symbol for fund in recommendation.computed.signal.selected],
        "buys": stored.buy_count,
        "sells": stored.sell_count,
        "net_cash_flow": f"{stored.net_cash_flow:.2f} {stored.currency}",
        "file": done.file.name if done.file else None,
    }


@job(
    name="monthly_signal",
    title="Momentum signal",
    aliases=("signal",),
    timeout=240,
    waits_for=broker.planned_restart,
    planned_outage=broker.planned_outage,
)
def monthly_signal(context: JobContext) -> dict[str, Any]:
    """The ranking alone, for whoever schedules it; the weekly job makes its own."""
    computed = services.compute_signal(now=context.now, progress=context.progress)
    stored = services.store_signal(computed=computed, job_run=context.run.pk)
    return {
        "signal": stored.pk,
        "signal_date": stored.signal_date.isoformat(),
        "selected": [fund.symbol for fund in computed.signal.selected],
    }
