"""From a signal and a snapshot to recommended trades. Nothing here sends an order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.journal import services as journal
from apps.journal.choices import Level
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from apps.strategies import holdings
from apps.strategies.choices import OtherHoldings
from apps.strategies.domain.parameters import checked_threshold
from apps.strategies.domain.rebalance import ZERO, Advice, Candidate, FundLine, Trade, advise, largest_first
from apps.strategies.models import AdvisedTrade, MomentumSignal, PriceSeries, RebalanceAdvice
from apps.strategies.pricing import Priced, find_rates, price_lines
from apps.strategies.progress import Progress, unseen
from apps.strategies.services.signals import ComputedSignal, compute_signal

STEP = "Rebalance"
SCOPE = "strategies"
MONEY = Decimal("0.0001")
PRICE = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Advice with all that went into it; nothing of it is stored yet. `others`: holdings that are left alone."""

    at: datetime
    computed: ComputedSignal
    snapshot: PortfolioSnapshot
    threshold: float
    advice: Advice
    others: tuple[SnapshotPosition, ...]
    warnings: tuple[str, ...]


def recommend_trades(*, now: datetime, threshold: float | None = None, progress: Progress = unseen) -> Recommendation:
    """Compare the latest snapshot with a fresh signal at present prices. Stores no signal and no advice.

    Raises NoSnapshot, and whatever `compute_signal` raises.
    """
    snapshot, warnings = holdings.require_snapshot(now)
    if threshold is not None:
        checked_threshold(threshold)
    computed = compute_signal(now=now, progress=progress)
    used = computed.parameters.trade_threshold if threshold is None else threshold
    positions = holdings.positions_of(snapshot)
    mine, others = divide(positions, sell_others=computed.parameters.other_holdings == OtherHoldings.SELL)
    priced = price_all(snapshot, mine, computed)
    advice = advise(snapshot.total_equity, snapshot.cash, Decimal(str(used)), build_candidates(mine, computed, priced))
    return Recommendation(
        now, computed, snapshot, used, advice, tuple(others), (*warnings, *advice.warnings, *tell_others(others))
    )


Groups = dict[str, list[SnapshotPosition]]


def divide(positions: Collection[SnapshotPosition], *, sell_others: bool) -> tuple[Groups, list[SnapshotPosition]]:
    """What the strategy trades, by symbol, and what it leaves alone."""
    mine: Groups = {}
    others: list[SnapshotPosition] = []
    for position in positions:
        symbol = holdings.fund_of(position)
        if symbol is None and sell_others and position.instrument.sec_type == "STK" and position.quantity > 0:
            symbol = position.symbol
        if symbol is None:
            others.append(position)
        else:
            mine.setdefault(symbol, []).append(position)
    return mine, others


def tell_others(others: Collection[SnapshotPosition]) -> list[str]:
    if not others:
        return []
    names = ", ".join(dict.fromkeys(position.symbol for position in others))
    return [f"Not of this strategy and left alone, though part of the equity: {names}."]


def price_all(snapshot: PortfolioSnapshot, mine: Groups, computed: ComputedSignal) -> dict[int, Priced]:
    held = [position for positions in mine.values() for position in positions]
    currencies = {position.instrument.con_id: position.currency for position in held}
    for fund in computed.signal.selected:
        series = computed.series[fund.symbol]
        currencies.setdefault(series.con_id, series.currency)
    return price_lines(currencies, find_rates(snapshot, held, set(currencies.values())))


def build_candidates(mine: Groups, computed: ComputedSignal, priced: Mapping[int, Priced]) -> Iterator[Candidate]:
    """Everything held or wanted."""
    funds = {fund.symbol: fund for fund in computed.signal.funds}
    wanted = {fund.symbol for fund in computed.signal.selected}
    for symbol in sorted(set(mine) | wanted):
        lines = [held_line(position, priced) for position in mine.get(symbol, [])]
        fund = funds.get(symbol)
        yield Candidate(
            symbol,
            Decimal(str(fund.target_weight)) if fund else ZERO,
            largest_first(lines) or (new_line(computed.series[symbol], priced),),
            fund.reason if fund else "not a fund of the strategy",
        )


def held_line(position: SnapshotPosition, priced: Mapping[int, Priced]) -> FundLine:
    instrument = position.instrument
    found = priced[instrument.con_id]
    return FundLine(
        instrument.con_id,
        str(instrument),
        position.currency,
        position.quantity,
        position.base_value,
        found.quotation,
        found.note,
    )


def new_line(series: PriceSeries, priced: Mapping[int, Priced]) -> FundLine:
    found = priced[series.con_id]
    name = series.local_symbol or series.symbol
    return FundLine(series.con_id, name, series.currency, ZERO, ZERO, found.quotation, found.note)


@transaction.atomic
def store_advice(
    *,
    recommendation: Recommendation,
    signal: MomentumSignal,
    report: str,
    job_run: int | None = None,
    actor: str = "",
) -> RebalanceAdvice:
    """`report` is the text for people: the journal keeps its beginning, for whoever is to be notified."""
    snapshot, advice = recommendation.snapshot, recommendation.advice
    stored = RebalanceAdvice.objects.create(
        created_at=recommendation.at,
        created_by=actor[:150],
        signal=signal,
        snapshot=snapshot,
        snapshot_taken_at=snapshot.taken_at,
        account=snapshot.account.code,
        currency=snapshot.currency,
        equity=snapshot.total_equity,
        cash=snapshot.cash,
        threshold=recommendation.threshold,
        buy_count=len(advice.buys),
        sell_count=len(advice.sells),
        buy_value=advice.buy_value.quantize(MONEY),
        sell_value=advice.sell_value.quantize(MONEY),
        net_cash_flow=advice.net_cash_flow.quantize(MONEY),
        warnings=list(recommendation.warnings),
        job_run=job_run,
    )
    AdvisedTrade.objects.bulk_create(
        as_row(stored, position, trade) for position, trade in enumerate(advice.trades, start=1)
    )
    tell(stored, recommendation, report, actor)
    return stored


def as_row(stored: RebalanceAdvice, position: int, trade: Trade) -> AdvisedTrade:
    return AdvisedTrade(
        advice=stored,
        position=position,
        symbol=trade.symbol,
        con_id=trade.line.con_id,
        line=trade.line.name,
        action=trade.action,
        shares=trade.shares,
        price=trade.quotation.quoted.quantize(PRICE),
        price_unit=trade.quotation.unit,
        currency=trade.line.currency,
        price_source=trade.quotation.source,
        value=trade.value.quantize(MONEY),
        current_weight=float(trade.current_weight),
        target_weight=float(trade.target_weight),
        weight_diff=float(trade.weight_diff),
        reason=trade.reason[:255],
    )


def tell(stored: RebalanceAdvice, recommendation: Recommendation, report: str, actor: str) -> None:
    for warning in recommendation.advice.warnings:
        journal.record(step=STEP, message=warning, level=Level.WARN, scope=SCOPE, actor=actor)
    count = len(recommendation.advice.trades)
    journal.record(
        step=STEP,
        message=stored.summary,
        scope=SCOPE,
        data={"advice": stored.pk, "signal": stored.signal_id, "trades": count, "report": report[:1000]},
        actor=actor,
    )
