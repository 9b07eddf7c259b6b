"""Plain builders of what the broker states."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.broker.models import Account, Instrument
from apps.snapshots.domain.valuation import Balance, Contract, Holding, Price, Quoted, Valuation, value_portfolio

NOW = datetime(2026, 1, 15, 16, 35, tzinfo=UTC)


def contract(
    con_id: int = 1,
    symbol: str = "SXLK",
    currency: str = "USD",
    multiplier: str | None = "1",
    magnifier: int | None = 1,
) -> Contract:
    return Contract(con_id, symbol, currency, None if multiplier is None else Decimal(multiplier), magnifier)


def holding(quantity: str = "10", avg_cost: str = "90", of: Contract | None = None) -> Holding:
    return Holding(of or contract(), Decimal(quantity), Decimal(avg_cost))


def quoted(price: str | None = "100", source: str = "market", note: str = "") -> Quoted:
    return Quoted(None if price is None else Price(Decimal(price), source, NOW), note)


def balance(equity: str = "10000", cash: str = "9000", **rates: str) -> Balance:
    return Balance(Decimal(equity), Decimal(cash), "USD", {name: Decimal(rate) for name, rate in rates.items()})


def valuation(*held: Holding, quotes: dict[int, Quoted] | None = None, at: datetime = NOW, **of: str) -> Valuation:
    return value_portfolio("DU1", at, balance(**of), held, quotes or {})


def summary(account: str = "DU1", **values: str) -> list[dict[str, Any]]:
    return [{"account": account, "tag": tag, "value": value, "currency": "USD"} for tag, value in values.items()]


def stored_account(code: str = "DU1") -> Account:
    return Account.objects.create(code=code, mode="paper", base_currency="USD", as_of=NOW)


def stored_instrument(of: Contract) -> Instrument:
    return Instrument.objects.create(
        con_id=of.con_id, symbol=of.symbol, sec_type="STK", currency=of.currency, as_of=NOW
    )
