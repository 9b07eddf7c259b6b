"""What the broker's picture of an order means for its state in the ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from apps.broker.choices import OrderState, OrderType
from apps.broker.gateway.rows import OrderRow

REJECTION = "(IBKR 201)"
EXPIRY = "expired"


class Source(Enum):
    """Where a row comes from. A list is complete: what is not in it is not there."""

    LIVE = "a message of its own"
    OPEN = "the list of open orders"
    COMPLETED = "the list of completed orders"


@dataclass(frozen=True, slots=True)
class Filled:
    quantity: Decimal = Decimal(0)
    average: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    state: OrderState
    message: str


def verdict(
    row: OrderRow | None, source: Source, filled: Filled, *, wanted: Decimal, cancel_requested: bool
) -> Verdict | None:
    """None where the broker has not said enough. `wanted` is the ledger's quantity."""
    if wanted and filled.quantity >= wanted:
        return Verdict(OrderState.FILLED, _filled_words(filled))
    if row is None:
        return Verdict(OrderState.WORKING, "the broker executes it") if filled.quantity else None
    if row.status == "Filled":
        return Verdict(OrderState.FILLED, _filled_words(filled))
    if row.is_open:
        return Verdict(OrderState.WORKING, f"the broker has it: {row.status}, permanent id {row.perm_id}")
    if row.status == "Inactive" and source is Source.LIVE:
        # Refused, or only held back: the lists tell which.
        return None
    return _ended(row, filled, cancel_requested)


def _ended(row: OrderRow, filled: Filled, cancel_requested: bool) -> Verdict:
    words = row.reason or row.status
    refused = row.status == "Inactive" or REJECTION in row.reason
    if refused and not filled.quantity and not cancel_requested:
        return Verdict(OrderState.REJECTED, f"the broker refused it: {words}")
    part = f" after {filled.quantity.normalize():f} were filled" if filled.quantity else ""
    if EXPIRY in words.lower() and not cancel_requested:
        return Verdict(OrderState.EXPIRED, f"expired at the broker{part}")
    return Verdict(OrderState.CANCELLED, f"cancelled at the broker{part}: {words}")


def _filled_words(filled: Filled) -> str:
    price = f" at {filled.average.normalize():f}" if filled.average is not None else ""
    return f"filled {filled.quantity.normalize():f}{price}"


def shows(row: OrderRow, changes: Mapping[str, str], order_type: OrderType) -> bool:
    """Does the broker show these new terms?"""
    seen = {"quantity": row.quantity, "limit_price": row.limit_price, "trailing_amount": row.aux_price}
    if order_type is not OrderType.TRAILING_STOP:
        # The stop of a trailing order moves by itself.
        seen["stop_price"] = row.aux_price
    seen["trailing_fraction"] = None if row.trailing_percent is None else row.trailing_percent / 100
    return all(seen[name] == Decimal(value) for name, value in changes.items() if name in seen)
