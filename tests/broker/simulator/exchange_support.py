"""An exchange over a real simulated market, and a listener that writes everything down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.broker.simulator.exchange import CommissionReport, Exchange, Execution, Leg, Order, OrderRequest
from apps.broker.simulator.market import Market
from apps.broker.simulator.types import Contract, MarketSettings, Query

START = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # a Friday, 10:30 in New York
ACCOUNT = "DU1234567"


@dataclass
class Notebook:
    """`events` is the order of messages; statuses are copied because orders change in place."""

    events: list[str] = field(default_factory=list)
    statuses: list[tuple[int, str, Decimal, str]] = field(default_factory=list)
    opened: list[Order] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    commissions: list[CommissionReport] = field(default_factory=list)
    positions: list[tuple[str, int]] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    errors: list[tuple[int, int, int, str]] = field(default_factory=list)

    def order_opened(self, order: Order) -> None:
        self.events.append("openOrder")
        self.opened.append(order)

    def order_status(self, order: Order) -> None:
        self.events.append(f"status {order.status}")
        self.statuses.append((order.order_id, order.status, order.filled, order.why_held))

    def executed(self, execution: Execution) -> None:
        self.events.append("execution")
        self.executions.append(execution)

    def commission(self, report: CommissionReport) -> None:
        self.events.append("commission")
        self.commissions.append(report)

    def position_changed(self, account: str, con_id: int) -> None:
        self.events.append("position")
        self.positions.append((account, con_id))

    def account_changed(self, account: str) -> None:
        self.events.append("account")
        self.accounts.append(account)

    def error(self, client_id: int, order_id: int, code: int, text: str) -> None:
        self.events.append(f"error {code}")
        self.errors.append((client_id, order_id, code, text))

    def codes(self) -> list[int]:
        return [code for _, _, code, _ in self.errors]

    def states(self, order_id: int) -> list[str]:
        return [status for number, status, _, _ in self.statuses if number == order_id]

    def clear(self) -> None:
        for name in vars(self):
            getattr(self, name).clear()


class Floor:
    """One market, one exchange, one notebook."""

    def __init__(self, *accounts: str, seed: int = 7, start: datetime = START) -> None:
        self.market = Market(MarketSettings(seed=seed, start=start, tick_interval=0))
        self.exchange = Exchange(self.market, accounts or (ACCOUNT,), seed)
        self.heard = Notebook()
        self.exchange.listener = self.heard

    def contract(self, symbol: str) -> Contract:
        return self.market.find(Query(symbol=symbol, sec_type="STK", currency="USD"))[0]

    def request(
        self, order_id: int, action: str, quantity: object, order_type: str = "MKT", symbol: str = "AAPL", **more: Any
    ) -> OrderRequest:
        query = more.pop("query", None) or Query(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")
        values = {"client_id": 1, **more}
        return OrderRequest(
            order_id=order_id,
            query=query,
            action=action,
            quantity=Decimal(str(quantity)),
            order_type=order_type,
            **values,
        )

    def place(self, order_id: int, action: str, quantity: object, order_type: str = "MKT", **more: Any) -> Order | None:
        self.exchange.place(self.request(order_id, action, quantity, order_type, **more))
        return self.order(order_id, more.get("client_id", 1))

    def order(self, order_id: int, client_id: int = 1) -> Order | None:
        everything = [*self.exchange.open_orders(), *self.exchange.completed_orders()]
        found = [order for order in everything if (order.client_id, order.order_id) == (client_id, order_id)]
        return max(found, key=lambda order: order.perm_id, default=None)

    def move(self, symbol: str, price: float) -> None:
        contract = self.market.set_price(symbol, price)
        self.exchange.on_market_change(frozenset({contract.con_id}))

    def tick(self, steps: int = 1) -> None:
        self.exchange.on_market_change(self.market.tick(steps))

    def value(self, key: str, currency: str = "USD", account: str = ACCOUNT) -> Decimal:
        values = self.exchange.account_values(account)
        return Decimal(next(each.value for each in values if (each.key, each.currency) == (key, currency)))

    def held(self, symbol: str = "AAPL", account: str = ACCOUNT) -> Decimal:
        position = self.exchange.position(account, self.contract(symbol).con_id)
        return position.quantity if position else Decimal(0)

    def short_put(self, symbol: str) -> Contract:
        for position in self.exchange.positions(ACCOUNT):
            if position.contract.sec_type == "OPT" and position.contract.symbol == symbol:
                return position.contract
        raise AssertionError(f"no put on {symbol}")

    def put_spread(self, sold: Contract, bought: Contract, **more: Any) -> dict[str, Any]:
        legs = (Leg(sold.con_id, 1, "SELL", "SMART"), Leg(bought.con_id, 1, "BUY", "SMART"))
        query = Query(symbol=sold.symbol, sec_type="BAG", exchange="SMART", currency="USD")
        return {"query": query, "legs": legs, **more}
