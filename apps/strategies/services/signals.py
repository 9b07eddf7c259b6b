"""Computing and storing the momentum signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.journal import services as journal
from apps.strategies import incumbents
from apps.strategies.domain.momentum import RankedFund, Signal, momentum_signal
from apps.strategies.domain.parameters import MomentumParameters, checked, read_parameters
from apps.strategies.domain.universe import SECTORS
from apps.strategies.incumbents import Incumbents
from apps.strategies.models import MomentumSignal, ParametersRevision, PriceSeries, SignalRow
from apps.strategies.price_history import load_histories, london_date
from apps.strategies.progress import Progress, unseen
from apps.strategies.services.parameters import active_revision

STEP = "Signal"
SCOPE = "strategies"
PRICE = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class ComputedSignal:
    """A signal with all that went into it; nothing of it is stored yet. `parameters` include what was overridden."""

    at: datetime
    signal: Signal
    revision: ParametersRevision
    parameters: MomentumParameters
    incumbents: Incumbents
    series: Mapping[str, PriceSeries]


def compute_signal(*, now: datetime, top_n: int | None = None, progress: Progress = unseen) -> ComputedSignal:
    """Bring the closes up to date and rank the funds. Stores closes, and no signal.

    Raises StrategyError when closes or parameters do not allow it.
    """
    revision = active_revision()
    parameters = read_parameters(revision.values)
    if top_n is not None:
        parameters = checked(replace(parameters, top_n=top_n))
    held = incumbents.find_incumbents(now=now, parameters=parameters)
    histories = load_histories(now=now, currency=parameters.currency, progress=progress)
    signal = momentum_signal(
        {symbol: found.closes for symbol, found in histories.items()},
        parameters,
        incumbents=held.symbols,
        today=london_date(now),
    )
    series = {symbol: found.series for symbol, found in histories.items()}
    return ComputedSignal(now, signal, revision, parameters, held, series)


@transaction.atomic
def store_signal(*, computed: ComputedSignal, job_run: int | None = None, actor: str = "") -> MomentumSignal:
    stored = MomentumSignal.objects.create(
        signal_date=computed.signal.signal_date,
        created_at=computed.at,
        created_by=actor[:150],
        revision=computed.revision,
        top_n=computed.parameters.top_n,
        incumbents=sorted(computed.incumbents.symbols),
        incumbents_from=computed.incumbents.source,
        job_run=job_run,
    )
    SignalRow.objects.bulk_create(as_row(stored, fund, computed.series[fund.symbol]) for fund in computed.signal.funds)
    chosen = ", ".join(f"{fund.symbol} {fund.target_weight:.1%}" for fund in computed.signal.selected) or "cash"
    journal.record(
        step=STEP,
        message=f"momentum of {stored.signal_date}: {chosen}",
        scope=SCOPE,
        data={"signal": stored.pk, "weights": computed.signal.weights, "revision": computed.revision.number},
        actor=actor,
    )
    return stored


def as_row(stored: MomentumSignal, fund: RankedFund, series: PriceSeries) -> SignalRow:
    return SignalRow(
        signal=stored,
        rank=fund.rank,
        symbol=fund.symbol,
        sector=SECTORS[fund.symbol],
        momentum=fund.momentum,
        is_selected=fund.is_selected,
        is_held_over=fund.is_held_over,
        target_weight=fund.target_weight,
        reason=fund.reason,
        con_id=series.con_id,
        currency=series.currency,
        month_end_closes={close.on.isoformat(): close.value for close in fund.month_ends},
        latest_close=Decimal(str(fund.latest.value)).quantize(PRICE),
        latest_on=fund.latest.on,
    )
