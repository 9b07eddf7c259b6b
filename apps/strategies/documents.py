"""Stored signals and advice as documents for programs, with the keys that the commands' `--json` uses."""

from __future__ import annotations

from typing import Any

from apps.strategies.models import AdvisedTrade, MomentumSignal, RebalanceAdvice, SignalRow


def signal_document(signal: MomentumSignal) -> dict[str, Any]:
    """Ratios as fractions."""
    rows = list(signal.rows.all())
    weights = {row.symbol: row.target_weight for row in rows}
    return {
        "id": signal.pk,
        "signal_date": signal.signal_date.isoformat(),
        "computed_at": signal.created_at.isoformat(),
        "rankings": [ranked_fund(row) for row in rows],
        "top_sectors": [row.symbol for row in rows if row.is_selected],
        "target_weights": weights,
        "cash_weight": max(0.0, round(1 - sum(weights.values()), 12)),
        "top_n": signal.top_n,
        "incumbents": signal.incumbents,
        "incumbents_from": signal.incumbents_from,
        "revision": signal.revision.number,
    }


def ranked_fund(row: SignalRow) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "sector": row.sector,
        "momentum_12_1": row.momentum,
        "rank": row.rank,
        "target_weight": row.target_weight,
        "selected": row.is_selected,
        "held_over": row.is_held_over,
        "reason": row.reason,
        "month_end_closes": row.month_end_closes,
    }


def advice_document(advice: RebalanceAdvice) -> dict[str, Any]:
    """Money as numbers rounded to cents, in `currency`; ratios as fractions."""
    trades = list(advice.trades.all())
    return {
        "id": advice.pk,
        "message": advice.summary,
        "timestamp": advice.created_at.isoformat(),
        "signal": advice.signal_id,
        "signal_date": advice.signal.signal_date.isoformat(),
        "snapshot": advice.snapshot_taken_at.isoformat(),
        "account": advice.account,
        "currency": advice.currency,
        "total_equity": round(float(advice.equity), 2),
        "cash": round(float(advice.cash), 2),
        "threshold": advice.threshold,
        "trades": [advised_trade(trade) for trade in trades],
        "buys": advice.buy_count,
        "sells": advice.sell_count,
        "buy_value": round(float(advice.buy_value), 2),
        "sell_value": round(float(advice.sell_value), 2),
        "net_cash_flow": round(float(advice.net_cash_flow), 2),
        "warnings": advice.warnings,
    }


def advised_trade(trade: AdvisedTrade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "con_id": trade.con_id,
        "line": trade.line,
        "currency": trade.currency,
        "action": trade.action,
        "shares_to_trade": float(trade.shares),
        "price": float(trade.price),
        "price_unit": trade.price_unit,
        "price_source": trade.price_source,
        "value": round(float(trade.value), 2),
        "current_weight": trade.current_weight,
        "target_weight": trade.target_weight,
        "weight_diff": trade.weight_diff,
        "reason": trade.reason,
    }
