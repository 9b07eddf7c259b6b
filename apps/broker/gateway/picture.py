"""What the broker has said during one connection, message by message, and which of it is new since a moment.

A complete answer is what was said between its question and its end: whatever is missing from that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from ib_async import Contract, Execution, Order, OrderState

from apps.broker.gateway import parsing, translate
from apps.broker.gateway.changes import Changes, Snapshot
from apps.broker.gateway.rows import CommissionRow, ExecutionRow, OrderRow, PnlRow, PositionRow, ValueRow
from apps.broker.gateway.tapped import OrderKey
from tradeops.lib import clock

# An execution explains a change of the position this long.
EXPLAINED = timedelta(seconds=2)
# "It cannot be cancelled": that an order has ended already, not how.
CANCEL_REFUSED = frozenset({10147, 10148})

K = TypeVar("K")
V = TypeVar("V")


class Sayings(Generic[K, V]):
    """The last word about each key, with its place in the order of messages."""

    def __init__(self) -> None:
        self._said: dict[K, tuple[int, V]] = {}

    def put(self, key: K, value: V, sequence: int) -> None:
        self._said[key] = (sequence, value)

    def get(self, key: K) -> V | None:
        found = self._said.get(key)
        return None if found is None else found[1]

    def since(self, sequence: int) -> dict[K, V]:
        return {key: value for key, (at, value) in self._said.items() if at > sequence}


@dataclass(frozen=True, slots=True)
class Progress:
    status: str
    filled: Decimal
    remaining: Decimal
    average: Decimal | None


class Picture:
    """The tap on one trading connection. What is new goes to `changes()` too; then `on_change(urgent)` is called.

    `on_unexplained` is called when something changed that only a question explains: another client's trade, an order
    that was refused.
    `valued` puts a fresher price than the broker's own valuation into a position where there is one.
    """

    def __init__(
        self,
        changes: Callable[[], Changes],
        on_change: Callable[[bool], None],
        on_unexplained: Callable[[], None],
        valued: Callable[[PositionRow], PositionRow],
    ) -> None:
        self.sequence = 0
        self.positions: Sayings[tuple[str, int], PositionRow] = Sayings()
        self.portfolio: Sayings[tuple[str, int], PositionRow] = Sayings()
        self.orders: Sayings[int, OrderRow] = Sayings()
        self.completed: Sayings[int, OrderRow] = Sayings()
        self.executions: Sayings[str, ExecutionRow] = Sayings()
        self.commissions: Sayings[str, CommissionRow] = Sayings()
        self.values: Sayings[tuple[str, str, str], ValueRow] = Sayings()
        self.pnl: dict[str, PnlRow] = {}
        # Once everything was told, a position that nobody has heard of is new.
        self.is_complete = False
        self.executed_at: dict[int, datetime] = {}
        self._listed: dict[int, int] = {}
        self._progress: dict[int, Progress] = {}
        self._perm_ids: dict[tuple[int, int], int] = {}
        self._names: dict[int, tuple[int, int]] = {}
        self._reasons: dict[tuple[int, int], str] = {}
        self._changes = changes
        self._on_change = on_change
        self._on_unexplained = on_unexplained
        self._valued = valued
        self._listed_since = 0

    def snapshot(self, since: int, accounts: tuple[str, ...]) -> Snapshot:
        """Everything said since the message number `since`. Call it when every answer has ended, without awaiting."""
        self._listed_since = since
        return Snapshot(
            as_of=clock.now(),
            accounts=accounts,
            positions={row.key: self._with_prices(row) for row in self.held()},
            open_orders=self.open_orders(since),
            completed=self.completed.since(since) | {k: v for k, v in self.orders.since(0).items() if not v.is_open},
            executions=self.executions.since(0),
            commissions=self.commissions.since(0),
            values=self.values.since(since),
        )

    def open_orders(self, since: int) -> dict[int, OrderRow]:
        """Those said to be open since then. One held back says Inactive, as a refused one does, but is listed."""
        return {
            perm_id: replace(row, is_open=True) if row.status == "Inactive" else row
            for perm_id, row in self.orders.since(since).items()
            if row.is_open or (row.status == "Inactive" and self._listed.get(perm_id, 0) > since)
        }

    def held(self) -> list[PositionRow]:
        """Open positions: a list that does not name one has closed it."""
        return [row for row in self.positions.since(self._listed_since).values() if row.quantity != 0]

    def reprice(self, con_ids: Collection[int]) -> None:
        """New prices for these contracts wait in `valued`."""
        for row in self.held():
            if row.instrument.con_id in con_ids:
                self._changes().put_position(self._with_prices(row))
        self._on_change(False)

    def base_value(self, row: PositionRow) -> Decimal:
        """Roughly, without sign: at cost and one to one where price or exchange rate are not known."""
        priced = self._with_prices(row)
        value = priced.market_value if priced.market_value is not None else row.quantity * row.average_cost
        rate = self.values.get((row.account, "ExchangeRate", row.instrument.currency))
        return abs(value) * (parsing.number(rate.value if rate else None) or Decimal(1))

    def accounts(self) -> set[str]:
        return {account for account, _, _ in self.values.since(0)}

    def net_liquidation(self, account: str) -> ValueRow | None:
        """In the account's own currency, not the broker's artificial BASE."""
        found = (row for key, row in self.values.since(0).items() if key[:2] == (account, "NetLiquidation"))
        return next((row for row in found if row.currency not in {"", "BASE"}), None)

    # orders

    def on_open_order(self, order_id: int, contract: Contract, order: Order, state: OrderState) -> None:
        if not order.permId:
            return
        row = translate.order(order_id, contract, order, state.status, clock.now())
        self._name(row.perm_id, row.client_id, row.order_id)
        parent = self._perm_ids.get((row.client_id, order.parentId)) if order.parentId else None
        row = replace(row, parent_perm_id=parent, reason=self._reasons.get((row.client_id, row.order_id), ""))
        progress = self._progress.get(row.perm_id)
        if progress is not None:
            row = _progressed(row, replace(progress, status=row.status))
        self._listed[row.perm_id] = self.sequence + 1
        self._put_order(row)

    def on_order_status(self, order: OrderKey, status: str, filled: float, remaining: float, average: float) -> None:
        progress = Progress(
            parsing.text(status, 24),
            parsing.number(filled) or Decimal(0),
            parsing.number(remaining) or Decimal(0),
            parsing.price(average),
        )
        self._progress[order.perm_id] = progress
        self._name(order.perm_id, order.client_id, order.order_id)
        row = self.orders.get(order.perm_id)
        if row is not None:
            self._put_order(_progressed(row, progress))
            if progress.status == "Inactive" != row.status:
                # Refused, or only held back: the lists tell which.
                self._on_unexplained()
        elif progress.status in translate.DONE:
            # A refused order is never shown as open: only the completed orders tell what it was.
            self._on_unexplained()

    def on_completed_order(self, contract: Contract, order: Order, state: OrderState) -> None:
        row = translate.completed_order(contract, order, state.status, state.completedStatus, clock.now())
        client_id, order_id = self._names.get(row.perm_id, (row.client_id, row.order_id))
        reason = self._reasons.get((client_id, order_id)) or row.reason
        row = replace(row, client_id=client_id, order_id=order_id, reason=reason)
        self.completed.put(row.perm_id, row, self._next())

    def on_order_error(self, client_id: int, order_id: int, code: int, text: str) -> None:
        """The broker's reason travels apart from the order, and may come first; it decides nothing."""
        if code in CANCEL_REFUSED and (client_id, order_id) in self._reasons:
            return
        words = f"{text} (IBKR {code})"
        self._reasons[client_id, order_id] = words[:500]
        perm_id = self._perm_ids.get((client_id, order_id))
        row = self.orders.get(perm_id) if perm_id is not None else None
        if row is not None:
            self._put_order(replace(row, reason=words[:500]))

    # executions

    def on_execution(self, contract: Contract, execution: Execution) -> None:
        """The same execution comes again with every question and sometimes twice by itself: once is enough."""
        if self.executions.get(execution.execId) is not None:
            return
        row = translate.execution(contract, execution, clock.now())
        self.executions.put(row.exec_id, row, self._next())
        self.executed_at[row.instrument.con_id] = row.as_of
        self._changes().executions[row.exec_id] = row
        self._on_change(True)

    def on_commission(self, exec_id: str, commission: float, currency: str, realized_pnl: float) -> None:
        row = translate.commission(exec_id, commission, currency, realized_pnl, clock.now())
        known = self.commissions.get(exec_id)
        if row is None or (known is not None and replace(known, as_of=row.as_of) == row):
            return
        self.commissions.put(exec_id, row, self._next())
        self._changes().commissions[exec_id] = row
        self._on_change(True)

    # accounts

    def on_position(self, account: str, contract: Contract, quantity: float, average_cost: float) -> None:
        row = translate.position(account, contract, quantity, average_cost, clock.now())
        known = self.positions.get(row.key)
        before = known.quantity if known is not None else Decimal(0)
        if self.is_complete and before != row.quantity and not self._executed_lately(row):
            self._on_unexplained()
        self.positions.put(row.key, row, self._next())
        self._changes().put_position(self._valued(row))
        self._on_change(False)

    def on_portfolio(self, account: str, contract: Contract, numbers: tuple[float, ...]) -> None:
        row = translate.portfolio(account, contract, numbers, clock.now())
        self.portfolio.put(row.key, row, self._next())
        self._changes().put_position(self._valued(row))
        self._on_change(False)

    def on_account_value(self, account: str, tag: str, value: str, currency: str) -> None:
        if not account:
            return
        row = ValueRow(account, parsing.text(tag, 64), parsing.text(currency, 8), parsing.text(value, 255), clock.now())
        self.values.put(row.key, row, self._next())
        self._changes().values[row.key] = row
        self._on_change(False)

    def on_pnl(self, account: str, daily: float, unrealized: float, realized: float) -> None:
        number = parsing.number
        row = PnlRow(account, number(daily), number(unrealized), number(realized), clock.now())
        self.pnl[account] = row
        self._changes().pnl[account] = row
        self._on_change(False)

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence

    def _name(self, perm_id: int, client_id: int, order_id: int) -> None:
        """Orders given by hand have no number of a client."""
        if order_id:
            self._perm_ids[client_id, order_id] = perm_id
            self._names[perm_id] = client_id, order_id

    def _put_order(self, row: OrderRow) -> None:
        self.orders.put(row.perm_id, row, self._next())
        self._changes().orders[row.perm_id] = row
        self._on_change(True)

    def _executed_lately(self, row: PositionRow) -> bool:
        at = self.executed_at.get(row.instrument.con_id)
        return at is not None and row.as_of - at < EXPLAINED

    def _with_prices(self, row: PositionRow) -> PositionRow:
        priced = self.portfolio.get(row.key)
        if priced is not None:
            row = replace(priced, quantity=row.quantity, average_cost=row.average_cost, as_of=row.as_of)
        return self._valued(row)


def _progressed(row: OrderRow, progress: Progress) -> OrderRow:
    return replace(
        row,
        status=progress.status,
        filled=progress.filled,
        remaining=progress.remaining,
        average_fill_price=progress.average,
        is_open=progress.status not in translate.DONE,
        as_of=clock.now(),
    )
