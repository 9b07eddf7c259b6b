"""What is watched after trades are made. Pure: what was read, the limits and what is breached already decide."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from apps.broker.choices import Scope, StopEnding, TradingPermission
from apps.risk.choices import LimitName, MonitorRule
from apps.risk.domain.limits import Limits
from tradeops.lib.known import Known, Unknown

# A drawdown stop ends at this share of its limit: 12 % where the limit is 15 %.
RECOVERED = Decimal("0.8")
# A stop that a person has lifted comes back when it is worse by this share of its limit.
WORSE = Decimal("0.25")
# An equity this young after midnight in New York is the day's start; later, the day's result is taken off first.
EARLY = timedelta(minutes=10)
COUNTED = frozenset({MonitorRule.LOSS_STREAK, MonitorRule.REJECTS, MonitorRule.ROUND_TRIPS})

Number = Known[Decimal] | Unknown


@dataclass(frozen=True, slots=True)
class Readings:
    """Amounts in the account's currency, payments taken out: `day_start` and `peak` are shifted by them, `total` is the
    day's profit and loss without them (`domain/day.py`). `realised` since midnight in New York, net of commissions.

    Streaks by strategy; the empty name stands for people's own orders. `round_trips` of the last hour, by strategy,
    that no person had a hand in; they are counted afresh once a person has lifted their stop.
    """

    account: str
    equity: Number
    day_start: Decimal | None
    total: Number
    peak: Decimal | None
    realised: Number
    exposure: Number
    loss_streaks: Mapping[str, int] = field(default_factory=dict)
    reject_streaks: Mapping[str, int] = field(default_factory=dict)
    round_trips: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    rule: MonitorRule
    scope: Scope
    target: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How one rule stands. `is_breached` None: nobody can say, and nothing changes."""

    key: Key
    is_breached: bool | None
    value: Decimal | None
    limit: Decimal
    sentence: str


PERMISSIONS = {
    MonitorRule.GROSS_EXPOSURE: TradingPermission.REDUCING,
    MonitorRule.DAILY_LOSS_EARLY: TradingPermission.REDUCING,
}
ENDINGS = {
    MonitorRule.DAILY_LOSS_REALISED: StopEnding.NEXT_TRADING_DAY,
    MonitorRule.DAILY_LOSS_TOTAL: StopEnding.NEXT_TRADING_DAY,
    MonitorRule.DAILY_LOSS_EARLY: StopEnding.NEXT_TRADING_DAY,
    MonitorRule.DRAWDOWN: StopEnding.RECOVERY,
    MonitorRule.GROSS_EXPOSURE: StopEnding.RECOVERY,
    MonitorRule.LOSS_STREAK: StopEnding.PERSON,
    MonitorRule.REJECTS: StopEnding.PERSON,
    MonitorRule.ROUND_TRIPS: StopEnding.PERSON,
}


WORDS = {
    MonitorRule.LOSS_STREAK: "losing trades in a row",
    MonitorRule.REJECTS: "orders refused in a row",
    MonitorRule.ROUND_TRIPS: "round trips within an hour that no person had a hand in",
}


def permission_of(rule: MonitorRule) -> TradingPermission:
    return PERMISSIONS.get(rule, TradingPermission.HALTED)


def day_start_equity(
    equity: Decimal, daily_pnl: Decimal | None, *, now: datetime, day_began_at: datetime
) -> tuple[Decimal, str]:
    """The equity that the day began with, and where that is known from."""
    if now - day_began_at <= EARLY:
        return equity, "equity at midnight in New York"
    if daily_pnl is not None:
        return equity - daily_pnl, "equity less the broker's profit and loss of the day"
    return equity, "equity when first seen that day: what happened before is not known"


def judge(readings: Readings, limits: Limits, *, active: Collection[Key]) -> list[Reading]:
    """How every rule stands. `active`: the breaches that stand."""
    return [
        *_daily_losses(readings, limits, active),
        *_drawdown(readings, limits, active),
        *_exposure(readings, limits),
        *_streaks(MonitorRule.LOSS_STREAK, readings, readings.loss_streaks, limits[LimitName.MAX_LOSS_STREAK]),
        *_streaks(MonitorRule.REJECTS, readings, readings.reject_streaks, limits[LimitName.MAX_CONSECUTIVE_REJECTS]),
        *_streaks(MonitorRule.ROUND_TRIPS, readings, readings.round_trips, limits[LimitName.MAX_ROUND_TRIPS_PER_HOUR]),
    ]


