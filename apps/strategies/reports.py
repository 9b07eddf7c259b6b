"""Signal and advice as tables for people and as documents for programs."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from apps.broker.choices import PriceSource
from apps.snapshots.models import PortfolioSnapshot
from apps.strategies.domain.momentum import RankedFund
from apps.strategies.domain.rebalance import Advice, Quotation, Trade
from apps.strategies.domain.universe import SECTORS
from apps.strategies.models.advice import trades_recommended
from apps.strategies.services.advice import Recommendation
from apps.strategies.services.signals import ComputedSignal

REPORT_WIDTH = 140


def signal_parts(computed: ComputedSignal, snapshot: PortfolioSnapshot | None) -> list[RenderableType]:
    """The ranking, what it selects, and the cash there is."""
    chosen = [f"{fund.symbol} {SECTORS[fund.symbol]} {fund.target_weight:.1%}" for fund in computed.signal.selected]
    chosen += [f"cash {computed.signal.cash_weight:.1%}"] if computed.signal.cash_weight else []
    held = ", ".join(sorted(computed.incumbents.symbols)) or "none"
    return [
        signal_table(computed),
        f"Selected: {', '.join(chosen)}",
        f"Held before: {held} ({computed.incumbents.source})",
        f"Parameters: revision {computed.revision.number}, top {computed.parameters.top_n}",
        cash_line(snapshot),
    ]


def written_report(recommendation: Recommendation) -> str:
    """Plain text for files and messages. The trades come first: a message may show no more than the beginning."""
    snapshot, advice = recommendation.snapshot, recommendation.advice
    lines = [
        f"Rebalance report of {recommendation.at:%Y-%m-%d %H:%M} UTC, account {snapshot.account}: "
        f"{trades_recommended(len(advice.trades))}, no order was sent.",
        f"Equity {snapshot.total_equity:,.2f} {snapshot.currency}, snapshot of {snapshot.taken_at:%Y-%m-%d %H:%M} UTC.",
        *(trade_line(trade, snapshot.currency) for trade in advice.trades),
        *outcome_lines(recommendation),
        "",
        as_text(signal_parts(recommendation.computed, snapshot)),
    ]
    return "\n".join(lines)


def trade_line(trade: Trade, currency: str) -> str:
    return (
        f"{trade.action.value} {trade.shares.normalize():,f} {trade.line.name} at {price_text(trade.quotation)}, "
        f"{trade.value:,.2f} {currency}: {trade.reason}"
    )


def signal_table(computed: ComputedSignal) -> Table:
    table = Table(title=f"12-1 momentum of {computed.signal.signal_date}")
    for heading in ("Rank", "Symbol", "Sector", "Momentum", "Target", "Why"):
        table.add_column(heading, justify="right" if heading in ("Rank", "Momentum", "Target") else "left")
    for fund in computed.signal.funds:
        style = "bold" if fund.is_selected else None
        table.add_row(*signal_row(fund), style=style)
    return table


def signal_row(fund: RankedFund) -> tuple[str, ...]:
    target = f"{fund.target_weight:.1%}"
    return (str(fund.rank), fund.symbol, SECTORS[fund.symbol], f"{fund.momentum:+.1%}", target, fund.reason)


def cash_line(snapshot: PortfolioSnapshot | None) -> str:
    if snapshot is None:
        return "Cash: unknown, there is no portfolio snapshot yet."
    return f"Cash: {snapshot.cash:,.2f} {snapshot.currency} (snapshot of {snapshot.taken_at:%Y-%m-%d %H:%M} UTC)"


def advice_parts(recommendation: Recommendation) -> list[RenderableType]:
    """The trades and their sums, or that there are none."""
    table = [advice_table(recommendation)] if recommendation.advice.trades else []
    return [*table, *outcome_lines(recommendation)]


def outcome_lines(recommendation: Recommendation) -> list[str]:
    advice = recommendation.advice
    if advice.trades:
        told = [footer(advice, recommendation.snapshot.currency), *price_sources(advice)]
    elif advice.warnings:
        told = ["No trades recommended; see the notes."]
    else:
        told = [f"No trades required: every weight is within {recommendation.threshold:.1%} of its target."]
    return [*told, *(f"Note: {warning}" for warning in recommendation.warnings)]


def footer(advice: Advice, currency: str) -> str:
    return (
        f"Buys: {len(advice.buys)} for about {advice.buy_value:,.2f}. Sells: {len(advice.sells)} for about "
        f"{advice.sell_value:,.2f}. Net cash flow: {advice.net_cash_flow:+,.2f} {currency}."
    )


def advice_table(recommendation: Recommendation) -> Table:
    snapshot = recommendation.snapshot
    table = Table(title=f"Recommended for {snapshot.account} (equity {snapshot.total_equity:,.2f} {snapshot.currency})")
    left = ("Action", "Symbol", "Line", "Why")
    for heading in ("Action", "Symbol", "Line", "Shares", "Price", "Value", "Now", "Target", "Why"):
        table.add_column(heading, justify="left" if heading in left else "right")
    for trade in recommendation.advice.trades:
        table.add_row(*advice_row(trade, snapshot.currency))
    return table


def advice_row(trade: Trade, currency: str) -> tuple[str, ...]:
    return (
        trade.action.value,
        trade.symbol,
        f"{trade.line.name} {trade.line.currency}",
        f"{trade.shares.normalize():,f}",
        price_text(trade.quotation),
        f"{trade.value:,.2f} {currency}",
        f"{trade.current_weight:.1%}",
        f"{trade.target_weight:.1%}",
        trade.reason,
    )


def price_text(quotation: Quotation) -> str:
    return f"{quotation.quoted:,.4f} {quotation.unit}"


def price_sources(advice: Advice) -> list[str]:
    """Where prices come from that are not live, so that nobody takes them for the market's."""
    found: dict[str, list[str]] = {}
    for trade in advice.trades:
        if trade.quotation.source != PriceSource.MARKET:
            found.setdefault(PriceSource(trade.quotation.source).label.lower(), []).append(trade.symbol)
    return [f"Not live prices: {label} of {', '.join(symbols)}." for label, symbols in sorted(found.items())]


