"""What the momentum strategy last said, and when it speaks again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.jobs import selectors as jobs
from apps.strategies import selectors as strategies
from apps.strategies.models import MomentumSignal, RebalanceAdvice, SignalRow

JOB = "weekly_rebalance"
# A week and a day: then a Sunday went by without a signal.
STALE_SECONDS = int(timedelta(days=8).total_seconds())


def signal_section(now: datetime) -> dict[str, Any]:
    signal, advice = strategies.latest_signal(), strategies.latest_advice()
    return {
        "stale_after": STALE_SECONDS,
        "next_rebalance_at": next_rebalance_at(now),
        "signal": signal_row(signal) if signal else None,
        "advice": advice_row(advice) if advice else None,
    }


def next_rebalance_at(now: datetime) -> datetime | None:
    """None while its schedule is switched off."""
    found = next((job for job in jobs.job_overview(now=now) if job.name == JOB), None)
    return found.next_due_at if found and found.enabled else None


def signal_row(signal: MomentumSignal) -> dict[str, Any]:
    rows = list(signal.rows.all())
    return {
        "id": signal.pk,
        "signal_date": signal.signal_date.isoformat(),
        "computed_at": signal.created_at,
        "cash_weight": max(0.0, round(1 - sum(row.target_weight for row in rows), 9)),
        "funds": [fund_row(row) for row in rows],
    }


def fund_row(row: SignalRow) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "symbol": row.symbol,
        "sector": row.sector,
        "momentum": row.momentum,
        "target_weight": row.target_weight,
        "selected": row.is_selected,
        "reason": row.reason,
    }


def advice_row(advice: RebalanceAdvice) -> dict[str, Any]:
    return {
        "id": advice.pk,
        "account": advice.account,
        "created_at": advice.created_at,
        "buys": advice.buy_count,
        "sells": advice.sell_count,
        "notes": len(advice.warnings),
    }
