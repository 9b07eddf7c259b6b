"""The 12-1 momentum signal: prices in, ranks and target weights out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from apps.strategies.domain.closes import (
    LONGEST_SILENCE_DAYS,
    RETURNS_NEEDED,
    Close,
    month_ends,
    require_returns,
    twelve_one_momentum,
)
from apps.strategies.domain.parameters import MomentumParameters
from apps.strategies.exceptions import NotEnoughHistory, StaleHistory, UnusableHistory


@dataclass(frozen=True, slots=True)
class RankedFund:
    """`month_ends`: the closes used, 14 months. `is_held_over`: selected only because it is held already."""

    symbol: str
    rank: int
    momentum: float
    month_ends: tuple[Close, ...]
    latest: Close
    is_selected: bool = False
    is_held_over: bool = False
    target_weight: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """`signal_date` is the day of the newest close; `funds` by rank."""

    signal_date: date
    funds: tuple[RankedFund, ...]

    @property
    def selected(self) -> list[RankedFund]:
        return [fund for fund in self.funds if fund.is_selected]

    @property
    def weights(self) -> dict[str, float]:
        return {fund.symbol: fund.target_weight for fund in self.funds}

    @property
    def cash_weight(self) -> float:
        return max(0.0, round(1 - sum(self.weights.values()), 12))


def momentum_signal(
    histories: Mapping[str, Sequence[Close]],
    parameters: MomentumParameters,
    *,
    incumbents: Collection[str] = (),
    today: date,
) -> Signal:
    """Raises UnusableHistory naming every fund whose closes do not suffice."""
    through = newest_day(histories, today)
    ranked = rank_funds(histories, through)
    return Signal(through, tuple(select_funds(ranked, parameters, frozenset(incumbents))))


def newest_day(histories: Mapping[str, Sequence[Close]], today: date) -> date:
    days = [close.on for closes in histories.values() for close in closes]
    if not days:
        raise NotEnoughHistory("There are no closes at all: is the gateway allowed to read history?")
    if (today - max(days)).days > LONGEST_SILENCE_DAYS:
        raise StaleHistory(f"The newest close of any fund is of {max(days)}, today is {today}: history has stopped.")
    return max(days)


def rank_funds(histories: Mapping[str, Sequence[Close]], through: date) -> list[RankedFund]:
    """Best first, rank 1 = best; equal momenta by symbol."""
    ends = usable_month_ends(histories, through)
    momenta = sorted(((-twelve_one_momentum(found), symbol) for symbol, found in ends.items()))
    return [
        RankedFund(
            symbol,
            rank,
            momentum=-negative,
            month_ends=tuple(ends[symbol][-RETURNS_NEEDED - 1 :]),
            latest=max(histories[symbol], key=lambda close: close.on),
        )
        for rank, (negative, symbol) in enumerate(momenta, start=1)
    ]


def usable_month_ends(histories: Mapping[str, Sequence[Close]], through: date) -> dict[str, list[Close]]:
    found: dict[str, list[Close]] = {}
    problems: list[UnusableHistory] = []
    for symbol, closes in sorted(histories.items()):
        try:
            found[symbol] = month_ends(symbol, closes, through)
            require_returns(symbol, found[symbol])
        except UnusableHistory as problem:
            problems.append(problem)
    if problems:
        raise type(problems[0])(" ".join(map(str, problems)))
    return found


def select_funds(
    ranked: Sequence[RankedFund], parameters: MomentumParameters, incumbents: frozenset[str]
) -> list[RankedFund]:
    """With hysteresis those held keep their places up to the exit rank; the best of the others take what is left."""
    qualified = [fund for fund in ranked if fund.momentum >= parameters.momentum_floor]
    kept = [fund.symbol for fund in qualified if parameters.hysteresis and is_kept(fund, parameters, incumbents)]
    kept = kept[: parameters.top_n]
    best = [fund.symbol for fund in qualified if fund.rank <= parameters.top_n and fund.symbol not in kept]
    selected = {*kept, *best[: parameters.top_n - len(kept)]}
    weight = target_weight(len(selected), parameters)
    return [decide(fund, fund.symbol in selected, weight, parameters) for fund in ranked]


def is_kept(fund: RankedFund, parameters: MomentumParameters, incumbents: frozenset[str]) -> bool:
    return fund.symbol in incumbents and fund.rank <= parameters.exit_rank_threshold


def target_weight(selected: int, parameters: MomentumParameters) -> float:
    """Of each selected fund, as a fraction of equity."""
    if selected == 0:
        return 0.0
    places = parameters.top_n if parameters.cash_when_fewer else selected
    return min(1 / places, parameters.max_position_weight)


def decide(fund: RankedFund, is_selected: bool, weight: float, parameters: MomentumParameters) -> RankedFund:
    held_over = is_selected and fund.rank > parameters.top_n
    return replace(
        fund,
        is_selected=is_selected,
        is_held_over=held_over,
        target_weight=weight if is_selected else 0.0,
        reason=explain(fund, is_selected, parameters),
    )


def explain(fund: RankedFund, is_selected: bool, parameters: MomentumParameters) -> str:
    top = f"the top {parameters.top_n}"
    if is_selected and fund.rank <= parameters.top_n:
        return f"rank {fund.rank} is in {top}"
    if is_selected:
        return f"held, and rank {fund.rank} is within the exit rank {parameters.exit_rank_threshold}"
    if fund.momentum < parameters.momentum_floor:
        return f"momentum {fund.momentum:+.1%} is below the floor of {parameters.momentum_floor:+.0%}"
    if fund.rank <= parameters.top_n:
        return f"rank {fund.rank} is in {top}, but holdings within the exit rank keep the places"
    return f"rank {fund.rank} is not in {top}"
