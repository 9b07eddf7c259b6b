"""Reading the broker's answers. A missing or unreadable number is an error, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.snapshots.domain.valuation import Balance, Contract, Holding, Price, Quoted
from apps.snapshots.exceptions import IncompleteAnswer, NoAccount

EQUITY = "NetLiquidation"
CASH = "TotalCashValue"
RATE = "ExchangeRate"


def find_decimal(text: Any) -> Decimal | None:
    """None for nothing and for what is no finite number."""
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def choose_account(wanted: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The account named, or the only one there is."""
    accounts = sorted({str(row["account"]) for row in rows} - {"All", ""})
    if wanted and wanted in accounts:
        return wanted
    if wanted:
        raise NoAccount(f"The broker does not know account {wanted}; it knows {', '.join(accounts) or 'none'}.")
    if len(accounts) != 1:
        found = ", ".join(accounts) or "none"
        raise NoAccount(f"Which account? The broker knows {found}: name one with IBKR_ACCOUNT or --account.")
    return accounts[0]


def read_balance(account: str, rows: Iterable[Mapping[str, Any]]) -> Balance:
    mine = [row for row in rows if row["account"] == account]
    equity, currency = _amount(mine, EQUITY)
    cash, cash_currency = _amount(mine, CASH)
    if cash_currency != currency:
        raise IncompleteAnswer(f"The broker states {EQUITY} in {currency} but {CASH} in {cash_currency}.")
    return Balance(equity, cash, currency, read_rates(mine))


def read_rates(rows: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    found = ((row["currency"], find_decimal(row["value"])) for row in rows if row["tag"] == RATE)
    return {currency: rate for currency, rate in found if rate is not None and rate > 0}


def _amount(rows: Iterable[Mapping[str, Any]], tag: str) -> tuple[Decimal, str]:
    stated = [row for row in rows if row["tag"] == tag and row["currency"] not in ("", "BASE")]
    amounts = [(find_decimal(row["value"]), str(row["currency"])) for row in stated]
    if len(amounts) != 1 or amounts[0][0] is None:
        found = ", ".join(f"{row['value']} {row['currency']}" for row in stated) or "nothing"
        raise IncompleteAnswer(f"The broker's account summary must state one {tag}; it states {found}. Take it again.")
    return amounts[0][0], amounts[0][1]


def read_quote(row: Mapping[str, Any], now: datetime) -> Quoted:
    value, source, note = find_decimal(row.get("price")), row.get("price_source"), row.get("note") or ""
    if value is None or value <= 0 or not source:
        return Quoted(None, note)
    return Quoted(Price(value, source, datetime.fromisoformat(row["at"]) if row.get("at") else now), note)


def read_contract(position: Mapping[str, Any], details: Mapping[str, Any] | None) -> Contract:
    """From a position and the contract's details, None where the broker knows none."""
    multiplier = find_decimal(details["multiplier"]) if details else None
    return Contract(
        con_id=position["con_id"],
        symbol=position["symbol"],
        currency=position["currency"],
        multiplier=multiplier,
        price_magnifier=int(details["price_magnifier"]) if details and multiplier else None,
        local_symbol=str(details["local_symbol"] or "").strip() if details else "",
    )


def read_holding(position: Mapping[str, Any], contract: Contract) -> Holding:
    quantity, avg_cost = (_required(position, name) for name in ("position", "avg_cost"))
    return Holding(contract, quantity, avg_cost)


def _required(position: Mapping[str, Any], name: str) -> Decimal:
    number = find_decimal(position[name])
    if number is None:
        raise IncompleteAnswer(f"The broker's {name} of {position['symbol']} is not a number: {position[name]!r}.")
    return number
