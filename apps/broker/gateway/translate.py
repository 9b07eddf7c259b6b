"""The broker library's objects as rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from ib_async import Contract, ContractDetails, Execution, Order

from apps.broker.choices import PriceSource
from apps.broker.domain.executions import split_execution_id
from apps.broker.gateway import parsing
from apps.broker.gateway.rows import CommissionRow, ExecutionRow, InstrumentRow, OrderRow, PositionRow

DONE = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})
SMART_TYPES = frozenset({"STK", "OPT", "BAG"})


def instrument(contract: Contract, now: datetime) -> InstrumentRow:
    if not contract.conId and contract.secType != "BAG":
        raise ValueError(f"the broker sent a contract without conId: {contract}")
    return InstrumentRow(
        con_id=contract.conId,
        symbol=parsing.text(contract.symbol, 32),
        sec_type=parsing.text(contract.secType, 8),
        currency=parsing.text(contract.currency, 3),
        exchange=parsing.text(contract.exchange, 32),
        primary_exchange=parsing.text(contract.primaryExchange, 32),
        local_symbol=parsing.text(contract.localSymbol, 64),
        trading_class=parsing.text(contract.tradingClass, 32),
        expires_on=parsing.expiry(contract.lastTradeDateOrContractMonth),
        strike=parsing.price(contract.strike),
        right=contract.right[:1] if contract.right[:1] in {"C", "P"} else "",
        multiplier=parsing.multiplier(contract.multiplier),
        as_of=now,
    )


def detailed_instrument(details: ContractDetails, now: datetime) -> InstrumentRow:
    if details.contract is None:
        raise ValueError("the broker sent details without a contract")
    row = instrument(details.contract, now)
    return replace(
        row,
        min_tick=parsing.price(details.minTick),
        price_magnifier=max(1, parsing.integer(details.priceMagnifier)),
        long_name=parsing.text(details.longName, 255),
        time_zone=parsing.text(details.timeZoneId, 64),
        under_con_id=parsing.integer(details.underConId) or None,
        under_sec_type=parsing.text(details.underSecType, 8),
    )


def contract_for_data(row: InstrumentRow) -> Contract:
    """A contract that market data can be asked for: positions name the listing exchange or none at all."""
    exchange = "SMART" if row.sec_type in SMART_TYPES else row.exchange or row.primary_exchange
    return Contract(
        secType=row.sec_type,
        conId=row.con_id,
        symbol=row.symbol,
        lastTradeDateOrContractMonth=row.expires_on.strftime("%Y%m%d") if row.expires_on else "",
        strike=float(row.strike or 0),
        right=row.right,
        multiplier="" if row.multiplier == 1 else f"{row.multiplier:f}",
        exchange=exchange,
        currency=row.currency,
        localSymbol=row.local_symbol,
        tradingClass=row.trading_class,
    )


def position(account: str, contract: Contract, quantity: float, average_cost: float, now: datetime) -> PositionRow:
    return PositionRow(
        account=account,
        instrument=instrument(contract, now),
        quantity=parsing.required(quantity, "position"),
        average_cost=parsing.number(average_cost) or Decimal(0),
        as_of=now,
    )


def portfolio(account: str, contract: Contract, numbers: tuple[float, ...], now: datetime) -> PositionRow:
    quantity, market_price, market_value, average_cost, unrealized, realized = numbers
    price = parsing.price(market_price)
    return PositionRow(
        account=account,
        instrument=instrument(contract, now),
        quantity=parsing.required(quantity, "position"),
        average_cost=parsing.number(average_cost) or Decimal(0),
        as_of=now,
        market_price=price,
        market_value=parsing.number(market_value),
        unrealized_pnl=parsing.number(unrealized),
        realized_pnl=parsing.number(realized),
        price_source="" if price is None else PriceSource.PORTFOLIO,
        priced_at=now,
    )


def order(order_id: int, contract: Contract, source: Order, status: str, now: datetime) -> OrderRow:
    # An order by amount of cash states no quantity; it must not be missing from the list for that.
    quantity = parsing.number(source.totalQuantity) or Decimal(0)
    return OrderRow(
        perm_id=source.permId,
        order_id=parsing.integer(order_id),
        client_id=parsing.integer(source.clientId),
        account=source.account,
        instrument=instrument(contract, now),
        side=parsing.side(source.action),
        order_type=parsing.text(source.orderType, 16),
        quantity=quantity,
        filled=Decimal(0),
        remaining=quantity,
        limit_price=stated_price(source.lmtPrice),
        aux_price=stated_price(source.auxPrice),
        average_fill_price=None,
        time_in_force=parsing.text(source.tif, 8),
        status=parsing.text(status, 24),
        is_open=status not in DONE,
        order_ref=parsing.text(source.orderRef, 64),
        oca_group=parsing.text(source.ocaGroup, 64),
        parent_perm_id=None,
        reason="",
        as_of=now,
        trailing_percent=stated_price(source.trailingPercent),
    )


def stated_price(value: float | Decimal | None) -> Decimal | None:
    """The broker writes 0 for "has none"; negative ones exist, for combinations."""
    return parsing.number(value) or None


def completed_order(contract: Contract, source: Order, status: str, words: str, now: datetime) -> OrderRow:
    """Completed orders carry no order id, and for filled ones no total quantity either."""
    filled = parsing.number(source.filledQuantity) or Decimal(0)
    total = max(parsing.number(source.totalQuantity) or Decimal(0), filled)
    row = order(0, contract, source, status, now)
    return replace(
        row,
        quantity=total,
        filled=filled,
        remaining=total - filled,
        is_open=False,
        parent_perm_id=source.parentPermId or None,
        reason=words[:500],
    )


def execution(contract: Contract, source: Execution, now: datetime) -> ExecutionRow:
    key, revision = split_execution_id(source.execId)
    return ExecutionRow(
        exec_id=source.execId,
        exec_key=key,
        revision=revision,
        perm_id=source.permId,
        order_id=parsing.integer(source.orderId),
        client_id=parsing.integer(source.clientId),
        order_ref=parsing.text(source.orderRef, 64),
        account=source.acctNumber,
        instrument=instrument(contract, now),
        side=parsing.side(source.side),
        quantity=parsing.required(source.shares, "shares"),
        price=parsing.required(source.price, "price"),
        exchange=parsing.text(source.exchange, 32),
        executed_at=parsing.utc(source.time),
        cumulative_quantity=parsing.number(source.cumQty) or Decimal(0),
        average_price=parsing.number(source.avgPrice) or Decimal(0),
        as_of=now,
    )


def commission(exec_id: str, amount: float, currency: str, realized_pnl: float, now: datetime) -> CommissionRow | None:
    """None when the broker does not know the commission yet."""
    value = parsing.number(amount)
    if value is None:
        return None
    return CommissionRow(exec_id, value, parsing.text(currency, 3), parsing.number(realized_pnl), now)
