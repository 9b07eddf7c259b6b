"""A simple margin model after Reg T. Numbers are plausible, not IB's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ..types import Contract
from .account import ZERO, Account, amount
from .orders import Margins
from .valuation import Valuation

# Assumed of the real gateway: the rates below, and maintenance as a fixed share of the initial margin.
LONG_STOCK, SHORT_STOCK = Decimal("0.25"), Decimal("0.30")
SHORT_OPTION_RATE, SHORT_OPTION_MINIMUM = Decimal("0.20"), Decimal("0.10")
MAINTENANCE_SHARE = Decimal("0.9")
CENT = Decimal("0.01")


@dataclass(slots=True)
class _Lot:
    contract: Contract
    quantity: Decimal


def margins(account: Account, valuation: Valuation) -> Margins:
    """Equity with loan value leaves option values out; the premium received is in the cash, as under Reg T."""
    equity = valuation.cash(account) + valuation.holdings(account, "STK")
    initial = _stocks(account, valuation) + _options(account, valuation)
    return Margins(initial.quantize(CENT), (initial * MAINTENANCE_SHARE).quantize(CENT), equity.quantize(CENT))


def _stocks(account: Account, valuation: Valuation) -> Decimal:
    total = ZERO
    for holding in account.holdings.values():
        if holding.contract.sec_type == "STK":
            value = valuation.base_value(holding)
            total += value * LONG_STOCK if value > 0 else -value * SHORT_STOCK
    return total


def _options(account: Account, valuation: Valuation) -> Decimal:
    by_underlying: dict[tuple[int, str], list[_Lot]] = defaultdict(list)
    for holding in account.holdings.values():
        if holding.contract.sec_type == "OPT" and holding.quantity:
            key = (holding.contract.under_con_id, holding.contract.right)
            by_underlying[key].append(_Lot(holding.contract, holding.quantity))
    total = ZERO
    for (under_con_id, right), lots in by_underlying.items():
        covered = account.quantity(under_con_id) if right == "C" else ZERO
        total += _one_side(lots, max(ZERO, covered), valuation)
    return total


def _one_side(lots: list[_Lot], shares: Decimal, valuation: Valuation) -> Decimal:
    """Puts or calls of one underlying: shorts are covered by shares, then by long options, the rest is naked."""
    longs = [lot for lot in lots if lot.quantity > 0]
    total = ZERO
    for short in sorted((lot for lot in lots if lot.quantity < 0), key=lambda lot: lot.contract.strike):
        naked = -short.quantity
        by_shares = min(naked, shares // short.contract.multiplier)
        shares -= by_shares * short.contract.multiplier
        naked -= by_shares
        requirement = _naked(short.contract, valuation)
        for long in _covering(short.contract, longs):
            covered = min(naked, long.quantity)
            long.quantity -= covered
            naked -= covered
            total += covered * min(requirement, _width(short.contract, long.contract, valuation))
        total += naked * requirement
    return total


def _covering(short: Contract, longs: Iterable[_Lot]) -> list[_Lot]:
    """Long options that outlive the short one, those with the nearest strike first."""
    alive = [lot for lot in longs if lot.quantity > 0 and lot.contract.expiry >= short.expiry]
    return sorted(alive, key=lambda lot: abs(lot.contract.strike - short.strike))


def _width(short: Contract, long: Contract, valuation: Valuation) -> Decimal:
    points = short.strike - long.strike if short.right == "P" else long.strike - short.strike
    return _in_base(short, max(0.0, points), valuation)


def _naked(option: Contract, valuation: Valuation) -> Decimal:
    """Per contract: the option's value plus max(20 % of the underlying - out of the money, 10 % minimum)."""
    underlying = valuation.underlying(option)
    is_put = option.right == "P"
    out_of_money = max(0.0, underlying - option.strike if is_put else option.strike - underlying)
    floor = option.strike if is_put else underlying
    risk = max(float(SHORT_OPTION_RATE) * underlying - out_of_money, float(SHORT_OPTION_MINIMUM) * floor)
    return _in_base(option, valuation.mark(option) + risk, valuation)


def _in_base(contract: Contract, points: float, valuation: Valuation) -> Decimal:
    return amount(contract, Decimal(1), Decimal(str(points))) * valuation.rate(contract.currency)
