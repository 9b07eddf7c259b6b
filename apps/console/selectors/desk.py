"""The sections of the desk, each a plain value that goes on the wire as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django.db.models import DateTimeField, F, Func, Value

from apps.broker import selectors as broker
from apps.broker.choices import PriceSource
from apps.broker.models import Account, AccountPnl, AccountValue, BrokerOrder, EquityPoint, Instrument, Position
from apps.console.selectors.guards import guards_section
from apps.console.selectors.health import find_findings
from apps.console.selectors.incidents import incidents_section
from apps.console.selectors.jobs import jobs_section
from apps.console.selectors.ledger import emergencies_section, ledger_section
from apps.console.selectors.session import session_view
from apps.console.selectors.signal import signal_section
from apps.console.selectors.trading import trading_section
from tradeops.lib.known import Known, Unknown

T = TypeVar("T")

# What a number may be old before it is shown as stale. The broker restates account and portfolio every 3 minutes,
# the market's prices are at most 5 seconds behind.
ACCOUNT_STALE_SECONDS = 240
PORTFOLIO_STALE_SECONDS = 200
PRICE_STALE_SECONDS = 15
CHART_POINTS = 700
SHORTEST_STEP_SECONDS = 5

SOURCE_WORDS: dict[str, str] = {PriceSource.DELAYED_LAST: "delayed"}
RIGHTS = {"C": "call", "P": "put"}
KINDS = {
    "STK": "stock",
    "IND": "index",
    "CASH": "currency",
    "OPT": "option",
    "FUT": "future",
    "FOP": "option",
    "FUND": "fund",
    "BOND": "bond",
    "WAR": "warrant",
    "CMDTY": "commodity",
    "CRYPTO": "crypto",
}

TAGS = {"net_liquidation": "NetLiquidation", "cash": "TotalCashValue"}


def section_data(section: str, *, now: datetime) -> Any:
    return BUILDERS[section](now)


def session_section(now: datetime) -> dict[str, Any]:
    return asdict(session_view(now=now))


def health_section(now: datetime) -> dict[str, Any]:
    return {"findings": [finding.as_row() for finding in find_findings(now=now)]}


def account_section(now: datetime) -> dict[str, Any]:
    """Numbers the broker has not stated are None: shown as unknown, never as zero."""
    traded = broker.default_account()
    accounts = sorted(Account.objects.select_related("pnl"), key=lambda account: account != traded)
    values = AccountValue.objects.filter(tag__in=TAGS.values()).select_related("account")
    by_account: dict[tuple[int, str], AccountValue] = {}
    for value in values:
        # The broker states totals in the base currency, and some tags once more per currency.
        if value.currency in ("BASE", value.account.base_currency) or not value.account.base_currency:
            by_account.setdefault((value.account_id, value.tag), value)
    return {
        "stale_after": ACCOUNT_STALE_SECONDS,
        "accounts": [account_row(account, by_account) for account in accounts],
    }


def account_row(account: Account, values: dict[tuple[int, str], AccountValue]) -> dict[str, Any]:
    pnl: AccountPnl | None = getattr(account, "pnl", None)
    return {
        "code": account.code,
        "mode": account.mode,
        "currency": account.base_currency or None,
        **{name: stated(values.get((account.pk, tag))) for name, tag in TAGS.items()},
        "daily_pnl": amount(pnl.daily if pnl else None, pnl.as_of if pnl else None),
        "unrealized_pnl": amount(pnl.unrealized if pnl else None, pnl.as_of if pnl else None),
        "realized_pnl": amount(pnl.realized if pnl else None, pnl.as_of if pnl else None),
    }


def stated(value: AccountValue | None) -> dict[str, Any]:
    return amount(decimal_of(value.value), value.as_of) if value else amount(None, None)


def amount(value: Decimal | None, as_of: datetime | None) -> dict[str, Any]:
    return {"value": value, "as_of": as_of}


def decimal_of(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def positions_section(now: datetime) -> dict[str, Any]:
    return believed(broker.positions(), position_row)


def believed(answer: Known[list[T]] | Unknown, row: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """`unknown` says why nobody can tell; it is empty when the rows are what the broker has."""
    if isinstance(answer, Unknown):
        return {"unknown": answer.reason, "rows": []}
    return {"unknown": "", "rows": [row(item) for item in answer.value]}


def position_row(position: Position) -> dict[str, Any]:
    source = position.price_source
    return {
        "account": position.account.code,
        "con_id": position.instrument.con_id,
        "name": instrument_name(position.instrument),
        "kind": instrument_kind(position.instrument),
        "currency": position.instrument.currency,
        "quantity": position.quantity,
        "average_cost": position.average_cost,
        "price": position.market_price,
        "price_source": SOURCE_WORDS.get(source, source) or None,
        "value": position.market_value,
        "unrealized_pnl": position.unrealized_pnl,
        "priced_at": position.priced_at,
        "stale_after": PORTFOLIO_STALE_SECONDS if source == PriceSource.PORTFOLIO else PRICE_STALE_SECONDS,
        "as_of": position.as_of,
    }


def instrument_name(instrument: Instrument) -> str:
    """Options by what they are: the exchange's code is for machines."""
    if instrument.strike is None or instrument.expires_on is None:
        return instrument.symbol
    right = RIGHTS.get(instrument.right, "")
    return f"{instrument.symbol} {instrument.expires_on:%d %b %Y} {instrument.strike.normalize():f} {right}".strip()