def drawdown_of(equity: Decimal, peak: Decimal) -> Decimal:
    """(peak - equity) / peak, a fraction; 1 where the peak is not positive."""
    return (peak - equity) / peak if peak > 0 else Decimal(1)


def is_drawn_down(drawdown: Decimal, limit: Decimal, *, was: bool) -> bool:
    """Begins above the limit, ends below 80 % of it."""
    return drawdown >= limit * RECOVERED if was else drawdown > limit


def is_worse(rule: MonitorRule, value: Decimal, limit: Decimal, *, released: Decimal) -> bool:
    """Is it so much worse than when a person lifted its stop that the stop comes back?"""
    return value > released if rule in COUNTED else value >= released + limit * WORSE


def _daily_losses(readings: Readings, limits: Limits, active: Collection[Key]) -> Iterator[Reading]:
    start = readings.day_start
    for rule, pnl, name in (
        (MonitorRule.DAILY_LOSS_REALISED, readings.realised, LimitName.MAX_DAILY_LOSS),
        (MonitorRule.DAILY_LOSS_TOTAL, readings.total, LimitName.MAX_DAILY_LOSS),
        (MonitorRule.DAILY_LOSS_EARLY, readings.total, LimitName.REDUCING_DAILY_LOSS),
    ):
        if (limit := limits[name]) is not None:
            yield _daily_loss(rule, readings, pnl, start, limit, active)


def _daily_loss(
    rule: MonitorRule,
    readings: Readings,
    pnl: Number,
    start: Decimal | None,
    limit: Decimal,
    active: Collection[Key],
) -> Reading:
    """Once breached it stands for the day, whatever is won back."""
    key = Key(rule, Scope.ACCOUNT, readings.account)
    name = "realised" if rule is MonitorRule.DAILY_LOSS_REALISED else "total"
    if isinstance(pnl, Unknown):
        return Reading(key, None, None, limit, f"daily loss, {name}: {pnl.reason}")
    if start is None:
        return Reading(key, None, None, limit, f"daily loss, {name}: the day's start is not known")
    loss = -pnl.value / start if start > 0 else Decimal(1)
    sentence = f"daily loss, {name}: {_percent(loss)} of the day's start of {start:,.2f} (limit {_percent(limit)})"
    return Reading(key, loss > limit or key in active, loss, limit, sentence)


def _drawdown(readings: Readings, limits: Limits, active: Collection[Key]) -> Iterator[Reading]:
    limit = limits[LimitName.MAX_DRAWDOWN_LIMIT]
    if limit is None:
        return
    key = Key(MonitorRule.DRAWDOWN, Scope.ACCOUNT, readings.account)
    equity, peak = readings.equity, readings.peak
    if isinstance(equity, Unknown) or peak is None:
        reason = equity.reason if isinstance(equity, Unknown) else "no peak is known"
        yield Reading(key, None, None, limit, f"drawdown: {reason}")
        return
    drawdown = drawdown_of(equity.value, peak)
    sentence = (
        f"drawdown of {_percent(drawdown)} from the peak of {peak:,.2f} (limit {_percent(limit)}, "
        f"over below {_percent(limit * RECOVERED)})"
    )
    yield Reading(key, is_drawn_down(drawdown, limit, was=key in active), drawdown, limit, sentence)


def _exposure(readings: Readings, limits: Limits) -> Iterator[Reading]:
    limit = limits[LimitName.MAX_GROSS_EXPOSURE]
    if limit is None:
        return
    key = Key(MonitorRule.GROSS_EXPOSURE, Scope.ACCOUNT, readings.account)
    exposure, equity = readings.exposure, readings.equity
    for part in (exposure, equity):
        if isinstance(part, Unknown):
            yield Reading(key, None, None, limit, f"gross exposure: {part.reason}")
            return
    if isinstance(exposure, Known) and isinstance(equity, Known):
        share = exposure.value / equity.value if equity.value > 0 else limit + 1
        sentence = f"gross exposure of {share:.2f} times the equity (limit {limit:.2f})"
        yield Reading(key, share > limit, share, limit, sentence)


def _streaks(
    rule: MonitorRule, readings: Readings, streaks: Mapping[str, int], limit: Decimal | None
) -> Iterator[Reading]:
    if limit is None:
        return
    for strategy, count in streaks.items():
        scope, target = (Scope.STRATEGY, strategy) if strategy else (Scope.ACCOUNT, readings.account)
        sentence = f"{strategy or 'people'}: {count} {WORDS[rule]} (limit {limit:.0f})"
        yield Reading(Key(rule, scope, target), count >= limit, Decimal(count), limit, sentence)


def _percent(fraction: Decimal) -> str:
    return f"{fraction * 100:.2f} %"
