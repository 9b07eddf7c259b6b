"""What the broker's picture of an order means for its state in the ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from apps.broker.choices import OrderState, OrderType
from apps.broker.domain.orders import ENDED
from apps.broker.gateway.rows import OrderRow

REJECTION = "(IBKR 201)"
EXPIRY = "expired"
FILLED = "Filled"


class Source(Enum):
    """Where a row comes from. A list is complete: what is not in it is not there."""

    LIVE = "a message of its own"
    OPEN = "the list of open orders"
    COMPLETED = "the list of completed orders"
    RESTED = "the list of completed orders, which has said so before"


@dataclass(frozen=True, slots=True)
class Filled:
    quantity: Decimal = Decimal(0)
    average: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of the order. `executed` by its executions alone, `filled` by the broker's count too."""

    state: OrderState
    quantity: Decimal
    executed: Filled
    filled: Filled
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    state: OrderState
    message: str


def count_filled(row: OrderRow | None, executed: Filled, most: Decimal, known: Filled) -> Filled:
    """How much is filled. Executions say so, and corrections of them, even when the order's own count is higher;
    unless that is more than they ever told: then some are on their way, or of a day that is over."""
    if row is not None and row.filled > most:
        average = row.average_fill_price
        return Filled(row.filled, None if average is None else round(average, 8))
    if most:
        return executed
    return known


def verdict(row: OrderRow | None, source: Source, known: Known) -> Verdict | None:
    """None where the broker has not said enough."""
    if known.quantity and known.executed.quantity >= known.quantity:
        return Verdict(OrderState.FILLED, _filled_words(known.executed))
    if row is None:
        return _executing(known)
    if row.status == FILLED:
        return _said_filled(row, source, known)
    if row.is_open:
        return Verdict(OrderState.WORKING, f"the broker has it: {row.status}, permanent id {row.perm_id}")
    if row.status == "Inactive" and source is Source.LIVE:
        # Refused, or only held back: the lists tell which.
        return None
    return _ended(row, known)


def _executing(known: Known) -> Verdict | None:
    """Only executions tell of it. A part of an order that has ended does not make it work again."""
    if not known.executed.quantity or known.state in ENDED:
        return None
    return Verdict(OrderState.WORKING, "the broker executes it")


def _said_filled(row: OrderRow, source: Source, known: Known) -> Verdict | None:
    """Believed when executions agree; without them only when the broker lists none for some time."""
    if row.filled and known.executed.quantity >= row.filled:
        return Verdict(OrderState.FILLED, _filled_words(known.executed))
    if source is Source.RESTED:
        part = f"{known.executed.quantity.normalize():f}" if known.executed.quantity else "nothing"
        return Verdict(OrderState.FILLED, f"{_filled_words(known.filled)}; of its executions the broker lists {part}")
    if known.state in ENDED:
        return None
    return Verdict(OrderState.WORKING, f"the broker says it is filled, permanent id {row.perm_id}; its executions "
                                       "are awaited")  # fmt: skip


def _ended(row: OrderRow, known: Known) -> Verdict:
    words, filled = row.reason or row.status, known.filled.quantity
    # Where a cancel was asked for, too, Inactive may be the end of either; its words may tell.
    refused = REJECTION in row.reason or (row.status == "Inactive" and not known.cancel_requested)
    if refused and not filled:
        return Verdict(OrderState.REJECTED, f"the broker refused it: {words}")
    part = f" after {filled.normalize():f} were filled" if filled else ""
    if EXPIRY in words.lower() and not known.cancel_requested:
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
