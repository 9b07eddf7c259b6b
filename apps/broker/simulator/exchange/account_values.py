"""The key and value pairs of an account: totals in the base currency, and the ledger of every currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from .account import ZERO, Account
from .margin import LONG_STOCK, margins
from .records import AccountValue
from .valuation import BASE_CURRENCY, Valuation

CENT = Decimal("0.01")
SEGMENT_KEYS = (
    "NetLiquidation",
    "TotalCashValue",
    "EquityWithLoanValue",
    "GrossPositionValue",
    "InitMarginReq",
    "MaintMarginReq",
    "AvailableFunds",
    "ExcessLiquidity",
    "FullInitMarginReq",
    "FullMaintMarginReq",
    "FullAvailableFunds",
    "FullExcessLiquidity",
    "LookAheadInitMarginReq",
    "LookAheadMaintMarginReq",
    "LookAheadAvailableFunds",
    "LookAheadExcessLiquidity",
    "AccruedCash",
    "PreviousDayEquityWithLoanValue",
    "RegTEquity",
    "RegTMargin",
    "SMA",
    "NetLiquidationUncertainty",
)


def account_values(account: Account, valuation: Valuation) -> list[AccountValue]:
    """As the account update stream has them: plain facts, totals, the securities segment (-S), ledgers."""
    totals = _totals(account, valuation)
    values = [AccountValue(key, value, "") for key, value in _facts(account, valuation, totals).items()]
    values += [AccountValue(key, _text(value), BASE_CURRENCY) for key, value in totals.items()]
    values += [AccountValue(f"{key}-S", _text(totals[key]), BASE_CURRENCY) for key in SEGMENT_KEYS if key in totals]
    for currency in ("BASE", *_currencies(account)):
        values += [AccountValue(key, value, currency) for key, value in _ledger(account, valuation, currency).items()]
    return values


def summary(account: Account, valuation: Valuation, tags: Iterable[str]) -> list[AccountValue]:
    """Only the tags asked for; `$LEDGER`, `$LEDGER:EUR` and `$LEDGER:ALL` bring ledgers. Unknown tags are ignored."""
    totals = _totals(account, valuation)
    facts = _facts(account, valuation, totals)
    values: list[AccountValue] = []
    for tag in tags:
        if tag in totals:
            values.append(AccountValue(tag, _text(totals[tag]), BASE_CURRENCY))
        elif tag in facts:
            values.append(AccountValue(tag, facts[tag], ""))
        elif tag.startswith("$LEDGER"):
            values += _ledgers(account, valuation, tag)
    return values


def _ledgers(account: Account, valuation: Valuation, tag: str) -> list[AccountValue]:
    _, _, wanted = tag.partition(":")
    known = ["BASE", *_currencies(account)]
    chosen = known if wanted == "ALL" else [wanted or "BASE"]
    return [
        AccountValue(key, value, currency)
        for currency in chosen
        if currency in known
        for key, value in _ledger(account, valuation, currency).items()
    ]


def _totals(account: Account, valuation: Valuation) -> dict[str, Decimal]:
    now = margins(account, valuation)
    cash = valuation.cash(account)
    available = now.equity_with_loan - now.initial
    excess = now.equity_with_loan - now.maintenance
    totals = {
        "NetLiquidation": cash + valuation.holdings(account),
        "TotalCashValue": cash,
        "SettledCash": cash,
        "AccruedCash": ZERO,
        "EquityWithLoanValue": now.equity_with_loan,
        "PreviousDayEquityWithLoanValue": now.equity_with_loan,
        "GrossPositionValue": valuation.gross(account),
        "AvailableFunds": available,
        "ExcessLiquidity": excess,
        "BuyingPower": max(ZERO, available / LONG_STOCK),
        "RegTEquity": now.equity_with_loan,
        # Assumed of the real gateway: Reg T asks twice the broker's own initial margin; SMA is what is left of it.
        "RegTMargin": now.initial * 2,
        "SMA": max(ZERO, now.equity_with_loan - now.initial * 2),
        "NetLiquidationUncertainty": ZERO,
    }
    for prefix in ("", "Full", "LookAhead"):
        totals[prefix + "InitMarginReq"], totals[prefix + "MaintMarginReq"] = now.initial, now.maintenance
        totals[prefix + "AvailableFunds"], totals[prefix + "ExcessLiquidity"] = available, excess
    return totals


def _facts(account: Account, valuation: Valuation, totals: dict[str, Decimal]) -> dict[str, str]:
    net = totals["NetLiquidation"]
    cushion = totals["ExcessLiquidity"] / net if net else ZERO
    leverage = totals["GrossPositionValue"] / net if net else ZERO
    return {
        "AccountCode": account.code,
        "AccountOrGroup": account.code,
        "AccountReady": "true",
        "AccountType": "INDIVIDUAL",
        "Currency": BASE_CURRENCY,
        "Cushion": f"{cushion:.6f}",
        "DayTradesRemaining": "-1",
        "DayTradesRemainingT+1": "-1",
        "DayTradesRemainingT+2": "-1",
        "DayTradesRemainingT+3": "-1",
        "DayTradesRemainingT+4": "-1",
        "HighestSeverity": "0",
        "Leverage": f"{leverage:.2f}",
        "Leverage-S": f"{leverage:.2f}",
        "LookAheadNextChange": "0",
        "SegmentTitle-S": "Securities",
        "TradingType-S": "STKNOPT",
        "WhatIfPMEnabled": "true",
    }


def _currencies(account: Account) -> list[str]:
    held = {holding.contract.currency for holding in account.holdings.values()}
    return sorted({*account.cash, *held, BASE_CURRENCY})


def _ledger(account: Account, valuation: Valuation, currency: str) -> dict[str, str]:
    """Cash, values and P&L of one currency, in that currency; BASE is all of them in the base currency."""
    names: Sequence[str] = _currencies(account) if currency == "BASE" else [currency]
    cash = stocks = options = unrealized = realized = ZERO
    for name in names:
        rate = valuation.rate(name) if currency == "BASE" else Decimal(1)
        cash += account.cash.get(name, ZERO) * rate
        for holding in account.holdings.values():
            if holding.contract.currency != name:
                continue
            value = valuation.value(holding) * rate
            stocks += value if holding.contract.sec_type == "STK" else ZERO
            options += value if holding.contract.sec_type == "OPT" else ZERO
            unrealized += valuation.unrealized(holding) * rate
            realized += holding.realized_today * rate
    rate = Decimal(1) if currency == "BASE" else valuation.rate(currency)
    return {
        "Currency": currency,
        "CashBalance": _text(cash),
        "TotalCashBalance": _text(cash),
        "AccruedCash": "0.00",
        "StockMarketValue": _text(stocks),
        "OptionMarketValue": _text(options),
        "FutureOptionValue": "0.00",
        "FuturesPNL": "0.00",
        "FundValue": "0.00",
        "MutualFundValue": "0.00",
        "MoneyMarketFundValue": "0.00",
        "CorporateBondValue": "0.00",
        "TBondValue": "0.00",
        "TBillValue": "0.00",
        "WarrantValue": "0.00",
        "FxCashBalance": "0.00",
        "NetLiquidationByCurrency": _text(cash + stocks + options),
        "UnrealizedPnL": _text(unrealized),
        "RealizedPnL": _text(realized),
        "ExchangeRate": f"{rate:.7f}",
        "NetDividend": "0.00",
        "IssuerOptionValue": "0.00",
        "RealCurrency": BASE_CURRENCY if currency == "BASE" else currency,
    }


def _text(value: Decimal) -> str:
    return str(value.quantize(CENT))
