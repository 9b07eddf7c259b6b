"""The broker's answers under the names that clients of the API know; money becomes JSON numbers only here."""

from __future__ import annotations

import math
from typing import Any

SUMMARY_TAGS = frozenset(
    {
        "TotalCashValue",
        "CashBalance",
        "NetLiquidation",
        "GrossPositionValue",
        "AvailableFunds",
        "UnrealizedPnL",
        "RealizedPnL",
    }
)


def account_value_row(item: dict[str, Any]) -> dict[str, Any] | None:
    """None for tags that this endpoint does not show."""
    if item["tag"] not in SUMMARY_TAGS:
        return None
    return {"tag": item["tag"], "value": number(item["value"]), "currency": item["currency"]}


def position_row(item: dict[str, Any]) -> dict[str, Any]:
    texts = {name: item[name] for name in ("symbol", "exchange", "currency")}
    names = ("position", "avg_cost", "market_price", "market_value", "unrealised_pnl", "realised_pnl")
    return {**texts, **{name: number(item[name]) for name in names}}


def open_order_row(item: dict[str, Any]) -> dict[str, Any]:
    texts = {name: item[name] for name in ("symbol", "exchange", "currency", "action", "order_type", "status")}
    names = ("total_qty", "filled", "remaining", "lmt_price", "aux_price")
    row = {"order_id": item["order_id"], **texts, **{name: number(item[name]) for name in names}}
    return {name: row[name] for name in ORDER_FIELDS}


ORDER_FIELDS = (
    "order_id",
    "symbol",
    "exchange",
    "currency",
    "action",
    "order_type",
    "total_qty",
    "filled",
    "remaining",
    "status",
    "lmt_price",
    "aux_price",
)


def number(value: Any) -> float | None:
    """None where the broker states nothing: unknown is not zero."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None
