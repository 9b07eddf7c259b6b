"""Orders and facts for tests of the verdict: all is well unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.broker.choices import OrderPurpose, OrderType, PriceSource, Side, TradingPermission
from apps.risk.domain.facts import Facts, Holding, Intent, OpenOrder, Quote
from tradeops.lib.known import Known, Unknown

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
D = Decimal


def intent(**changes: Any) -> Intent:
    base = Intent(
        con_id=1,
        symbol="SPY",
        sec_type="STK",
        currency="USD",
        side=Side.BUY,
        quantity=D(10),
        order_type=OrderType.LIMIT,
        purpose=OrderPurpose.ENTRY,
        limit_price=D("100"),
        min_tick=D("0.01"),
    )
    return replace(base, **changes)


def quote(price: str = "100", *, age: float = 1, **changes: Any) -> Known[Quote]:
    values = {"bid": D(price) - D("0.01"), "ask": D(price)} | changes
    source = values.pop("source", PriceSource.MARKET)
    return Known(Quote(D(price), source, NOW - timedelta(seconds=age), **values), NOW)


def facts(**changes: Any) -> Facts:
    base = Facts(
        now=NOW,
        permission=TradingPermission.ACTIVE,
        stop_reasons=(),
        clock_skew=0.0,
        broker_clock_offset=0.0,
        watched_at=NOW,
        session_problem="",
        restart_is_near=False,
        mode_problem="",
        restriction="",
        break_problem="",
        market_is_open=Known(True, NOW),
        broker_says_open=Unknown("not asked"),
        quote=quote(),
        equity=Known(D(100_000), NOW),
        available_funds=Known(D(100_000), NOW),
        exchange_rate=Known(D(1), NOW),
        average_volume=Known(D(1_000_000), NOW),
        holdings=Known((), NOW),
        open_orders=(),
        orders_last_second=0,
        orders_last_minute=0,
        orders_today=0,
        traded_today=0,
    )
    return replace(base, **changes)


def held(quantity: str, *, con_id: int = 1, value: str | None = "") -> Known[tuple[Holding, ...]]:
    """Worth 100 a piece unless said otherwise."""
    worth = D(quantity) * 100 if value == "" else None if value is None else D(value)
    return Known((Holding(con_id, D(quantity), worth),), NOW)


def working(side: Side = Side.BUY, quantity: str = "10", **changes: Any) -> OpenOrder:
    base = OpenOrder(
        con_id=1,
        side=side,
        remaining=D(quantity),
        purpose=OrderPurpose.ENTRY,
        created_at=NOW - timedelta(minutes=5),
        price=D(100),
        value=D(quantity) * 100,
        quantity=D(quantity),
    )
    return replace(base, **changes)
