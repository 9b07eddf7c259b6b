"""When a limit is breached, and when that is over: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.choices import Scope
from apps.risk.choices import MonitorRule
from apps.risk.domain.limits import defaults
from apps.risk.domain.monitors import (
    Key,
    Reading,
    Readings,
    day_start_equity,
    is_drawn_down,
    is_worse,
    judge,
)
from tradeops.lib.known import Known, Unknown

# A Tuesday, 11:00 in New York.
NOW = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
D = Decimal
LIMITS = defaults()


def after(**ago: float) -> datetime:
    return NOW + timedelta(**ago)


def known(value: float | int | str | Decimal) -> Known[Decimal]:
    return Known(D(str(value)), NOW)


def readings(**values: Any) -> Readings:
    base: dict[str, Any] = {
        "account": "DU1",
        "equity": known(100_000),
        "day_start": D(100_000),
        "peak": D(100_000),
        "realised": known(0),
        "exposure": known(0),
    }
    found = base | values
    if "total" not in found:
        equity, start = found["equity"], found["day_start"]
        found["total"] = equity if isinstance(equity, Unknown) else known(equity.value - start)
    return Readings(**found)


def breached(found: list[Reading]) -> set[str]:
    return {row.key.rule.value for row in found if row.is_breached}


def key(rule: MonitorRule) -> Key:
    return Key(rule, Scope.ACCOUNT, "DU1")


@pytest.mark.mission(186)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"realised": known(-3000)}, set()),
        ({"realised": known("-3000.01")}, {"daily_loss_realised"}),
        ({"equity": known(98_000)}, set()),
        ({"equity": known("97999.99")}, {"daily_loss_early"}),
        ({"equity": known(97_000), "peak": D(97_000)}, {"daily_loss_early"}),
        ({"equity": known("96999.99"), "peak": D(97_000)}, {"daily_loss_early", "daily_loss_total"}),
        ({"equity": known(84_999), "day_start": D(84_999)}, {"drawdown"}),
        ({"equity": known(85_000), "day_start": D(85_000)}, set()),
        ({"exposure": known(200_001)}, {"gross_exposure"}),
        ({"equity": known(0)}, {"daily_loss_early", "daily_loss_total", "drawdown", "gross_exposure"}),
        ({"loss_streaks": {"momentum": 8}}, {"loss_streak"}),
        ({"loss_streaks": {"momentum": 7}, "reject_streaks": {"": 5}}, {"rejects"}),
        ({"round_trips": {"momentum": 19}}, set()),
        ({"round_trips": {"momentum": 20}}, {"round_trips"}),
    ],
)
def test_limit_is_breached_beyond_its_value(values: dict[str, Any], expected: set[str]) -> None:
    assert breached(judge(readings(**values), LIMITS, active=[])) == expected


@pytest.mark.mission(186)
@pytest.mark.parametrize(
    ("drawdown", "was", "expected"),
    [
        ("0.1499", False, False),
        ("0.15", False, False),
        ("0.1501", False, True),
        ("0.1499", True, True),
        ("0.13", True, True),
        ("0.12", True, True),
        ("0.1199", True, False),
        ("0.1199", False, False),
        ("0.13", False, False),
    ],
)
def test_drawdown_begins_above_15_percent_and_ends_below_12(drawdown: str, was: bool, expected: bool) -> None:
    assert is_drawn_down(D(drawdown), D("0.15"), was=was) is expected


@given(st.lists(st.integers(0, 100), max_size=40), st.integers(1, 99))
def test_drawdown_stop_never_flickers_between_its_two_thresholds(path: list[int], limit: int) -> None:
    standing, bound = False, D(limit) / 100
    for percent in path:
        value, before = D(percent) / 100, standing
        standing = is_drawn_down(value, bound, was=standing)
        if standing and not before:
            assert value > bound
        if before and not standing:
            assert value < bound * D("0.8")


def test_daily_loss_stands_for_the_day_whatever_is_won_back() -> None:
    active = [key(MonitorRule.DAILY_LOSS_TOTAL)]
    assert breached(judge(readings(), LIMITS, active=active)) == {"daily_loss_total"}


def test_unknown_equity_breaches_nothing_and_clears_nothing() -> None:
    active = [key(rule) for rule in (MonitorRule.DAILY_LOSS_TOTAL, MonitorRule.DRAWDOWN, MonitorRule.GROSS_EXPOSURE)]
    found = {row.key: row for row in judge(readings(equity=Unknown("stale")), LIMITS, active=active)}
    assert all(found[each].is_breached is None and "stale" in found[each].sentence for each in active)


amounts = st.decimals(min_value=-(10**6), max_value=10**6, places=2)


@given(amounts, amounts, amounts)
def test_daily_loss_is_measured_against_the_days_start_alone(equity: Decimal, start: Decimal, pnl: Decimal) -> None:
    values = readings(equity=known(equity), day_start=start, peak=max(equity, start), realised=known(pnl))
    found = breached(judge(values, LIMITS, active=[]))
    allowed = -D("0.03") * start
    assert ("daily_loss_total" in found) is (start <= 0 or equity - start < allowed)
    assert ("daily_loss_realised" in found) is (start <= 0 or pnl < allowed)


def test_day_start_takes_the_days_result_off_unless_the_day_is_young() -> None:
    midnight = NOW
    assert day_start_equity(D(100), D(-5), now=after(minutes=10), day_began_at=midnight)[0] == 100
    assert day_start_equity(D(100), D(-5), now=after(minutes=11), day_began_at=midnight)[0] == 105
    equity, source = day_start_equity(D(100), None, now=after(hours=1), day_began_at=midnight)
    assert equity == 100 and "not known" in source


def test_lifted_stop_comes_back_only_when_it_is_worse() -> None:
    rule, limit = MonitorRule.DAILY_LOSS_TOTAL, D("0.03")
    assert not is_worse(rule, D("0.0374"), limit, released=D("0.03"))
    assert is_worse(rule, D("0.0375"), limit, released=D("0.03"))
    assert [is_worse(MonitorRule.LOSS_STREAK, D(count), D(8), released=D(8)) for count in (8, 9)] == [False, True]
