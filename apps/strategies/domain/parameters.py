"""What can be set of the momentum strategy, and which settings contradict each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.strategies.choices import OtherHoldings
from apps.strategies.domain.universe import SECTOR_FUNDS
from apps.strategies.exceptions import InvalidParameters

CURRENCIES = ("USD", "GBP")


@dataclass(frozen=True, slots=True)
class MomentumParameters:
    """Fractions, not percents.

    `exit_rank_threshold`: with hysteresis a holding keeps its place until its rank is beyond it; below `top_n` it has
    no effect. `cash_when_fewer`: each place is worth 1/top_n and places that nobody qualifies for stay cash; else those
    that qualify share everything. `currency`: of the lines whose closes are ranked and that new holdings are bought in.
    """

    top_n: int = 3
    momentum_floor: float = -0.20
    hysteresis: bool = True
    exit_rank_threshold: int = 5
    cash_when_fewer: bool = False
    max_position_weight: float = 1.0
    trade_threshold: float = 0.02
    currency: str = "USD"
    other_holdings: str = OtherHoldings.LEAVE.value

    def as_values(self) -> dict[str, Any]:
        return asdict(self)


def read_parameters(values: Mapping[str, Any]) -> MomentumParameters:
    """Raises InvalidParameters that names every key that is unknown, of the wrong kind or out of range."""
    kinds: dict[str, type] = {name: type(value) for name, value in MomentumParameters().as_values().items()}
    problems = [f"{name} is not a parameter" for name in sorted(set(values) - set(kinds))]
    problems += [
        f"{name}={value!r} must be {'a number' if kinds[name] in (int, float) else kinds[name].__name__}"
        for name, value in values.items()
        if name in kinds and not is_of_kind(value, kinds[name])
    ]
    if problems:
        raise InvalidParameters("; ".join(problems) + ".")
    converted = {name: kinds[name](value) for name, value in values.items()}
    return checked(MomentumParameters(**converted))


def is_of_kind(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float)) if kind is float else isinstance(value, kind)


def checked(parameters: MomentumParameters) -> MomentumParameters:
    """The same parameters; raises InvalidParameters with everything that is wrong with them."""
    problems = find_problems(parameters)
    if problems:
        raise InvalidParameters(" ".join(problems))
    return parameters


def find_problems(parameters: MomentumParameters) -> list[str]:
    of, count = parameters, len(SECTOR_FUNDS)
    rules = [
        (1 <= of.top_n <= count, f"top_n={of.top_n} must be 1 to {count}, the number of funds."),
        (is_within(of.momentum_floor, -1, 1), f"momentum_floor={of.momentum_floor} must be a fraction from -1 to 1."),
        (
            1 <= of.exit_rank_threshold <= count,
            f"exit_rank_threshold={of.exit_rank_threshold} must be 1 to {count}.",
        ),
        (is_within(of.trade_threshold, 0, 1), f"trade_threshold={of.trade_threshold} must be a fraction from 0 to 1."),
        (of.currency in CURRENCIES, f"currency={of.currency} must be one of {', '.join(CURRENCIES)}."),
        (
            of.other_holdings in OtherHoldings.values,
            f"other_holdings={of.other_holdings} must be one of {', '.join(OtherHoldings.values)}.",
        ),
    ]
    problems = [problem for holds, problem in rules if not holds]
    return problems or find_contradictions(parameters)


def find_contradictions(parameters: MomentumParameters) -> list[str]:
    weight, limit = 1 / parameters.top_n, parameters.max_position_weight
    if not is_within(limit, 0, 1) or limit == 0:
        return [f"max_position_weight={limit} must be a fraction above 0, up to 1."]
    if limit < weight - 1e-9:
        return [
            f"max_position_weight={limit:g} contradicts top_n={parameters.top_n}: each of {parameters.top_n} holdings "
            f"is meant to be {weight:.1%}. Raise the limit or top_n."
        ]
    return []


def checked_threshold(threshold: float) -> float:
    if not is_within(threshold, 0, 1):
        raise InvalidParameters(f"The threshold {threshold:g} must be a fraction from 0 to 1, as 0.02 for 2 %.")
    return threshold


def is_within(value: float, low: float, high: float) -> bool:
    return math.isfinite(value) and low <= value <= high
