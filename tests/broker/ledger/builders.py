"""Accounts, instruments and orders for tests of the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.broker.choices import OrderPurpose, OrderType, Side, TradingMode
from apps.broker.domain.executions import split_execution_id
from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.rows import CommissionRow, ExecutionRow, InstrumentRow, OrderRow, PositionRow, ValueRow
from apps.broker.models import Account, Instrument, Order
from tradeops.lib import clock

BEGIN = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ACCOUNT = "DU1234567"


def make_account(code: str = "DU1234567", base_currency: str = "USD") -> Account:
    values = {"mode": TradingMode.PAPER, "base_currency": base_currency, "as_of": clock.now()}
    return Account.objects.get_or_create(code=code, defaults=values)[0]


def make_instrument(symbol: str = "SPY", con_id: int = 756733, **values: Any) -> Instrument:
    defaults = {
        "symbol": symbol,
        "sec_type": "STK",
        "currency": "USD",
        "exchange": "SMART",
        "local_symbol": symbol,
        "min_tick": Decimal("0.01"),
        "as_of": clock.now(),
    }
    return Instrument.objects.get_or_create(con_id=con_id, defaults=defaults | values)[0]


def make_order(**values: Any) -> Order:
    defaults: dict[str, Any] = {
        "idempotency_key": uuid.uuid4().hex,
        "side": Side.BUY,
        "quantity": Decimal(10),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal("500"),
        "purpose": OrderPurpose.ENTRY,
        "reason": "test",
        "requested_by": "test",
    }
    account = values.pop("account", None) or make_account()
    instrument = values.pop("instrument", None) or make_instrument()
    return Order.objects.create(account=account, instrument=instrument, **(defaults | values))


def instrument_row(symbol: str = "SPY", con_id: int = 756733, **values: Any) -> InstrumentRow:
    defaults: dict[str, Any] = {
        "sec_type": "STK",
        "currency": "USD",
        "exchange": "SMART",
        "primary_exchange": "",
        "local_symbol": symbol,
        "trading_class": symbol,
        "expires_on": None,
        "strike": None,
        "right": "",
        "multiplier": Decimal(1),
        "as_of": BEGIN,
    }
    return InstrumentRow(con_id, symbol, **(defaults | values))


def execution_row(
    exec_id: str, side: Side = Side.BUY, quantity: str = "10", price: str = "100", *, second: float = 0, **values: Any
) -> ExecutionRow:
    """Executed and told so many seconds after the beginning."""
    at = BEGIN + timedelta(seconds=second)
    key, revision = split_execution_id(exec_id)
    defaults: dict[str, Any] = {
        "exec_key": key,
        "revision": revision,
        "perm_id": 1,
        "order_id": 1,
        "client_id": 1,
        "order_ref": "",
        "account": ACCOUNT,
        "instrument": instrument_row(),
        "side": side,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "exchange": "SMART",
        "executed_at": at,
        "cumulative_quantity": Decimal(0),
        "average_price": Decimal(0),
        "as_of": at,
    }
    return ExecutionRow(exec_id=exec_id, **(defaults | values))


def commission_row(exec_id: str, amount: str = "1", currency: str = "USD") -> CommissionRow:
    return CommissionRow(exec_id, Decimal(amount), currency, None, BEGIN)


def order_row(perm_id: int = 1, status: str = "Submitted", **values: Any) -> OrderRow:
    quantity = Decimal(values.pop("quantity", 10))
    filled = Decimal(values.pop("filled", 0))
    defaults: dict[str, Any] = {
        "order_id": 1,
        "client_id": 1,
        "account": ACCOUNT,
        "instrument": instrument_row(),
        "side": Side.BUY,
        "order_type": "LMT",
        "quantity": quantity,
        "filled": filled,
        "remaining": quantity - filled,
        "limit_price": Decimal(500),
        "aux_price": None,
        "average_fill_price": Decimal(100) if filled else None,
        "time_in_force": "DAY",
        "status": status,
        "is_open": status not in {"Filled", "Cancelled", "ApiCancelled", "Inactive"},
        "order_ref": "",
        "oca_group": "",
        "parent_perm_id": None,
        "reason": "",
        "as_of": BEGIN,
    }
    return OrderRow(perm_id=perm_id, status=defaults.pop("status"), **(defaults | values))


def position_row(quantity: str, instrument: InstrumentRow | None = None, *, second: float = 0) -> PositionRow:
    at = BEGIN + timedelta(seconds=second)
    return PositionRow(ACCOUNT, instrument or instrument_row(), Decimal(quantity), Decimal(100), at)


def changes(*rows: object) -> Changes:
    """What the broker said in messages of their own."""
    told = Changes()
    for row in rows:
        if isinstance(row, OrderRow):
            told.orders[row.perm_id] = row
        elif isinstance(row, ExecutionRow):
            told.executions[row.exec_id] = row
        elif isinstance(row, CommissionRow):
            told.commissions[row.exec_id] = row
        elif isinstance(row, ValueRow):
            told.values[row.key] = row
        elif isinstance(row, PositionRow):
            told.put_position(row)
        else:
            raise TypeError(row)
    return told


def snapshot(rows: Iterable[object] = (), *, completed: Iterable[OrderRow] = (), second: float = 60) -> Snapshot:
    """The broker's complete lists, asked so many seconds after the beginning."""
    told = changes(*rows)
    return Snapshot(
        as_of=BEGIN + timedelta(seconds=second),
        accounts=(ACCOUNT,),
        positions=told.positions,
        open_orders=told.orders,
        completed={row.perm_id: row for row in completed},
        executions=told.executions,
        commissions=told.commissions,
        values=told.values,
    )
