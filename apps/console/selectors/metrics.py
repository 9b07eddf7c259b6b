"""The figures that alert rules and dashboards ask for, under the names that the runbook relies on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from apps.broker import selectors as broker
from apps.broker.models import Account
from apps.console.health.rules import is_bot_running
from apps.jobs import selectors as jobs
from apps.reports.exceptions import ReportsError
from apps.reports.selectors.performance import performance_of
from apps.reports.selectors.trades import win_rate_of
from apps.risk import emergency_selectors
from apps.risk.breaker_selectors import breaker_views
from apps.risk.day import read_day, read_peak
from apps.risk.domain.monitors import drawdown_of
from apps.risk.monitoring import read_equity
from apps.risk.selectors import effective_limits, values_of
from tradeops.lib.known import Known, Unknown

BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}
# Below two daily returns a Sharpe ratio is 0 by definition only.
LEAST_RETURNS = 2
NO_ACCOUNT = "it is not known which account is traded"
NO_BACKUPS = "backups are not made by the platform yet"


@dataclass(frozen=True, slots=True)
class Metric:
    """`value` Unknown is not zero: it is left out of the exposition, and told apart by `metric_known`."""

    name: str
    help: str
    value: Known[float] | Unknown
    labels: dict[str, str] = field(default_factory=dict)


def read_metrics(*, now: datetime) -> list[Metric]:
    account = broker.default_account()
    return [*_platform(now), *_portfolio(account, now), *_performance(account, now), *_breakers(now), *_backups()]


def _platform(now: datetime) -> Iterator[Metric]:
    session, worker = broker.session(now=now), jobs.worker_state(now=now)
    runs = is_bot_running(session, worker)
    yield Metric("bot_running", "1 while gateway and worker live", Known(float(runs), now))
    yield Metric("api_connected", "1 while IB itself is reached", Known(float(session.is_connected), now))
    stops = emergency_selectors.stops_in_force()
    yield Metric("trading_halted", "1 while anything stops trading", Known(float(bool(stops)), now))
    beat = session.heartbeat_at
    value = Known(beat.timestamp(), beat) if beat else Unknown("the gateway has never run")
    yield Metric("last_heartbeat", "Of the gateway, seconds since 1970", value)


def _portfolio(account: Account | None, now: datetime) -> Iterator[Metric]:
    equity = _equity(account, now)
    labels = {"account": account.code, "currency": account.base_currency} if account else {}
    yield Metric("total_equity", "Net liquidation value", _as_float(equity), labels)
    pnl = _daily_pnl(account, equity, now)
    yield Metric("daily_pnl", "Profit and loss since midnight in New York, payments taken out", pnl, labels)
    held = broker.positions(account.code) if account else Unknown(NO_ACCOUNT)
    count = held if isinstance(held, Unknown) else Known(float(len(held.value)), held.as_of)
    yield Metric("open_positions", "Positions held", count, labels)
    yield Metric(
        "drawdown", "Fraction below the peak of the equity, payments taken out", _drawdown(account, equity, now), labels
    )


def _equity(account: Account | None, now: datetime) -> Known[Decimal] | Unknown:
    if account is None:
        return Unknown(NO_ACCOUNT)
    return read_equity(account, values_of(effective_limits(account=account.code, now=now)), now=now, may_ask=False)


def _daily_pnl(account: Account | None, equity: Known[Decimal] | Unknown, now: datetime) -> Known[float] | Unknown:
    if isinstance(equity, Unknown) or account is None:
        return equity if isinstance(equity, Unknown) else Unknown(NO_ACCOUNT)
    today = read_day(account, equity, now)
    return today if isinstance(today, Unknown) else Known(float(today.pnl), equity.as_of)


def _drawdown(account: Account | None, equity: Known[Decimal] | Unknown, now: datetime) -> Known[float] | Unknown:
    if isinstance(equity, Unknown) or account is None:
        return equity if isinstance(equity, Unknown) else Unknown(NO_ACCOUNT)
    peak = read_peak(account, now)
    if peak is None:
        return Unknown("no peak is known yet")
    return Known(float(drawdown_of(equity.value, max(peak, equity.value))), equity.as_of)


def _performance(account: Account | None, now: datetime) -> Iterator[Metric]:
    labels = {"account": account.code} if account else {}
    yield Metric("win_rate", "Share of closed round trips that won", _win_rate(account, now), labels)
    yield Metric("sharpe_ratio", "Of daily returns, annualised", _sharpe_ratio(account, now), labels)


def _win_rate(account: Account | None, now: datetime) -> Known[float] | Unknown:
    share = win_rate_of(account=account) if account else None
    return Unknown("no round trip has been closed yet") if share is None else Known(share, now)


def _sharpe_ratio(account: Account | None, now: datetime) -> Known[float] | Unknown:
    if account is None:
        return Unknown(NO_ACCOUNT)
    try:
        _, performance = performance_of(account=account)
    except ReportsError as error:
        return Unknown(str(error))
    if performance.sharpe_ratio is None or performance.returns < LEAST_RETURNS:
        return Unknown("fewer than two daily returns are known")
    return Known(performance.sharpe_ratio, now)


def _breakers(now: datetime) -> Iterator[Metric]:
    for view in breaker_views(now=now):
        value = Known(float(BREAKER_STATES[view.state]), now)
        yield Metric("circuit_breaker_state", "0 closed, 1 half-open, 2 open", value, {"breaker": view.name})


def _backups() -> Iterator[Metric]:
    yield Metric("backup_count", "Backups kept", Unknown(NO_BACKUPS))
    yield Metric("last_backup_time", "Of the newest backup, seconds since 1970", Unknown(NO_BACKUPS))


def _as_float(value: Known[Decimal] | Unknown) -> Known[float] | Unknown:
    return value if isinstance(value, Unknown) else Known(float(value.value), value.as_of)
