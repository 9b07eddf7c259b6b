"""The performance figures against a table worked by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from apps.console.doctor.verdicts import Check, fail, ok
from apps.reports.domain.equity import EquityPoint
from apps.reports.domain.performance import Performance, measure
from apps.reports.domain.trades import Outcome

MONDAY = date(2026, 1, 5)
NEAR = 1e-9
REMEDY = "This version must not be trusted with figures: install a released one and run `make test`."

Figures = Mapping[str, float | None]


def points(*equities: str, flows: Mapping[int, str] | None = None) -> list[EquityPoint]:
    """One a day from a Monday on."""
    paid = flows or {}
    return [
        EquityPoint(MONDAY + timedelta(days=day), Decimal(equity), Decimal(paid.get(day, "0")))
        for day, equity in enumerate(equities)
    ]


def figures(of: Performance) -> dict[str, float | None]:
    return {
        "total return": of.total_return,
        "volatility": of.annualised_volatility,
        "Sharpe ratio": of.sharpe_ratio,
        "max drawdown": of.drawdown.depth if of.drawdown else None,
        "win rate": of.trades.win_rate,
        "profit factor": of.trades.profit_factor,
    }


# +10 %, -10 %, +10 %: mean 1/30, sample deviation 0.2 / sqrt(3).
DEVIATION = 0.2 / math.sqrt(3)
CASES: dict[str, tuple[list[EquityPoint], list[str], Figures]] = {
    "rise and fall": (
        points("100", "110", "99", "108.9"),
        ["30", "-10"],
        {
            "total return": 0.089,
            "volatility": DEVIATION * math.sqrt(252),
            "Sharpe ratio": (0.1 / 3) / DEVIATION * math.sqrt(252),
            "max drawdown": 0.1,
            "win rate": 0.5,
            "profit factor": 3.0,
        },
    ),
    "flat equity": (
        points("100", "100", "100", "100"),
        [],
        {
            "total return": 0.0,
            "volatility": 0.0,
            "Sharpe ratio": 0.0,
            "max drawdown": 0.0,
            "win rate": None,
            "profit factor": None,
        },
    ),
    "deposit is no gain": (
        points("100", "150", "150", flows={1: "50"}),
        [],
        {"total return": 0.0, "Sharpe ratio": 0.0, "max drawdown": 0.0},
    ),
    "single snapshot": (points("100"), [], {"total return": None, "volatility": None, "max drawdown": None}),
}


def try_maths() -> Iterator[Check]:
    for name, (equity, nets, expected) in CASES.items():
        found = figures(measure(equity, [Outcome(Decimal(net), Decimal(net)) for net in nets]))
        wrong = [
            f"{key} {found[key]} instead of {value}" for key, value in expected.items() if differs(found[key], value)
        ]
        if wrong:
            yield fail(f"maths, {name}", "; ".join(wrong), REMEDY)
        else:
            yield ok(f"maths, {name}", f"{len(expected)} figures as worked by hand")


def differs(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is not expected
    return not math.isclose(found, expected, rel_tol=NEAR, abs_tol=NEAR)
