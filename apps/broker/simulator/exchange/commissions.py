"""What the broker charges. All rates are plausible, not IB's price list."""

from __future__ import annotations

from decimal import Decimal

from ..types import Contract

# Assumed of the real gateway: fixed pricing, without exchange and clearing fees.
PER_SHARE, PER_ORDER_MINIMUM = Decimal("0.005"), Decimal("1")
PER_OPTION = Decimal("0.65")
LONDON_RATE, LONDON_MINIMUM = Decimal("0.0005"), Decimal("4")
CURRENCY_RATE, CURRENCY_MINIMUM = Decimal("0.00002"), Decimal("2")
CENT = Decimal("0.01")
LONDON = frozenset({"LSE", "LSEETF", "LSEIOB1"})


def order_commission(contract: Contract, filled: Decimal, value: Decimal) -> Decimal:
    """Commission for all of an order filled so far, in the contract's currency. `value` is what it cost, positive."""
    if filled == 0:
        return Decimal(0)
    if contract.sec_type == "OPT":
        return PER_OPTION * filled
    if contract.sec_type == "CASH":
        return max(CURRENCY_MINIMUM, (value * CURRENCY_RATE).quantize(CENT))
    if is_london(contract):
        return max(LONDON_MINIMUM, (value * LONDON_RATE).quantize(CENT))
    return max(PER_ORDER_MINIMUM, PER_SHARE * filled)


def is_london(contract: Contract) -> bool:
    return contract.primary_exchange in LONDON or contract.exchange in LONDON
