"""What was seen when an order was judged, as it is kept with the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.risk.choices import LimitName
from apps.risk.domain.facts import Facts, Holding, OpenOrder, Quote
from apps.risk.selectors import EffectiveLimit
from tradeops.lib.known import Known, Unknown


def seen(facts: Facts, limits: Mapping[LimitName, EffectiveLimit]) -> dict[str, Any]:
    return {
        "at": facts.now.isoformat(),
        "trading": {"permission": facts.permission.value, "stops": list(facts.stop_reasons)},
        "session": facts.session_problem or "ready",
        "losses_watched_at": None if facts.watched_at is None else facts.watched_at.isoformat(),
        "quote": _quote(facts),
        "equity": _known(facts.equity),
        "available_funds": _known(facts.available_funds),
        "exchange_rate": _known(facts.exchange_rate),
        "average_volume": _known(facts.average_volume),
        "market_is_open": _known(facts.market_is_open),
        "broker_says_open": _known(facts.broker_says_open),
        "positions": _positions(facts.holdings),
        "open_orders": [_open_order(order) for order in facts.open_orders],
        "orders": {
            "last_second": facts.orders_last_second,
            "last_minute": facts.orders_last_minute,
            "today": facts.orders_today,
            "traded_today": facts.traded_today,
        },
        "limits": {name.value: _limit(limit) for name, limit in limits.items()},
    }


def _quote(facts: Facts) -> dict[str, Any]:
    if isinstance(facts.quote, Unknown):
        return {"unknown": facts.quote.reason}
    quote: Quote = facts.quote.value
    return {
        "price": str(quote.price),
        "bid": None if quote.bid is None else str(quote.bid),
        "ask": None if quote.ask is None else str(quote.ask),
        "source": quote.source.value,
        "at": quote.at.isoformat(),
        "is_halted": quote.is_halted,
        "age": round((facts.now - quote.at).total_seconds(), 3),
    }


def _known(value: Known[Any] | Unknown) -> dict[str, Any]:
    if isinstance(value, Unknown):
        return {"unknown": value.reason}
    shown = value.value if isinstance(value.value, bool) else str(value.value)
    return {"value": shown, "as_of": value.as_of.isoformat()}


def _positions(holdings: Known[tuple[Holding, ...]] | Unknown) -> dict[str, Any]:
    if isinstance(holdings, Unknown):
        return {"unknown": holdings.reason}
    rows = [
        {"con_id": row.con_id, "quantity": str(row.quantity), "value": None if row.value is None else str(row.value)}
        for row in holdings.value
    ]
    return {"value": rows, "as_of": holdings.as_of.isoformat()}


def _open_order(order: OpenOrder) -> dict[str, Any]:
    return {
        "con_id": order.con_id,
        "side": order.side.value,
        "remaining": str(order.remaining),
        "purpose": order.purpose.value,
        "value": None if order.value is None else str(order.value),
        "settling": order.is_settling,
    }


def _limit(limit: EffectiveLimit) -> dict[str, Any]:
    value = None if limit.value is None else str(limit.value)
    return {"value": value, "revision": limit.revision.pk if limit.revision else None}