def as_text(parts: Sequence[RenderableType]) -> str:
    """Plain, for files and messages."""
    text = StringIO()
    console = Console(file=text, width=REPORT_WIDTH, force_terminal=False)
    for part in parts:
        console.print(part)
    return text.getvalue()


def signal_document(computed: ComputedSignal) -> dict[str, Any]:
    signal = computed.signal
    return {
        "signal_date": signal.signal_date.isoformat(),
        "computed_at": computed.at.isoformat(),
        "rankings": [
            {
                "symbol": fund.symbol,
                "sector": SECTORS[fund.symbol],
                "momentum_12_1": fund.momentum,
                "rank": fund.rank,
                "target_weight": fund.target_weight,
                "selected": fund.is_selected,
                "held_over": fund.is_held_over,
                "reason": fund.reason,
                "month_end_closes": {close.on.isoformat(): close.value for close in fund.month_ends},
            }
            for fund in signal.funds
        ],
        "top_sectors": [fund.symbol for fund in signal.selected],
        "target_weights": signal.weights,
        "cash_weight": signal.cash_weight,
        "top_n": computed.parameters.top_n,
        "incumbents": sorted(computed.incumbents.symbols),
        "incumbents_from": computed.incumbents.source,
        "revision": computed.revision.number,
    }


def advice_document(recommendation: Recommendation) -> dict[str, Any]:
    """Money as numbers rounded to cents, ratios as fractions."""
    snapshot, advice = recommendation.snapshot, recommendation.advice
    return {
        "message": trades_recommended(len(advice.trades)),
        "timestamp": recommendation.at.isoformat(),
        "signal_date": recommendation.computed.signal.signal_date.isoformat(),
        "snapshot": snapshot.taken_at.isoformat(),
        "account": snapshot.account.code,
        "currency": snapshot.currency,
        "total_equity": round(float(snapshot.total_equity), 2),
        "cash": round(float(snapshot.cash), 2),
        "threshold": recommendation.threshold,
        "trades": [trade_document(trade) for trade in advice.trades],
        "buys": len(advice.buys),
        "sells": len(advice.sells),
        "buy_value": round(float(advice.buy_value), 2),
        "sell_value": round(float(advice.sell_value), 2),
        "net_cash_flow": round(float(advice.net_cash_flow), 2),
        "warnings": list(recommendation.warnings),
    }


def trade_document(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "con_id": trade.line.con_id,
        "line": trade.line.name,
        "currency": trade.line.currency,
        "action": trade.action.value,
        "shares_to_trade": float(trade.shares),
        "price": float(trade.quotation.quoted),
        "price_unit": trade.quotation.unit,
        "price_source": trade.quotation.source,
        "value": round(float(trade.value), 2),
        "current_weight": float(trade.current_weight),
        "target_weight": float(trade.target_weight),
        "weight_diff": float(trade.weight_diff),
        "reason": trade.reason,
    }
