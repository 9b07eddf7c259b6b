"""The broker's side, asked now and not read from the tables. What nobody can say stays Unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.broker import services as broker
from apps.broker.choices import Priority, RequestKind
from apps.risk.domain.reconciling import OpenOrder
from tradeops.lib.known import Known, Unknown

ASKED_BY = "reconciliation"
TAGS = ("NetLiquidation", "TotalCashValue", "AvailableFunds")

Quantities = dict[int, Decimal]


@dataclass(frozen=True, slots=True)
class BrokerSide:
    """Positions and open orders by conId and permanent id, values by tag in the account's currency; None: not asked."""

    positions: Known[Quantities] | Unknown
    costs: Mapping[int, Decimal | None]
    orders: Known[dict[int, OpenOrder]] | Unknown
    values: Known[dict[str, Decimal]] | Unknown | None

    @property
    def problems(self) -> list[str]:
        parts = {"positions": self.positions, "open orders": self.orders, "account values": self.values}
        return [f"{name}: {part.reason}" for name, part in parts.items() if isinstance(part, Unknown)]


def ask(account: str, *, values: bool = True) -> BrokerSide:
    positions = _ask(RequestKind.POSITIONS, account)
    orders = _ask(RequestKind.OPEN_ORDERS, account)
    summary = _ask(RequestKind.ACCOUNT_SUMMARY, account) if values else None
    return BrokerSide(
        positions=_read(positions, _quantities),
        costs={} if isinstance(positions, Unknown) else {row["con_id"]: _cost(row) for row in positions.value},
        orders=_read(orders, lambda rows: _open_orders(rows, account)),
        values=None if summary is None else _read(summary, _values),
    )


def _ask(kind: RequestKind, account: str) -> Known[Any] | Unknown:
    payload = {"account": account, "fresh": True}
    return broker.ask(kind, payload, priority=Priority.RECONCILE, requested_by=ASKED_BY)


def _read(answer: Known[Any] | Unknown, read: Any) -> Known[Any] | Unknown:
    if isinstance(answer, Unknown):
        return answer
    try:
        return Known(read(answer.value), answer.as_of)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        return Unknown(f"the broker's answer cannot be read: {type(error).__name__} {error}")


def _quantities(rows: list[dict[str, Any]]) -> Quantities:
    return {int(row["con_id"]): Decimal(row["position"]) for row in rows if Decimal(row["position"])}


def _cost(row: dict[str, Any]) -> Decimal | None:
    return Decimal(row["avg_cost"]) if row.get("avg_cost") else None


def _open_orders(rows: list[dict[str, Any]], account: str) -> dict[int, OpenOrder]:
    """An order without a permanent id has not reached the exchange: it is not open yet."""
    return {
        int(row["perm_id"]): OpenOrder(None, Decimal(row["remaining"]))
        for row in rows
        if row["account"] == account and row["perm_id"]
    }


def _values(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    return {row["tag"]: Decimal(row["value"]) for row in rows if row["tag"] in TAGS}
