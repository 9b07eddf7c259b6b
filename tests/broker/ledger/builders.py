"""Accounts, instruments and orders for tests of the ledger."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from apps.broker.choices import OrderPurpose, OrderType, Side, TradingMode
from apps.broker.models import Account, Instrument, Order
from tradeops.lib import clock


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