def instrument_kind(instrument: Instrument) -> str:
    return RIGHTS.get(instrument.right) or KINDS.get(instrument.sec_type, instrument.sec_type.lower())


def orders_section(now: datetime) -> dict[str, Any]:
    return believed(broker.open_orders(), order_row)


def order_row(order: BrokerOrder) -> dict[str, Any]:
    return {
        "perm_id": order.perm_id,
        "account": order.account.code,
        "name": instrument_name(order.instrument),
        "currency": order.instrument.currency,
        "side": order.side,
        "type": order.order_type,
        "quantity": order.quantity,
        "filled": order.filled,
        "limit_price": order.limit_price,
        "aux_price": order.aux_price,
        "time_in_force": order.time_in_force,
        "status": order.status,
        "as_of": order.as_of,
    }


def equity_section(now: datetime) -> dict[str, Any]:
    """The day of the account that is traded, thinned to as many samples as a chart can show."""
    account = broker.default_account()
    if account is None:
        return {"account": None, "currency": None, "points": []}
    samples = broker.equity_today(account.code, now=now)
    first = samples.order_by("at").values_list("at", flat=True).first() or now
    seconds = max(SHORTEST_STEP_SECONDS, math.ceil((now - first).total_seconds() / CHART_POINTS))
    step = Func(
        Value(f"{seconds} seconds"),
        F("at"),
        Value("2000-01-01T00:00:00+00:00"),
        function="date_bin",
        template="%(function)s(%(expressions)s)",
        output_field=DateTimeField(),
    )
    points = list(samples.annotate(step=step).order_by("step", "-at").distinct("step"))
    return {
        "account": account.code,
        "currency": points[-1].currency if points else account.base_currency or None,
        "points": [point_row(point) for point in points],
    }


def point_row(point: EquityPoint) -> tuple[int, Decimal, Decimal | None]:
    return int(point.at.timestamp()), point.net_liquidation, point.daily_pnl


BUILDERS: dict[str, Callable[[datetime], Any]] = {
    "session": session_section,
    "health": health_section,
    "account": account_section,
    "equity": equity_section,
    "positions": positions_section,
    "orders": orders_section,
    "jobs": jobs_section,
    "incidents": incidents_section,
    "signal": signal_section,
    "trading": trading_section,
    "emergencies": emergencies_section,
    "ledger": ledger_section,
    "guards": guards_section,
}
SECTIONS = tuple(BUILDERS)

# Which sections a change of the mirror touches, by the topic that the gateway announces.
MIRROR_SECTIONS: dict[str, tuple[str, ...]] = {
    "session": ("session",),
    "account": ("account",),
    "pnl": ("account",),
    "positions": ("positions",),
    "orders": ("orders",),
    "executions": ("orders", "positions", "ledger"),
    "equity": ("equity",),
}
