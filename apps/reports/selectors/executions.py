"""The executions of a period and what they cost against the price that was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.broker.choices import Side
from apps.broker.models import Account, BrokerOrder, Execution, Order
from apps.reports.domain.slippage import (
    EXCLUDED_TYPES,
    SlippageFigures,
    intended_price,
    slippage_bps,
    slippage_figures,
)
from apps.reports.selectors.names import name_of
from apps.reports.selectors.trades import day_bounds, executions_of
from tradeops.lib.money import price_unit

ASSET_CLASSES = {
    "STK": "Stocks and ETFs",
    "OPT": "Options",
    "FUT": "Futures",
    "FOP": "Options on futures",
    "CASH": "Currencies",
    "FUND": "Funds",
    "CRYPTO": "Crypto",
}


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """`price` and `intended` as quoted, in `unit` (GBX where it is pence); `intended` None where the order named no
    price. `slippage` in basis points, positive = adverse."""

    at: datetime
    name: str
    sec_type: str
    side: Side
    quantity: Decimal
    price: Decimal
    unit: str
    intended: Decimal | None
    slippage: float | None
    commission: Decimal | None
    commission_currency: str


def execution_rows(*, account: Account, first: date, last: date) -> list[ExecutionRow]:
    """Oldest first, both UTC dates included. Three queries."""
    start, end = day_bounds(first, last)
    rows = list(
        executions_of(account).filter(executed_at__gte=start, executed_at__lt=end).order_by("executed_at", "id")
    )
    orders = BrokerOrder.objects.filter(account=account, perm_id__in={row.perm_id for row in rows})
    by_id = {order.perm_id: order for order in orders}
    # A market order's limit is no price that anybody meant.
    collared = Order.objects.filter(account=account, perm_id__in=by_id, is_collared=True)
    at_market = set(collared.values_list("perm_id", flat=True))
    return [_row(row, None if row.perm_id in at_market else by_id.get(row.perm_id)) for row in rows]


def _row(row: Execution, order: BrokerOrder | None) -> ExecutionRow:
    intended = _intended(row, order)
    commission = getattr(row, "commission", None)
    side = Side(row.side)
    return ExecutionRow(
        at=row.executed_at,
        name=name_of(row.instrument),
        sec_type=row.instrument.sec_type,
        side=side,
        quantity=row.quantity,
        price=row.price,
        unit=price_unit(row.instrument.currency, row.instrument.price_magnifier),
        intended=intended,
        slippage=None if intended is None else slippage_bps(side, intended, row.price),
        commission=commission.amount if commission else None,
        commission_currency=commission.currency if commission else "",
    )


def _intended(row: Execution, order: BrokerOrder | None) -> Decimal | None:
    """A combination's price says nothing of its legs."""
    if order is None or order.instrument_id != row.instrument_id or row.instrument.sec_type in EXCLUDED_TYPES:
        return None
    return intended_price(order.order_type, order.limit_price, order.aux_price)


def slippage_of(rows: Sequence[ExecutionRow]) -> SlippageFigures | None:
    return slippage_figures([row.slippage for row in rows if row.slippage is not None])


def asset_classes(rows: Sequence[ExecutionRow]) -> list[tuple[str, int]]:
    """How many executions of each class, most first."""
    counted = Counter(ASSET_CLASSES.get(row.sec_type, row.sec_type or "Unknown") for row in rows)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))
