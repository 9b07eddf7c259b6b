"""Rows as the gateway would have written them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.broker.choices import SessionState, Side
from apps.broker.models import Account, BrokerOrder, Execution, GatewaySession, Instrument, Position
from tradeops.lib import clock

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def account(code: str = "DU1") -> Account:
    return Account.objects.get_or_create(code=code, defaults={"mode": "paper", "base_currency": "USD", "as_of": AT})[0]


def instrument(con_id: int = 756733, symbol: str = "SPY") -> Instrument:
    values = {"symbol": symbol, "sec_type": "STK", "currency": "USD", "as_of": AT}
    return Instrument.objects.get_or_create(con_id=con_id, defaults=values)[0]


def position(quantity: int = 10, **values: Any) -> Position:
    row = {"account": account(), "instrument": instrument(), "average_cost": Decimal(500), "as_of": AT} | values
    return Position.objects.create(quantity=quantity, **row)


def order(perm_id: int = 1, **values: Any) -> BrokerOrder:
    row: dict[str, Any] = {
        "order_id": perm_id,
        "client_id": 1,
        "account": account(),
        "instrument": instrument(),
        "side": Side.BUY,
        "order_type": "LMT",
        "quantity": Decimal(10),
        "status": "Submitted",
        "first_seen_at": AT,
        "as_of": AT,
    }
    return BrokerOrder.objects.create(perm_id=perm_id, **(row | values))


def execution(exec_id: str = "a.01.01", **values: Any) -> Execution:
    row: dict[str, Any] = {
        "exec_key": exec_id.rpartition(".")[0],
        "perm_id": 1,
        "order_id": 1,
        "client_id": 1,
        "account": account(),
        "instrument": instrument(),
        "side": Side.BUY,
        "quantity": Decimal(10),
        "price": Decimal(500),
        "executed_at": AT,
        "as_of": AT,
    }
    return Execution.objects.create(exec_id=exec_id, **(row | values))


def session(state: SessionState = SessionState.READY, **values: Any) -> GatewaySession:
    row = {"state": state, "heartbeat_at": clock.now(), "synchronised_at": AT, "host": "127.0.0.1", "port": 7497}
    return GatewaySession.objects.update_or_create(id=GatewaySession.ONLY, defaults=row | values)[0]
