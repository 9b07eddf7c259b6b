"""The momentum signal and the advice that followed from it."""

from __future__ import annotations

from datetime import datetime

from apps.reports.document.blocks import Block, Column, Points, Section, Table, Text
from apps.reports.domain.wording import moment, money, percent, price, quantity
from apps.reports.facts import Facts
from apps.reports.selectors.trades import day_bounds
from apps.strategies.models import AdvisedTrade, MomentumSignal, RebalanceAdvice, SignalRow

HEADING = "Signal and advice"
NONE = "No momentum signal had been computed by the end of this period."
NO_ADVICE = "No rebalance advice was given for this account by the end of this period."


def signal_and_advice(facts: Facts) -> Section:
    """The newest of the period; of before, and said so, where it has none."""
    if facts.signal is None:
        return Section(HEADING, [Text(NONE)])
    return Section(HEADING, [*_signal(facts, facts.signal), *_advice(facts, facts.advice)])


def _signal(facts: Facts, signal: MomentumSignal) -> list[Block]:
    rows = list(signal.rows.all())
    chosen = ", ".join(f"{row.symbol} {percent(row.target_weight, 1)}" for row in rows if row.is_selected) or "cash"
    told = f"12-1 momentum of {signal.signal_date}, computed {moment(signal.created_at)} by parameters revision "
    told += f"{signal.revision.number}: {chosen}."
    columns = [
        Column("Rank", 0.6, "right"),
        Column("Fund", 0.8),
        Column("Sector", 1.9),
        Column("Momentum", 1.1, "right"),
        Column("Target", 0.9, "right"),
        Column("Why", 5.6),
    ]
    table = Table(columns, [_ranked(row) for row in rows], signed=[3])
    return [Text(told + _older(facts, signal.created_at < _begun(facts))), table]


def _ranked(row: SignalRow) -> list[str]:
    momentum, target = percent(row.momentum, 1, signed=True), percent(row.target_weight, 1)
    return [str(row.rank), row.symbol, row.sector, momentum, target, row.reason]


def _advice(facts: Facts, advice: RebalanceAdvice | None) -> list[Block]:
    if advice is None:
        return [Text(NO_ADVICE)]
    told = f"Advice of {moment(advice.created_at)} on the portfolio of {moment(advice.snapshot_taken_at)}: "
    told += f"{advice.summary}. No order was sent." + _older(facts, advice.created_at < _begun(facts))
    blocks: list[Block] = [Text(told)]
    trades = list(advice.trades.all())
    if trades:
        blocks.append(_trades(advice, trades))
    return [*blocks, Points(list(advice.warnings))] if advice.warnings else blocks


def _trades(advice: RebalanceAdvice, trades: list[AdvisedTrade]) -> Table:
    columns = [
        Column("Action", 0.8),
        Column("Fund", 0.8),
        Column("Line", 0.9),
        Column("Shares", 0.9, "right"),
        Column("Price", 1.5, "right"),
        Column(f"Value in {advice.currency}", 1.5, "right"),
        Column("Now", 0.8, "right"),
        Column("Target", 0.8, "right"),
        Column("Why", 5.2),
    ]
    caption = (
        f"Buys about {money(advice.buy_value)}, sells about {money(advice.sell_value)}, net cash flow "
        f"{money(advice.net_cash_flow, signed=True)} {advice.currency}. Prices of that moment."
    )
    return Table(columns, [_trade(trade) for trade in trades], caption=caption)


def _trade(trade: AdvisedTrade) -> list[str]:
    return [
        trade.action,
        trade.symbol,
        trade.line,
        quantity(trade.shares),
        f"{price(trade.price, 4)} {trade.price_unit}".strip(),
        money(trade.value),
        percent(trade.current_weight, 1),
        percent(trade.target_weight, 1),
        trade.reason,
    ]


def _begun(facts: Facts) -> datetime:
    return day_bounds(facts.period.first, facts.period.last)[0]


def _older(facts: Facts, is_older: bool) -> str:
    return f" There was none in {facts.period.label}: this is the newest of before." if is_older else ""
